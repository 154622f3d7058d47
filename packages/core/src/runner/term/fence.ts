import type { Claim, RunnerRow } from '../../pure/record.js';
import { stateKeys } from '../../pure/record.js';
import { versionsOf } from '../../pure/registry.js';
import type { Moment } from '../../pure/transitions.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { runnerRow } from '../../store/rows.js';
import { transact } from '../../store/transact.js';
import type { Alone, Leader } from './leader.js';
import { aloneOf } from './leader.js';

/** A transaction of the runner that has been found to be still its own to write. */
export interface Fenced {
  readonly stores: Stores;
  readonly runner: RunnerRow;
  /** What the last page that edited wrote: another one means that what was read before may have changed. */
  readonly stamp: unknown;
}

/**
 * A transaction in which the runner may write: reads the epoch first, and changes nothing if it is no longer this
 * leader's. `undefined`: deposed, or the database was made anew.
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
    const result = await transact(leader.context, work, fenced);

    return { result };
  } catch (error) {
    if (error instanceof Deposed) return undefined;

    throw error;
  }
}

/** Aborts the transaction of a runner whose epoch is over; never leaves this module. */
class Deposed extends Error {}

/** The runner's row with these claims, and with who runs alone. */
export function runnerRowOf(leader: Leader, running: readonly Claim[], moment: Moment, state: Alone): RunnerRow {
  const alone = aloneOf(state);

  return {
    epoch: leader.epoch,
    build: leader.context.build,
    running,
    slots: leader.concurrency,
    types: versionsOf(leader.context.registry),
    ...(alone === undefined ? {} : { alone }),
    seen: moment.now,
    wall: moment.wall,
  };
}

function isEpochOf(runner: RunnerRow, leader: Leader): boolean {
  return runner.epoch.count === leader.epoch.count && runner.epoch.nonce === leader.epoch.nonce;
}
