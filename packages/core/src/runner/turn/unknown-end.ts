import type { RunnerRow } from '../../pure/record.js';
import { dueFrom } from '../../pure/transitions.js';
import { endClaims } from '../../store/pay.js';
import type { Draft } from './draft.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { payFor } from './settle.js';

/**
 * Repairs what a turn left behind that seemed to fail and yet was committed, because its connection was lost in that
 * instant. The running set in the database is right.
 */

/** The ended attempts that such a turn has settled. Their claims are no longer in the database. */
export function settledBefore(leader: Leader, runner: RunnerRow): readonly RunningAttempt[] {
  const stored = new Set(runner.running.map(({ claim }) => claim));

  return [...leader.running.values()].filter(({ claim, verdict }) => verdict !== undefined && !stored.has(claim.claim));
}

/**
 * Returns to the queue the claims that such a turn made: no attempt was started for them. Their tasks are due at once.
 */
export async function returnStrays(leader: Leader, draft: Draft, runner: RunnerRow): Promise<void> {
  const strays = runner.running.filter(({ claim }) => !leader.running.has(claim));
  if (strays.length === 0) return;

  const { stores, moment } = draft;
  draft.wrote = true;
  // A turn that seemed to fail has forgotten what it had read. So this turn searches for the keys of these rows later.
  const freed = await endClaims(stores, strays, (row) =>
    row.cancelled === true ? undefined : dueFrom(row, moment.now),
  );
  await payFor(leader, draft, freed);
}
