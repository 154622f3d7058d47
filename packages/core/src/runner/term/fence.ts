import { defined } from '../../pure/parts.js';
import type { Claim, RunnerRow } from '../../pure/record.js';
import { stateKeys } from '../../pure/record.js';
import { oldestOf, versionsOf } from '../../pure/find-type.js';
import type { Moment } from '../../pure/transitions.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { runnerRow } from '../../store/rows.js';
import { transactWithReserve } from '../../store/reserve.js';
import type { Leader } from './leader.js';

/** What the body of a fenced transaction gets. */
export interface Fenced {
  readonly stores: Stores;
  readonly runner: RunnerRow;
  /** The stamps of the pages' edits. If they are not the same as before, rows that were read may have changed. */
  readonly stamp: unknown;
}

/**
 * Runs a transaction in which the runner may write. Reads the epoch first, and changes nothing if the epoch is not this
 * leader's. Resolves with `undefined` then: the runner is deposed, or there is a new database.
 */
export async function inFence<Result>(
  leader: Leader,
  work: 'turn' | 'save' | 'audit',
  body: (fenced: Fenced) => Promise<Result>,
): Promise<{ readonly result: Result } | undefined> {
  if (leader.signals.gone.aborted) return undefined;

  try {
    const fenced = async (stores: Stores): Promise<Result> => {
      const [runner, stamp] = await Promise.all([runnerRow(stores), answer(stores.state.get(stateKeys.edits))]);
      if (runner === undefined || !isEpochOf(runner, leader)) throw new Deposed();

      return body({ stores, runner, stamp });
    };
    const result = await transactWithReserve(leader.context, work, fenced, {}, leader.signals.gone);

    return { result };
  } catch (error) {
    if (error instanceof Deposed) return undefined;

    throw error;
  }
}

/** Aborts the transaction of a runner that is deposed. It is caught in this module. */
class Deposed extends Error {}

/** The runner's row with these claims, with the task that runs alone, and with the owner who counts as signed out. */
export function runnerRowOf(
  { epoch, context, concurrency }: Pick<Leader, 'epoch' | 'context' | 'concurrency'>,
  running: readonly Claim[],
  moment: Moment,
  more: { readonly alone?: RunnerRow['alone']; readonly signedOut?: RunnerRow['signedOut'] } = {},
): RunnerRow {
  return {
    epoch,
    build: context.build,
    running,
    slots: concurrency,
    types: versionsOf(context.registry),
    oldest: oldestOf(context.registry),
    ...defined(more),
    seen: moment.now,
    wall: moment.wall,
  };
}

function isEpochOf(runner: RunnerRow, leader: Leader): boolean {
  return runner.epoch.count === leader.epoch.count && runner.epoch.nonce === leader.epoch.nonce;
}
