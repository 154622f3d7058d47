import { newStamp } from '../../ports/ids.js';
import type { Hint } from '../../basket/context/messages.js';
import { toldOf } from '../../basket/context/messages.js';
import { isClosed } from '../../pure/gate.js';
import type { RunnerRow } from '../../pure/record.js';
import { stateKeys } from '../../pure/record.js';
import { asksIn, ownerIn } from '../../pure/stored.js';
import { isAnyChild } from '../../store/parents.js';
import { pausesNow } from '../../store/pauses.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { claimedRow, gateRows, numbersOf } from '../../store/rows.js';
import type { Draft } from './draft.js';
import type { Fenced } from '../term/fence.js';
import { inFence, runnerRowOf } from '../term/fence.js';
import { expireDue } from './expire.js';
import { dropGates, wakeGates } from './gates.js';
import type { Leader, RunningAttempt, Signals } from '../term/leader.js';
import { aloneOf, momentOf, sooner, timeoutOf } from '../term/leader.js';
import type { Memory } from '../term/memory.js';
import { copyOfMemory, headsAfter } from '../term/memory.js';
import { storePositions } from './positions.js';
import { doubt, settle, toSettle } from './settle.js';
import { survey } from './survey.js';
import { signedOutOf } from '../term/values.js';
import type { Claimed } from './which.js';
import { claimDue } from './which.js';
import { returnStrays, settledBefore } from './unknown-end.js';

/** How a turn ended. */
export interface TurnEnd {
  readonly claimed: readonly RunningAttempt[];
  /** Running attempts whose task a page has cancelled. */
  readonly cancelled: readonly RunningAttempt[];
  /** Running attempts whose owner is not signed in any more. */
  readonly others: readonly RunningAttempt[];
  /**
   * Whether another turn must follow at once, because rows were left unchecked or brought back, or ended attempts
   * unsettled.
   */
  readonly again: boolean;
  /** Milliseconds until a row or a gate is due. A row that is due and cannot be claimed waits for an end or an edit. */
  readonly alarm: number;
}

/**
 * Does one turn: one transaction of the runner. Its steps:
 *
 * 1. Fence: read the epoch and the stamps of edits. If the stamps have changed, forget what was read before.
 * 2. Settle the attempts that have ended, return claims without an attempt, and pay the lanes.
 * 3. Bring the probes of gates forward, if a page asked for that.
 * 4. Survey, if there may be prefixes that are not known yet.
 * 5. Expire tasks whose time is over.
 * 6. Check and claim.
 * 7. Write the runner's row and, now and then, the positions.
 *
 * Handlers start only after the transaction has completed, and memory changes only then. If it fails, the next turn
 * reads everything again, and settles the attempts that have ended. Resolves with `undefined` if the epoch is another
 * runner's. Then nothing was written.
 */
export async function turn(leader: Leader): Promise<TurnEnd | undefined> {
  const { remembered } = leader;
  const ended = toSettle(leader);
  // Signals are read before the transaction begins. A signal that comes later is for the next turn.
  const signals = takeSignals(leader.signals);
  let { nextClaim } = remembered;

  const work = async ({ stores, stamp, runner }: Fenced) => {
    const known = isCurrent(leader, stamp) ? remembered.memory : undefined;
    if (known === undefined) for (const attempt of leader.running.values()) attempt.touched = true;

    // A cancel at a full disk deletes the stamps. As long as there is none, nothing that was read before counts.
    const next = stamp ?? newStamp(leader.context.ports.randomBytes);
    const memory = known === undefined ? await recall(leader, stores, next) : copyOfMemory(known);
    const running = new Map(leader.running);
    // A turn that failed may have been committed, with claims that only the database knows of. Their numbers stay taken,
    // also if this turn removes these claims and then seems to fail too.
    for (const { claim } of runner.running) if (claim >= nextClaim) nextClaim = claim + 1;
    const draft: Draft = {
      memory,
      stores,
      moment: momentOf(leader),
      nextClaim,
      running,
      heads: new Map(),
      gone: new Set(),
      rewritten: new Map(),
      hints: [],
      // A turn that writes nothing would not show that the results were the cause.
      wrote: remembered.spared || !isTold(memory, runner),
    };
    const before = settledBefore(leader, runner);
    for (const attempt of [...ended, ...before]) draft.running.delete(attempt.claim.claim);
    await settle(
      leader,
      draft,
      ended.filter((attempt) => !before.includes(attempt)),
    );
    // The turn that seemed to fail has told nobody of them.
    draft.hints.push(...before.flatMap(({ says = [] }) => says));
    draft.wrote ||= before.length > 0;
    await returnStrays(leader, draft, runner);
    if (signals.woken !== undefined) wakeGates(leader, draft, signals.woken);
    const cancelled = known === undefined ? await cancelledOf(draft) : [];
    // An attempt that renews its timeout, or sleeps with the device, writes nothing, and `health` must see that this runner
    // does not hang.
    const silent = draft.moment.wall - runner.wall;
    draft.wrote ||= [...running.values()].some(
      (attempt) => (signals.poked && attempt.renewed !== undefined) || silent > timeoutOf(attempt),
    );
    if (known === undefined || signals.poked) await survey(stores, leader.context.registry, memory);
    await expireDue(leader, draft);

    const claimed = await claimDue(leader, draft);
    if (!claimed.again && claimed.alone.phase === 'none') dropGates(leader, draft);

    return { claimed, cancelled, draft, before, memory: await finish(leader, draft, claimed, stamp) };
  };
  const done = await inFence(leader, 'turn', work).catch((error: unknown) => {
    giveBackSignals(leader.signals, signals);
    leader.remembered = { ...remembered, memory: undefined, nextClaim, spared: doubt(ended) || remembered.spared };

    throw error;
  });
  if (done === undefined) return undefined;

  // The transaction has completed. Only now does any of it count.
  const { claimed, cancelled, draft, before, memory } = done.result;
  leader.remembered = {
    memory: { ...memory, heads: headsAfter(memory, draft.heads) },
    connection: draft.stores.tasks.transaction.db,
    alone: claimed.alone,
    fairness: claimed.fairness,
    nextClaim: draft.nextClaim + claimed.attempts.length,
    spared: false,
  };
  leader.values.follow(memory.signedIn);
  for (const attempt of [...ended, ...before]) end(leader, attempt);
  for (const attempt of claimed.attempts) leader.running.set(attempt.claim.claim, attempt);
  const started = claimed.attempts.map(startedHint);
  const { hub } = leader.context;
  if (draft.wrote) hub.say({ kind: 'changed', hints: [...draft.hints, ...started] });
  const tells = draft.wrote || signals.poked || signals.woken !== undefined;
  if (tells && [...memory.gates.values()].some(isClosed)) hub.say({ kind: 'closed' });

  const left = [...leader.running.values()].some(({ refusals }) => refusals !== undefined);

  return {
    claimed: claimed.attempts,
    cancelled,
    others: [...leader.running.values()].filter(({ row }) => row.owner !== null && row.owner !== memory.signedIn.owner),
    // A task that has expired, or was replaced, has brought another row back; and more may have expired.
    again: claimed.again || draft.gone.size > 0 || left,
    alarm: claimed.alarm,
  };
}

