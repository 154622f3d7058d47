import { readReady } from './key.js';
import type { Parent } from './parents.js';
import { parentsSay } from './parents.js';
import type { TaskRow } from './record.js';
import { isOver } from './transitions.js';

/** What the check of a row needs. */
export interface CheckFacts {
  /** The `seq` of the head of its lane. Absent for a row without a lane. */
  readonly head?: number | undefined;
  /** Whether a task of its lane is claimed. */
  readonly laneTaken: boolean;
  /** Whether the row itself is claimed. */
  readonly claimed: boolean;
  /** Whether a pause of its lane or its id holds it. */
  readonly paused: boolean;
  /** Its parents, if it is the head of its lane or has no lane. */
  readonly parents: readonly Parent[];
  /** The wall clock, in milliseconds. */
  readonly wall: number;
}

/**
 * What a runner does with a row that it has read.
 *
 * - `claim`: it claims the row.
 * - `pass`: it writes nothing and reads on. Whoever frees the lane brings the row back.
 * - `hold`: it gives the row the key of a held one, because the row is paused, a parent is still to end, or the row was
 *   timed and is not the head of its lane. Whoever ends the pause or the parent, or frees the lane, brings the row back.
 * - `die`: it makes the task dead, because a parent was cancelled.
 * - `expire`: the task is dead, because its time is over.
 * - `date`: it gives the row the time of its own date, which is in the future.
 * - `wait`: it leaves the row as it is, and checks it again when an attempt ends.
 */
export type Check = 'claim' | 'pass' | 'hold' | 'die' | 'expire' | 'date' | 'wait';

/** Checks a row before its claim. Neither a fresh nor a timed key proves that a row may run. */
export function check(row: TaskRow, facts: CheckFacts): Check {
  if (facts.claimed || row.strange === true) return 'pass';

  const timed = readReady(row.ready)?.letter !== 'F';
  if (facts.head !== undefined && facts.head !== row.seq) return timed ? 'hold' : 'pass';
  if (facts.laneTaken) return timed ? 'wait' : 'pass';
  if (isOver(row, facts.wall)) return 'expire';
  if (facts.paused) return 'hold';

  const word = parentsSay(row, facts.parents);
  if (word !== undefined) return word;

  return row.runAt !== undefined && row.runAt > facts.wall ? 'date' : 'claim';
}
