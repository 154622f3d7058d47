import type { NewTask, TaskRow } from './record.js';
import { withPayload } from './record.js';
import { isDead } from './state.js';
import { dueFrom, dueOn, revived } from './transitions.js';

/** What an edit writes into a row: the new payload, and what follows from it. */
export interface Correction {
  readonly payload: NewTask['payload'];
  readonly version: number;
  readonly gate: string;
}

/**
 * Whether a row may be edited: the task was never started, or is dead. The caller checks that the row is not claimed.
 */
export function isEditable(row: TaskRow): boolean {
  return row.attempts === 0 || isDead(row);
}

/**
 * The row with a new payload. Id, `seq`, lane, priority and `runAt` stay. A dead task gets a new idempotency key,
 * because the old payload may have been sent under the old one, and its counters are set to 0. The row is due at
 * `runAt`, if that is in the future, or else at once.
 */
export function corrected(row: TaskRow, { payload, version, gate }: Correction, wall: number): TaskRow {
  const next = { ...withPayload(isDead(row) ? anew(row) : row, payload, version), gate };

  return row.runAt !== undefined && row.runAt > wall ? dueOn(next, row.runAt) : dueFrom(next, 0);
}

/** The row of a dead task with the next idempotency key and counters of 0, back in its lane if it had left it. */
function anew(row: TaskRow): TaskRow {
  const { lastError: _, recovered: __, ...rest } = revived(row);

  return { ...rest, attempts: 0, edition: (row.edition ?? 0) + 1 };
}
