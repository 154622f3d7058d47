import type { Backoff } from './backoff.js';
import { retryDelay, spreadFloor } from './backoff.js';
import { defined } from './parts.js';

/**
 * The record of a gate says what is known of an outage of one destination; a gate without a record is open. One task
 * that finds the destination away may be wrong. Two tasks are believed, until the destination answers.
 *
 * ```
 *          away                  another finds it away            the probe finds it away: step + 1
 *   open ────────→ doubted by one ────────────────────→ closed ⟲
 *     ↑                │ another one's answer             │ an answer
 *     │←───────────────┘                                  ↓
 *     └──────────────────────────────────────────── slow start: 1 at once, one more with each answer
 *            as many run as may
 * ```
 *
 * - *Doubted*: one task has found the destination away, and waits. One other task may try, if none runs through the
 *   gate.
 * - *Closed*: nothing starts until `until`; then one task probes. `Retry-After` closes a gate at once, and then only a
 *   probe opens it.
 * - *Earlier waits*: a destination that answers one request and not the next may be overloaded. So a part of the waits
 *   before an answer makes the waits after it longer, until the slow start ends.
 * - An answer shows which tasks were wrong: the task that doubted alone, and, during the first wait, all that found the
 *   destination away. Each of them backs off by itself (`blames`), so that a flaky server, or one bad request, stops no
 *   other task.
 *
 * Times are in milliseconds of the runner's clock.
 */
export interface GateRow {
  readonly name: string;
  /** How many waits there were since the destination last answered. It makes the next wait longer. */
  readonly step: number;
  /** How many of these waits there were before the server first named a time. They do not make the next wait longer. */
  readonly silent?: number;
  /** How many of the waits before its latest answer still make the next wait longer. */
  readonly earlier?: number;
  /** The end of the wait. */
  readonly until: number;
  /**
   * The ids of the tasks that found it away since it last answered, the latest last. In a long outage only the last
   * two.
   */
  readonly by: readonly string[];
  /**
   * The message of the latest error by which a task found it away. If the task has an owner, only what everybody may read.
   */
  readonly reason: string;
  readonly status?: number;
  /** The slow start: when it began, and how many tasks that started since may run at once. A doubt does not end it. */
  readonly slow?: { readonly at: number; readonly width: number };
  /** The time that the server named. Only `retry` brings the probe before it. */
  readonly floor?: number;
  /** When a page that is visible or online last brought the probe forward. */
  readonly wokenAt?: number;
  /** The time to which `retry` last brought the probe forward, by the wall clock. */
  readonly triedAt?: number;
}

/** The longest wait that a server can ask for, in milliseconds. Some servers send a date as if it were seconds. */
const day = 24 * 60 * 60_000;

/** Each answer halves the number of earlier waits that count, and leaves at most these. Decision 0018 says why. */
const mostEarlier = 2;

/** How often a probe is brought forward at most, in milliseconds: by `retry`, and by a page that is visible. */
const triesEvery = 1_000;
const wakesEvery = 15_000;

/** What the rules of a gate need of an attempt. */
export interface GateAttempt {
  readonly id: string;
  readonly probe: boolean;
  readonly startedAt: number;
}

/** How a destination was found to be away. */
export interface Closing {
  readonly now: number;
  readonly name: string;
  readonly reason: string;
  readonly status?: number | undefined;
  /** The wait that the server asked for, in milliseconds. */
  readonly retryAfter?: number | undefined;
}

