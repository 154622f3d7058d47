import { readReady } from './key.js';
import type { TaskRow } from './record.js';

/** What the check of a row must know. */
export interface CheckFacts {
  /** The row with the lowest `seq` that carries the lane's mark; absent for a row without a lane. */
  readonly head?: number | undefined;
  /** Whether a claim stands in the row's lane. */
  readonly laneTaken: boolean;
  /** Whether the row itself is claimed. */
  readonly claimed: boolean;
  /** The wall clock, in milliseconds. */
  readonly wall: number;
}

/**
 * What becomes of a row that was read.
 *
 * - `claim` it.
 * - `pass` it: nothing is written, the position moves on; whoever frees its lane brings it back.
 * - `hold` it: it loses its timed key.
 * - `date` it: its own date is still to come.
 * - `wait`: leave it where it is; it is checked again when an attempt ends.
 */
export type Check = 'claim' | 'pass' | 'hold' | 'date' | 'wait';

/** The one check before every claim. Neither a fresh nor a timed key proves that a row may run. */
export function check(row: TaskRow, facts: CheckFacts): Check {
  if (facts.claimed || row.strange === true) return 'pass';

  const timed = readReady(row.ready)?.letter !== 'F';
  if (facts.head !== undefined && facts.head !== row.seq) return timed ? 'hold' : 'pass';
  if (facts.laneTaken) return timed ? 'wait' : 'pass';
  if (row.runAt !== undefined && row.runAt > facts.wall) return 'date';

  return 'claim';
}
