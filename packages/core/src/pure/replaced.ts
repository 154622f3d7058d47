import type { Claim, TaskRow } from './record.js';
import { isClaimed } from './record.js';
import { stateOf } from './state.js';

/** Whether a task was never started, under any of its idempotency keys. The caller checks that it is not claimed. */
function isUnstarted({ attempts, edition = 0 }: TaskRow): boolean {
  return attempts === 0 && edition === 0;
}

/** Whether two tasks wait for the same parents. */
function haveSameParents({ after: one = [] }: TaskRow, { after: other = [] }: TaskRow): boolean {
  return one.length === other.length && one.every((id, place) => id === other[place]);
}

/**
 * Whether the next task of the same key replaces a task: nothing of the task was sent or is being sent, nobody has to
 * decide about it, and the next task waits for the same parents. The caller checks that no other task of the lane is
 * between them, because that task may need what the first one does.
 */
export function isReplaceable(row: TaskRow, next: TaskRow, claims: readonly Claim[]): boolean {
  if (row.strange === true || next.strange === true || stateOf(row) === 'dead') return false;

  return isUnstarted(row) && !isClaimed(row, claims) && haveSameParents(row, next);
}