/** How many more may start through a gate now. `cap`: the longest wait of the gate, in milliseconds. */
export function allowance(
  gate: GateRow | undefined,
  now: number,
  running: readonly Omit<GateAttempt, 'id'>[],
  cap: number = Number.POSITIVE_INFINITY,
): number {
  if (gate === undefined) return Number.POSITIVE_INFINITY;
  if (!isAway(gate)) {
    const { at, width } = slowStart(gate);

    return Math.max(0, width - running.filter(({ startedAt }) => startedAt >= at).length);
  }
  const { until } = gate;
  // A running attempt will show whether the doubt is right. After `until`, an attempt that began earlier does not keep
  // others from probing. A probe does, but no longer than `cap`: it may be a large upload, or it may hang.
  const free =
    now < until
      ? isDoubted(gate) && running.length === 0
      : !running.some(({ probe, startedAt }) => probe && startedAt >= until && now - startedAt <= cap);

  return free ? 1 : 0;
}

/** Whether a task found the destination away, and it has not answered since. What starts then is a probe. */
export function isAway(gate: GateRow | undefined): boolean {
  return gate !== undefined && gate.by.length > 0;
}

/**
 * Whether the gate counts as closed: two tasks found the destination away, or one did twice, or the server named a
 * time.
 */
export function isClosed(gate: GateRow | undefined): boolean {
  return gate !== undefined && isAway(gate) && (!isDoubted(gate) || gate.step > 1);
}

/**
 * Whether the gate makes this task wait. A closed gate does so for each task, a doubted gate only for the one that
 * doubts.
 */
export function keeps(gate: GateRow | undefined, id: string): gate is GateRow {
  return gate !== undefined && isAway(gate) && (!isDoubted(gate) || gate.by[0] === id);
}

function isDoubted({ by, floor }: GateRow): boolean {
  return by.length === 1 && floor === undefined;
}

function slowStart({ slow }: GateRow): NonNullable<GateRow['slow']> {
  return slow ?? { at: 0, width: 1 };
}

/**
 * The gate after an attempt found its destination away.
 *
 * The first task that finds it away raises the step, and so does a probe. Any other task gives the gate the later of
 * both waits. So a hundred running attempts that lose the network together close the gate once.
 */
export function gateClosed(
  gate: GateRow | undefined,
  { id, probe, startedAt }: GateAttempt,
  { now, name, reason, status, retryAfter }: Closing,
  backoff: Backoff,
  random: () => number,
): GateRow {
  const told = retryAfter === undefined ? 0 : Math.min(retryAfter, day);
  // The attempt began before the last answer, so it says nothing about now. But a time that the server names always holds.
  if (gate?.slow !== undefined && startedAt < gate.slow.at && told === 0) return gate;

  const before = gate?.by ?? [];
  const raised = before.length === 0 || (probe && keeps(gate, id));
  const step = (gate?.step ?? 0) + (raised ? 1 : 0);
  const by = [...before.filter((one) => one !== id), id].slice(raised ? -2 : 0);
  const silent = gate?.silent ?? (told > 0 ? step - 1 : undefined);
  const wait = Math.max(retryDelay(backoff, step - (silent ?? -earlierOf(gate)), random), spreadFloor(told, random));
  // The time that the server named counts until the server names another one. A probe that a person wanted does not end it.
  const floor = Math.max(raised && told > 0 ? 0 : (gate?.floor ?? 0), told === 0 ? 0 : now + told);
  const { floor: _, status: __, ...kept } = gate ?? {};

  return {
    ...kept,
    name,
    step,
    until: Math.max(raised ? 0 : (gate?.until ?? 0), now + wait, floor),
    by,
    reason,
    ...defined({ status, silent, floor: floor > now ? floor : undefined }),
  };
}

/** The gate after an attempt got any answer. Returns the same gate if the answer says nothing about now. */
export function gatePassed(
  gate: GateRow | undefined,
  { probe, startedAt }: Omit<GateAttempt, 'id'>,
  now: number,
  concurrency: number,
): GateRow | undefined {
  if (gate === undefined) return undefined;

  const { slow } = gate;
  if (!isAway(gate)) {
    const { at, width } = slowStart(gate);

    return startedAt < at ? gate : slowly(gate, at, width + 1, concurrency);
  }
  if (gate.floor !== undefined && !probe && now < gate.until) return gate;
  if (isDoubted(gate)) return slow && slowly(gate, slow.at, slow.width, concurrency);

  return slowly(gate, now, 1, concurrency);
}

