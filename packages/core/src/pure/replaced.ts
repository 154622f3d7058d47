import { isMerged } from './merge.js';
import type { Claim, TaskRow } from './record.js';
import { isClaimed } from './record.js';
import { isDead } from './state.js';

/** Whether nothing of a task was sent or is being sent, and nobody has to decide about it. */
function isUnstarted(row: TaskRow, claims: readonly Claim[]): boolean {
  const { attempts, edition = 0, strange, cancelled } = row;
  if (strange === true || cancelled === true || isDead(row)) return false;

  return attempts === 0 && edition === 0 && !isClaimed(row, claims);
}

/** Whether two tasks wait for the same parents. */
function haveSameParents({ after: one = [] }: TaskRow, { after: other = [] }: TaskRow): boolean {
  return one.length === other.length && one.every((id, place) => id === other[place]);
}

/**
 * Whether the next task of the same key replaces a task: the task was never started, and the next task is not dead and
 * waits for the same parents. If they are merged, the next task was never started either. The caller checks that no other
 * task of the lane is between them, because that task may need what the first one does.
 */
export function isReplaceable(row: TaskRow, next: TaskRow, claims: readonly Claim[]): boolean {
  if (isDead(next) || next.strange === true || !isUnstarted(row, claims) || !haveSameParents(row, next)) return false;

  return !isMerged(row, next) || isUnstarted(next, claims);
}
