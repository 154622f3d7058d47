import type { NewTask, TaskRow } from './record.js';
import { withPayload } from './record.js';
import { isDead } from './state.js';
import { dueAfter, dueOn, revived } from './transitions.js';

/** What an edit gives a row: the new payload, and what follows from it. */
export interface Correction {
  readonly payload: NewTask['payload'];
  readonly version: number;
  readonly gate: string;
}

/** Whether a row that no runner has claimed may be edited: it was never started, or it is dead. */
export function isEditable(row: TaskRow): boolean {
  return row.attempts === 0 || isDead(row);
}

/**
 * The row with a new payload, in its place: id, `seq`, lane, priority and run-at stay. A dead one gets a new idempotency
 * key, since what was sent under the old one is not edited, and counts anew. It stands under its run-at, if that is
 * still to come, else it is due at once.
 */
export function corrected(row: TaskRow, { payload, version, gate }: Correction, wall: number): TaskRow {
  const next = { ...withPayload(isDead(row) ? anew(row) : row, payload, version), gate };

  return row.runAt !== undefined && row.runAt > wall ? dueOn(next, row.runAt) : dueAfter(next, { now: 0, wall }, 0);
}

/** Under the next edition of its key, with fresh counters, and back in its lane if it had left it. */
function anew(row: TaskRow): TaskRow {
  const { lastError: _, recovered: __, ...rest } = revived(row);

  return { ...rest, attempts: 0, edition: (row.edition ?? 0) + 1 };
}