/**
 * The gate in its slow start. `undefined`: the slow start is over, because as many may run as the concurrency allows.
 */
function slowly(gate: GateRow, at: number, width: number, concurrency: number): GateRow | undefined {
  const { floor: _, silent: __, ...kept } = gate;
  const earlier = Math.min(mostEarlier, Math.floor((gate.step + earlierOf(gate)) / 2));

  return width >= concurrency ? undefined : { ...kept, step: 0, earlier, by: [], slow: { at, width } };
}

function earlierOf(gate: GateRow | undefined): number {
  return gate?.earlier ?? 0;
}

/**
 * The tasks that an answer to another task, `id`, proves wrong. During the first wait these are all that found the
 * destination away. After it they may have been right, because the destination may have come back. A task that found it
 * away alone is wrong at any time.
 */
export function toBlame(gate: GateRow, id: string, now: number): readonly string[] {
  const wrong = gate.by.length === 1 || (gate.step === 1 && now < gate.until);

  return wrong && !gate.by.includes(id) ? gate.by : [];
}

/**
 * The gate after `retry`, which brings its probe forward, whatever the server said: it may probe at once, or a second
 * after the last `retry`. Returns the same gate if the probe would not come earlier. (`retry` uses the wall clock, and
 * the runner's clock is never behind it.)
 */
export function gateForward(gate: GateRow, wall: number): GateRow {
  const { triedAt = Number.NEGATIVE_INFINITY } = gate;
  // `triedAt` may be a second ahead, if a probe already waits for that time. If it is further ahead, the clock was put
  // back.
  const soon = wall - triedAt < triesEvery && triedAt - wall <= triesEvery;
  const until = soon ? triedAt + triesEvery : 0;
  if (!isAway(gate) || until >= gate.until) return gate;

  return { ...gate, until, triedAt: soon ? until : wall };
}

/**
 * The gate after a page that is visible or online has brought its probe forward: into the next `spread` milliseconds,
 * but not before the time that the server named. Returns the same gate if the probe would not come earlier, or if a
 * page did so within the last 15 s (or within the spread, if that is longer).
 */
export function gateWoken(gate: GateRow, now: number, spread: number, random: () => number): GateRow {
  const { floor = 0, wokenAt = Number.NEGATIVE_INFINITY } = gate;
  if (!isAway(gate) || now - wokenAt < Math.max(wakesEvery, spread)) return gate;
  const until = Math.max(floor, now + Math.round(random() * spread));

  return until < gate.until ? { ...gate, until, wokenAt: now } : gate;
}

/**
 * The record as it counts now. `undefined`: it no longer counts, because its slow start began longer ago than the cap,
 * or because its times are so far in the future that the clock must have been wrong.
 */
export function currentGate(gate: GateRow | undefined, now: number, { cap }: Backoff): GateRow | undefined {
  if (gate === undefined) return undefined;
  const { until, slow, floor = 0, wokenAt = 0 } = gate;
  const longest = Math.max(cap, 1.5 * day);
  if (Math.max(until, floor, wokenAt) > now + longest) return undefined;

  return !isAway(gate) && (slow === undefined || slow.at > now || slow.at < now - cap) ? undefined : gate;
}

/** When something changes at a gate by itself: it may be probed, or its slow start no longer counts. */
export function nextChange(gate: GateRow, { cap }: Backoff): number {
  return isAway(gate) ? gate.until : slowStart(gate).at + cap + 1;
}

/**
 * Whether the record of a gate may be deleted once no task runs through the gate or waits for it: a probe is due, or the
 * record no longer counts.
 */
export function isPast(gate: GateRow, now: number, backoff: Backoff): boolean {
  return isAway(gate) ? now >= Math.max(gate.until, gate.floor ?? 0) : currentGate(gate, now, backoff) === undefined;
}
