import type { CrashPoint } from '../ports/ports.js';
import type { Claim, RunnerRow } from '../pure/record.js';
import { stateKeys } from '../pure/record.js';
import type { Moment } from '../pure/transitions.js';
import type { Stores } from '../store/requests.js';
import { answer, completed, storesOf } from '../store/requests.js';
import { runnerRow } from '../store/rows.js';
import type { Leader } from './leader.js';

/** A transaction of the runner that has been found to be still its own to write. */
export interface Fenced {
  readonly transaction: IDBTransaction;
  readonly stores: Stores;
  readonly done: Promise<void>;
  readonly runner: RunnerRow;
  /** What the last page that edited wrote: another one means that what was read before may have changed. */
  readonly stamp: unknown;
}

/** The parts of a crash point's name. */
type Work = 'turn' | 'save' | 'audit';

/**
 * Begins a transaction in which the runner may write: reads the epoch, and aborts if it is no longer this leader's.
 * `undefined`: deposed, or the database was made anew.
 */
export async function beginFenced(leader: Leader, work: Work): Promise<Fenced | undefined> {
  const { context } = leader;
  if (leader.gone) return undefined;

  await context.ports.reach?.(`${work}:before`);
  const transaction = await context.database.begin('readwrite');
  const stores = storesOf(transaction, context.registry.stores);
  const done = completed(transaction);
  done.catch(() => undefined); // Awaited by completeFenced; here only for those that abort before.

  const [runner, stamp] = await Promise.all([runnerRow(stores), answer(stores.state.get(stateKeys.edits))]);
  if (runner === undefined || !isEpochOf(runner, leader)) {
    transaction.abort();

    return undefined;
  }

  return { transaction, stores, done, runner, stamp };
}

/** Commits; resolves when the transaction has completed. */
export async function completeFenced(leader: Leader, fenced: Fenced, work: Work): Promise<void> {
  const point: CrashPoint = `${work}:requests`;
  await leader.context.ports.reach?.(point, fenced.transaction);
  fenced.transaction.commit();
  await fenced.done;
  await leader.context.ports.reach?.(`${work}:complete`);
}

/** The runner's row with these claims. */
export function runnerRowOf(leader: Leader, running: readonly Claim[], moment: Moment): RunnerRow {
  return {
    epoch: leader.epoch,
    build: leader.context.build,
    running,
    seen: moment.now,
    wall: moment.wall,
  };
}

function isEpochOf(runner: RunnerRow, leader: Leader): boolean {
  return runner.epoch.count === leader.epoch.count && runner.epoch.nonce === leader.epoch.nonce;
}
