import type { Backoff } from './backoff.js';
import { retryDelay, spreadFloor } from './backoff.js';

/**
 * A gate is everything bound for one destination. Its record says what is known of an outage; a gate without a record
 * is open. One task that finds the destination away may be wrong, two are believed, and any answer proves them wrong.
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
 * - *Doubted*: the one that found it away waits. Of the others one may try, at once if nothing runs through the gate.
 * - *Closed*: nothing starts until the time has come; then one task probes. `Retry-After` closes a gate at once, and then
 *   nothing but the probe opens it.
 * - An answer shows who was wrong: who doubted alone, and who found it away in the first wait, which the answer came in.
 *   These wait by themselves (`blames`), so that a flaky server, or one bad request, holds up nobody else.
 *
 * Times are in milliseconds of the runner's clock.
 */
export interface GateRow {
  readonly name: string;
  /** How many waits there were since the destination last answered; drives the next wait. */
  readonly step: number;
  /** The end of the wait. */
  readonly until: number;
  /** The ids of tasks that found it away since it last answered, the latest last; of a long outage the last two. */
  readonly by: readonly string[];
  /** What the latest of them met. */
  readonly reason: string;
  readonly status?: number;
  /** Slow start: when it began, and how many of what started since then may run at once. Stays if it is doubted. */
  readonly slow?: { readonly at: number; readonly width: number };
  /** The time that the server named: only a person brings the probe forward beyond it. */
  readonly floor?: number;
  /** When a page last brought the probe forward. */
  readonly wokenAt?: number;
  /** The time to which a person last did, by the wall clock. */
  readonly triedAt?: number;
}

/** The longest wait that a server can ask for, in milliseconds. */
const day = 24 * 60 * 60_000;

/** How often a probe is brought forward at most: by a person, and by a page that is visible; in milliseconds. */
const triesEvery = 1_000;
const wakesEvery = 15_000;

/** What a gate's rules must know of an attempt. */
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
  /** The server's word, in milliseconds. */
  readonly retryAfter?: number | undefined;
}

/** How many more may start through a gate now. */
export function allowance(gate: GateRow | undefined, now: number, running: readonly Omit<GateAttempt, 'id'>[]): number {
  if (gate === undefined) return Number.POSITIVE_INFINITY;
  if (!isAway(gate)) {
    const { at, width } = slowStart(gate);

    return Math.max(0, width - running.filter(({ startedAt }) => startedAt >= at).length);
  }
  const { until } = gate;
  // What runs already will tell whether the one that doubts is wrong. A long upload that tries for it holds up nobody else.
  const free =
    now < until
      ? isDoubted(gate) && running.length === 0
      : !running.some(({ probe, startedAt }) => probe && startedAt >= until);

  return free ? 1 : 0;
}

/** Whether the destination was found to be away, and has not answered since: what starts through the gate is a probe. */
export function isAway(gate: GateRow | undefined): boolean {
  return gate !== undefined && gate.by.length > 0;
}

/** Whether it is known to be away: by the word of two tasks, of one that tried twice, or of the server. */
export function isClosed(gate: GateRow | undefined): boolean {
  return gate !== undefined && isAway(gate) && (!isDoubted(gate) || gate.step > 1);
}

/** Whether the gate keeps this task until the end of its wait: all if it is closed, only the doubting one if it is doubted. */
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
 * The step is raised by the first that finds it away, and by a probe. The others, and one that tried because another
 * doubted, give the gate the later of both waits: a hundred running attempts that lose the network are one closing.
 */
export function gateClosed(
  gate: GateRow | undefined,
  { id, probe, startedAt }: GateAttempt,
  { now, name, reason, status, retryAfter }: Closing,
  backoff: Backoff,
  random: () => number,
): GateRow {
  // It began before the destination answered, so it says nothing about now.
  if (gate?.slow !== undefined && startedAt < gate.slow.at) return gate;

  const before = gate?.by ?? [];
  const raised = before.length === 0 || (probe && keeps(gate, id));
  const step = (gate?.step ?? 0) + (raised ? 1 : 0);
  const by = [...before.filter((one) => one !== id), id].slice(raised ? -2 : 0);
  const told = retryAfter === undefined ? 0 : Math.min(retryAfter, day);
  const wait = Math.max(retryDelay(backoff, step, random), spreadFloor(told, random));
  const floor = Math.max(raised ? 0 : (gate?.floor ?? 0), told === 0 ? 0 : now + told);
  const { floor: _, status: __, ...kept } = gate ?? {};

  return {
    ...kept,
    name,
    step,
    until: Math.max(raised ? 0 : (gate?.until ?? 0), now + wait),
    by,
    reason,
    ...(status === undefined ? {} : { status }),
    ...(floor === 0 ? {} : { floor }),
  };
}

/** The gate after an attempt got an answer, whichever. The same gate if the answer says nothing about now. */
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

/** The gate in its slow start, which is over if as many may run as may run at all. */
function slowly(gate: GateRow, at: number, width: number, concurrency: number): GateRow | undefined {
  const { floor: _, ...kept } = gate;

  return width >= concurrency ? undefined : { ...kept, step: 0, by: [], slow: { at, width } };
}

/**
 * The tasks that an answer to another one, `id`, proves wrong. In the first wait these are all that found the
 * destination away; after it they are not, because the destination may have come back. One that nobody else agreed with
 * is wrong at any time.
 */
export function toBlame(gate: GateRow, id: string, now: number): readonly string[] {
  const wrong = gate.by.length === 1 || (gate.step === 1 && now < gate.until);

  return wrong && !gate.by.includes(id) ? gate.by : [];
}

/**
 * The gate whose probe a person brings forward, whatever the server said: it may probe at once, or a second after the
 * last time that somebody did so. The same gate if that gains nothing. (The runner's clock is never behind the wall
 * clock, by which a person tries.)
 */
export function gateForward(gate: GateRow, wall: number): GateRow {
  const { triedAt = Number.NEGATIVE_INFINITY } = gate;
  // It may lie a second ahead, where one waits already; further, the clock was put back.
  const soon = wall - triedAt < triesEvery && triedAt - wall <= triesEvery;
  const until = soon ? triedAt + triesEvery : 0;
  if (!isAway(gate) || until >= gate.until) return gate;

  return { ...gate, until, triedAt: soon ? until : wall };
}

/**
 * The gate whose probe a page brings forward, because it is visible or online: into the next `spread` milliseconds, and
 * no sooner than the server said. The same gate if that gains nothing, or if a page did so within the last 15 s (or
 * within the spread, if that is longer). A visible page asks again.
 */
export function gateWoken(gate: GateRow, now: number, spread: number, random: () => number): GateRow {
  const { floor = 0, wokenAt = Number.NEGATIVE_INFINITY } = gate;
  if (!isAway(gate) || now - wokenAt < Math.max(wakesEvery, spread)) return gate;
  const until = Math.max(floor, now + Math.round(random() * spread));

  return until < gate.until ? { ...gate, until, wokenAt: now } : gate;
}

/**
 * The record as it counts now. None: its slow start began longer ago than the cap, or in the future; or its times lie
 * further ahead than any wait, because the clock was wrong.
 */
export function currentGate(gate: GateRow | undefined, now: number, { cap }: Backoff): GateRow | undefined {
  if (gate === undefined) return undefined;
  const { until, slow, floor = 0, wokenAt = 0 } = gate;
  const longest = Math.max(cap, 1.5 * day);
  if (Math.max(until, floor, wokenAt) > now + longest) return undefined;

  return !isAway(gate) && (slow === undefined || slow.at > now || slow.at < now - cap) ? undefined : gate;
}
