import type { BasketContext } from '../../basket/context/context.js';
import { randomText } from '../../ports/ids.js';
import { defaultBackoff } from '../../pure/backoff.js';
import type { Claim, Epoch, RunnerRow, TaskRow } from '../../pure/record.js';
import { deposedKey, stateKeys } from '../../pure/record.js';
import { findType, versionsOf } from '../../pure/registry.js';
import { createRunnerClock } from '../../pure/runner-clock.js';
import type { Moment } from '../../pure/transitions.js';
import { rescued } from '../../pure/transitions.js';
import { payLanes } from '../../store/pay.js';
import type { Stores } from '../../store/requests.js';
import { endClaim, runnerRow } from '../../store/rows.js';
import { transact } from '../../store/transact.js';
import type { Leader, RunnerParts, Signals } from './leader.js';
import { createPatience } from './patience.js';

/** So many deposed epochs are remembered: each fences transactions of its runner that cannot read. */
const deposedKept = 1_000;

/**
 * Raises the epoch and rescues what the runner before left running, in one transaction: from its `complete` on no older
 * runner can write, and nothing is claimed by nobody. Rejects if the lock was stolen before that began: it would only
 * depose the thief.
 */
export async function takeOver(
  { context, handlers, concurrency }: RunnerParts,
  wake: () => void,
  robbed: AbortSignal,
  gone: AbortSignal,
): Promise<Leader> {
  const { ports, build, registry } = context;
  const work = async (stores: Stores): Promise<Pick<Leader, 'epoch' | 'clock'>> => {
    robbed.throwIfAborted();
    const before = await runnerRow(stores);
    const next: Epoch = { count: (before?.epoch.count ?? 0) + 1, nonce: randomText(ports.randomBytes, 12) };
    const runnerClock = createRunnerClock(ports.clock, seenNow(before, ports.clock.wall()));
    const moment: Moment = { now: runnerClock.now(), wall: ports.clock.wall() };

    await rescue(context, stores, before?.running ?? [], moment);
    if (before !== undefined) depose(stores, before.epoch);
    const types = versionsOf(registry);
    const row: RunnerRow = { epoch: next, build, types, running: [], seen: moment.now, wall: moment.wall };
    stores.state.put(row, stateKeys.runner);

    return { epoch: next, clock: runnerClock };
  };
  const { epoch, clock } = await transact(context, 'takeover', work);
  // Whoever shows why tasks wait learns that somebody runs them.
  context.hub.say({ kind: 'changed' });

  const signals: Signals = { stopping: false, poked: true, woken: undefined, gone };

  return {
    context,
    handlers,
    concurrency,
    epoch,
    clock,
    running: new Map(),
    patience: createPatience(ports, { base: 250, cap: 30_000 }),
    signals,
    remembered: { memory: undefined, alone: { phase: 'none' }, passedOver: 0, nextClaim: 1, spared: false },
    poke() {
      signals.poked = true;
      wake();
    },
  };
}

/**
 * Where the runner's clock goes on: what the runner before saw last, and the time since then by a wall clock that is
 * right again. Else a clock that once stood days ahead would stop all waits for as long as sessions are short.
 */
function seenNow(before: RunnerRow | undefined, wall: number): number {
  return before === undefined ? 0 : before.seen + Math.max(0, wall - before.wall);
}

/** Returns every claim of a runner that is gone. A claim whose row is gone is skipped; its lane is brought back all the same. */
async function rescue(context: BasketContext, stores: Stores, claims: readonly Claim[], moment: Moment): Promise<void> {
  const { registry, ports } = context;

  const next = (row: TaskRow): TaskRow | undefined =>
    rescued(row, moment, findType(registry, row.type)?.backoff ?? defaultBackoff, ports.random);

  await Promise.all(claims.map((claim) => endClaim(stores, claim, next)));
  await payLanes(
    stores,
    claims.map(({ lane }) => lane),
    moment,
    () => false,
  );
}

/**
 * Leaves a key that a transaction of the deposed runner can run into without reading: for ends in the app's own
 * transactions, which a later version brings; nothing of this one looks for it.
 */
function depose(stores: Stores, epoch: Epoch): void {
  stores.state.put(true, deposedKey(epoch));
  const oldest = deposedKey({ count: Math.max(0, epoch.count - deposedKept), nonce: '' });
  stores.state.delete(IDBKeyRange.bound('deposed:', oldest, false, true));
}
