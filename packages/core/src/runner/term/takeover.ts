import type { BasketContext } from '../../basket/context/context.js';
import { randomText } from '../../ports/ids.js';
import { defaultBackoff } from '../../pure/backoff.js';
import type { Claim, Epoch, RunnerRow, TaskRow } from '../../pure/record.js';
import { deposedKey, stateKeys } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import { createRunnerClock } from '../../pure/runner-clock.js';
import type { Moment } from '../../pure/transitions.js';
import { rescued } from '../../pure/transitions.js';
import { endClaims, pay } from '../../store/pay.js';
import type { Stores } from '../../store/requests.js';
import { keysFrom } from '../../store/requests.js';
import { runnerRow } from '../../store/rows.js';
import { transactWithReserve } from '../../store/reserve.js';
import { runnerRowOf } from './fence.js';
import type { Leader, RunnerParts, Signals } from './leader.js';
import { createPatience } from './patience.js';
import { createSending } from './sending.js';
import { createValues } from './values.js';

/** How many deposed epochs are remembered. */
const deposedKept = 1_000;

/**
 * Begins a term: raises the epoch, and rescues the tasks that the runner before left running, in one transaction. After
 * it, no older runner can write, and no claim is without a runner. Rejects if the lock was stolen before it began,
 * because it would depose the runner that has the lock now.
 */
export async function takeOver(
  { context, handlers, concurrency, onAudit }: RunnerParts,
  wake: () => void,
  robbed: AbortSignal,
  gone: AbortSignal,
): Promise<Leader> {
  const { ports } = context;
  const work = async (stores: Stores): Promise<Pick<Leader, 'epoch' | 'clock'>> => {
    robbed.throwIfAborted();
    const before = await runnerRow(stores);
    const next: Epoch = { count: (before?.epoch.count ?? 0) + 1, nonce: randomText(ports.randomBytes, 12) };
    const runnerClock = createRunnerClock(ports.clock, seenNow(before, ports.clock.wall()));
    const moment: Moment = { now: runnerClock.now(), wall: ports.clock.wall() };

    await rescue(context, stores, before?.running ?? [], moment);
    if (before !== undefined) depose(stores, before.epoch);
    stores.state.put(runnerRowOf({ epoch: next, context, concurrency }, [], moment), stateKeys.runner);

    return { epoch: next, clock: runnerClock };
  };
  const { epoch, clock } = await transactWithReserve(context, 'takeover', work);
  // A watch that shows why tasks wait must show that there is a runner.
  context.hub.say({ kind: 'changed' });

  const signals: Signals = { stopping: false, poked: true, woken: undefined, gone };

  const poke = (): void => {
    signals.poked = true;
    wake();
  };

  return {
    context,
    handlers,
    concurrency,
    onAudit,
    epoch,
    clock,
    running: new Map(),
    patience: createPatience(ports, { base: 250, cap: 30_000 }),
    signals,
    sending: createSending(context),
    values: createValues(context, poke, clock.now),
    remembered: {
      memory: undefined,
      alone: { phase: 'none' },
      fairness: { passedOver: 0, freshNext: false, probeNext: true, probed: '' },
      nextClaim: 1,
      spared: false,
    },
    poke,
  };
}

/**
 * The time at which the runner's clock goes on: the last time of the runner before, and the wall time since. Without
 * the wall time, after a wall clock was days ahead once, waits would go on only while a runner lives.
 */
function seenNow(before: RunnerRow | undefined, wall: number): number {
  return before === undefined ? 0 : before.seen + Math.max(0, wall - before.wall);
}

/**
 * Returns every claim of a runner that is gone to the queue, and pays its lane, also if its row is gone. Then it pays the
 * children of its task too.
 */
async function rescue(context: BasketContext, stores: Stores, claims: readonly Claim[], moment: Moment): Promise<void> {
  const { registry, ports } = context;

  const next = (row: TaskRow): TaskRow | undefined =>
    rescued(row, moment, findType(registry, row.type)?.backoff ?? defaultBackoff, ports.random);

  await pay(stores, await endClaims(stores, claims, next), moment, () => false);
}

/**
 * Writes the key of a deposed epoch. A handler of that epoch may be about to end its task in a transaction of the app
 * (`completeTx`): such a transaction adds the same key, and so it fails. The key stands for those of the epoch's claims too.
 */
function depose(stores: Stores, epoch: Epoch): void {
  stores.state.delete(keysFrom(`${deposedKey(epoch)}:`));
  stores.state.put(true, deposedKey(epoch));
  const oldest = deposedKey({ count: Math.max(0, epoch.count - deposedKept), nonce: '' });
  stores.state.delete(IDBKeyRange.bound('deposed:', oldest, false, true));
}