/** Whether what was read before still counts: no page has edited anything, and the values are the same. */
function isCurrent({ remembered, values }: Leader, stamp: unknown): boolean {
  return remembered.memory?.stamp === stamp && remembered.memory?.signedIn === values.now();
}

/** Whether the runner's row says whether the owner counts as signed out. */
function isTold({ signedIn }: Memory, { signedOut }: RunnerRow): boolean {
  return JSON.stringify(signedOutOf(signedIn)) === JSON.stringify(signedOut);
}

/** What others have told the runner since the last turn. */
type Said = Pick<Signals, 'poked' | 'woken'>;

function takeSignals(signals: Signals): Said {
  const { poked, woken } = signals;
  signals.poked = false;
  signals.woken = undefined;

  return { poked, woken };
}

/** Gives the signals of a turn that failed to the next turn, together with those that came meanwhile. */
function giveBackSignals(signals: Signals, { poked, woken }: Said): void {
  signals.poked ||= poked;
  signals.woken = sooner(signals.woken, woken);
}

function startedHint({ row }: RunningAttempt): Hint {
  return { ...toldOf(row), event: 'started', number: row.attempts + 1 };
}

/** Reads on from the stored positions, as if nothing had been read before. */
async function recall({ context, values }: Leader, stores: Stores, stamp: unknown): Promise<Memory> {
  const [stored, gates, session, pauses, children] = await Promise.all([
    numbersOf(stores, stateKeys.positions),
    gateRows(stores),
    answer(stores.state.get(stateKeys.session) as IDBRequest<unknown>),
    pausesNow(context.registry, stores),
    isAnyChild(stores),
  ]);
  const positions = Object.entries(stored);

  return {
    stamp,
    signedIn: values.next(ownerIn(session), asksIn(session)),
    positions: new Map(positions),
    sources: new Map(),
    gates: new Map(gates),
    expires: 0,
    pauses,
    readAhead: new Map(),
    heads: new Map(),
    children,
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

/** Writes the runner's row and, now and then, the positions. Returns the memory for the next turn. */
async function finish(leader: Leader, draft: Draft, claimed: Claimed, stamp: unknown): Promise<Memory> {
  const { stores, moment, memory } = draft;
  const claims = [...draft.running.values()].map(({ claim }) => claim);
  if (draft.gone.size > 0) memory.readAhead.clear(); // Rows that were read ahead may be among them.
  if (draft.wrote) {
    const more = { alone: aloneOf(claimed.alone), signedOut: signedOutOf(memory.signedIn) };
    stores.state.put(runnerRowOf(leader, claims, moment, more), stateKeys.runner);
  }
  if (draft.wrote && stamp === undefined) stores.state.put(memory.stamp, stateKeys.edits);

  return storePositions(draft, claimed.attempts.length === 0);
}

function end(leader: Leader, attempt: RunningAttempt): void {
  attempt.over = true;
  leader.running.delete(attempt.claim.claim);
}
