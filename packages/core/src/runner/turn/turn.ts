import type { Hint } from '../../basket/context/hub.js';
import { isClosed } from '../../pure/gate.js';
import { stateKeys } from '../../pure/record.js';
import type { Stores } from '../../store/requests.js';
import { claimedRow, gateRows, numbersOf } from '../../store/rows.js';
import type { Draft } from './draft.js';
import type { Fenced } from '../term/fence.js';
import { inFence, runnerRowOf } from '../term/fence.js';
import { dropGates, wakeGates } from './gates.js';
import type { Leader, RunningAttempt, Signals } from '../term/leader.js';
import { momentOf, sooner } from '../term/leader.js';
import type { Memory } from '../term/memory.js';
import { copyOf, headsAfter } from '../term/memory.js';
import { storePositions } from './positions.js';
import { doubt, settle, toSettle } from './settle.js';
import { survey } from './survey.js';
import type { Claimed } from './which.js';
import { claimDue } from './which.js';
import { returnStrays, settledBefore } from './unknown-end.js';

/** How a turn ended. */
export interface TurnEnd {
  /** The epoch is another's: nothing was written. */
  readonly deposed: boolean;
  readonly claimed: readonly RunningAttempt[];
  /** Running attempts whose task a page has cancelled. */
  readonly cancelled: readonly RunningAttempt[];
  /** It wrote, or left something unread: another turn follows at once. */
  readonly again: boolean;
  /** When something is due next, in milliseconds from now; what is due and cannot be claimed waits for an end or an edit. */
  readonly alarm: number;
}

/**
 * One transaction of the runner. Its steps:
 *
 * 1. Fence: read the epoch and the pages' stamp. Without the same stamp nothing that was read before counts.
 * 2. Settle how attempts ended, give back what no attempt was started for, and pay the lanes.
 * 3. Bring the probes of gates forward, if a page asked for that.
 * 4. Survey, if there may be prefixes that are not known yet.
 * 5. Check and claim.
 * 6. Write the runner's row and, now and then, the positions.
 *
 * Handlers start only when it has completed, and memory changes only then. If it fails, everything is forgotten and read
 * again, and the next turn settles what ended.
 */
export async function turn(leader: Leader): Promise<TurnEnd> {
  const { remembered } = leader;
  const ended = toSettle(leader);
  // Taken before the transaction begins, because it may not see what is written after that.
  const signals = takeSignals(leader.signals);

  const work = async ({ stores, stamp, runner }: Fenced) => {
    const known = remembered.memory?.stamp === stamp ? remembered.memory : undefined;
    if (known === undefined) for (const attempt of leader.running.values()) attempt.touched = true;

    const memory = known === undefined ? await recall(stores, stamp) : copyOf(known);
    const running = new Map(leader.running);
    const draft: Draft = {
      memory,
      stores,
      moment: momentOf(leader),
      // A turn that failed may have been committed, with claims that only the database knows of.
      nextClaim: Math.max(remembered.nextClaim, ...runner.running.map(({ claim }) => claim + 1)),
      running,
      heads: new Map(),
      hints: [],
      // A turn that writes nothing would not show that the results were the cause.
      wrote: remembered.spared,
    };
    const before = settledBefore(leader, runner);
    for (const attempt of [...ended, ...before]) draft.running.delete(attempt.claim.claim);
    await settle(
      leader,
      draft,
      ended.filter((attempt) => !before.includes(attempt)),
    );
    await returnStrays(leader, draft, runner);
    if (signals.woken !== undefined) wakeGates(leader, draft, signals.woken);
    const cancelled = known === undefined ? await cancelledOf(draft) : [];
    if (known === undefined || signals.poked) await survey(stores, leader.context.registry, memory);

    const claimed = await claimDue(leader, draft);
    if (!claimed.again && claimed.alone.phase === 'none') dropGates(leader, draft, claimed.attempts);

    return { claimed, cancelled, draft, before, memory: await finish(leader, draft, claimed) };
  };
  const done = await inFence(leader, 'turn', work).catch((error: unknown) => {
    giveBackSignals(leader.signals, signals);
    leader.remembered = { ...remembered, memory: undefined, spared: doubt(ended) || remembered.spared };

    throw error;
  });
  if (done === undefined) return { deposed: true, claimed: [], cancelled: [], again: false, alarm: 0 };

  // Only now, durable, does any of it count.
  const { claimed, cancelled, draft, before, memory } = done.result;
  leader.remembered = {
    memory: { ...memory, heads: headsAfter(memory, draft.heads) },
    alone: claimed.alone,
    passedOver: claimed.passedOver,
    nextClaim: draft.nextClaim + claimed.attempts.length,
    spared: false,
  };
  for (const attempt of [...ended, ...before]) end(leader, attempt);
  for (const attempt of claimed.attempts) leader.running.set(attempt.claim.claim, attempt);
  const started = claimed.attempts.map(startedHint);
  const { hub } = leader.context;
  if (draft.wrote) hub.say({ kind: 'changed', hints: [...draft.hints, ...started] });
  const tells = draft.wrote || signals.poked || signals.woken !== undefined;
  if (tells && [...memory.gates.values()].some(isClosed)) hub.say({ kind: 'closed' });

  const left = [...leader.running.values()].some(({ refusals }) => refusals !== undefined);

  return { deposed: false, claimed: claimed.attempts, cancelled, again: claimed.again || left, alarm: claimed.alarm };
}

/** What others have said since the last turn. */
type Said = Pick<Signals, 'poked' | 'woken'>;

function takeSignals(signals: Signals): Said {
  const { poked, woken } = signals;
  signals.poked = false;
  signals.woken = undefined;

  return { poked, woken };
}

/** A turn that failed has done nothing about its signals: the next turn gets them, with what was said meanwhile. */
function giveBackSignals(signals: Signals, { poked, woken }: Said): void {
  signals.poked ||= poked;
  signals.woken = sooner(signals.woken, woken);
}

function startedHint({ row }: RunningAttempt): Hint {
  return { event: 'started', id: row.id, type: row.type, number: row.attempts + 1 };
}

/** Reads on from the stored positions, as if nothing had been read before. */
async function recall(stores: Stores, stamp: unknown): Promise<Memory> {
  const [stored, gates] = await Promise.all([numbersOf(stores, stateKeys.positions), gateRows(stores)]);
  const positions = Object.entries(stored);

  return {
    stamp,
    positions: new Map(positions),
    sources: new Map(),
    gates: new Map(gates),
    ahead: new Map(),
    heads: new Map(),
    stored: new Map(positions),
    unstored: 0,
  };
}

/** The running attempts whose task was cancelled, or has gone, since the last turn. */
async function cancelledOf({ stores, running }: Draft): Promise<readonly RunningAttempt[]> {
  const attempts = [...running.values()];
  const rows = await Promise.all(attempts.map(({ claim }) => claimedRow(stores, claim)));

  return attempts.filter((_, place) => rows[place] === undefined || rows[place].cancelled === true);
}

/** Writes the runner's row and, now and then, the positions; gives back what is to be remembered once it has completed. */
async function finish(leader: Leader, draft: Draft, claimed: Claimed): Promise<Memory> {
  const { stores, moment } = draft;
  const claims = [...draft.running.values(), ...claimed.attempts].map((attempt) => attempt.claim);
  if (draft.wrote) stores.state.put(runnerRowOf(leader, claims, moment, claimed.alone), stateKeys.runner);

  return storePositions(draft, claimed.attempts.length === 0);
}

function end(leader: Leader, attempt: RunningAttempt): void {
  attempt.over = true;
  leader.running.delete(attempt.claim.claim);
}
