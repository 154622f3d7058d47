import type { Backoff } from './backoff.js';
import { retryDelay, spreadFloor } from './backoff.js';

/**
 * A gate: everything bound for one destination. No record means open. Times are in milliseconds of the runner's clock.
 *
 * closed until a time → one probe → open with a slow start (1, 2, 4 … at once) → no record
 */
export interface GateRow {
  readonly name: string;
  /** Closings in a row; drives the wait. */
  readonly step: number;
  /** Closed until then; from then on a single attempt may probe. */
  readonly until: number;
  /** There once a probe got through: the slow start. */
  readonly open?: {
    readonly at: number;
    /** How many may run at once of those that began since. */
    readonly width: number;
    /** How many of them ended well since the width was last raised. */
    readonly passed: number;
  };
  /** Why it closed: the message, and the id of the task that met it. */
  readonly reason: string;
  readonly by: string;
  /** Nobody but `by` has found it away since it was open: if another's probe gets through, that task is to blame. */
  readonly alone?: true;
  /** The server's word: being online again brings no probe forward beyond it. */
  readonly floor?: number;
  /** When being online or visible again last brought its probe forward. */
  readonly wokenAt?: number;
  /** When a person last did, by the wall clock. */
  readonly triedAt?: number;
}

/** How often a probe is brought forward at most, in milliseconds. */
const triesEvery = 1_000;
const wakesEvery = 30_000;

/** A probe that is brought forward comes within so many milliseconds, so that a fleet does not come at once. */
const visibleSpread = 2_000;
const hiddenSpread = 30_000;

/** What a gate's rules must know of an attempt. */
export interface GateAttempt {
  readonly probe: boolean;
  readonly startedAt: number;
}

/** How a destination was found to be away. */
export interface Closing {
  readonly now: number;
  readonly name: string;
  readonly by: string;
  readonly reason: string;
  /** The server's word, in milliseconds. */
  readonly retryAfter?: number | undefined;
}

/** How many more may start through a gate now. */
export function allowance(gate: GateRow | undefined, now: number, running: readonly GateAttempt[]): number {
  if (gate === undefined) return Number.POSITIVE_INFINITY;

  if (gate.open !== undefined) {
    const { at, width } = gate.open;

    return Math.max(0, width - running.filter((attempt) => attempt.startedAt >= at).length);
  }

  return now < gate.until || running.some((attempt) => attempt.probe) ? 0 : 1;
}

/**
 * Whether a task comes last through a gate that closed lately: it is the one that closed it, or one that was to blame
 * before. Probing again and again, it would never show that it is alone.
 */
export function isSuspect(gate: GateRow | undefined, task: { readonly id: string; readonly blames: number }): boolean {
  return gate !== undefined && (gate.by === task.id || task.blames > 0);
}

/** Whether what starts through this gate is its probe. */
export function isProbe(gate: GateRow | undefined): boolean {
  return gate !== undefined && gate.open === undefined;
}

/**
 * The gate after an attempt found its destination away.
 *
 * Two things raise the step: the probe's, and one that finds the gate open and began after it last opened. Any other
 * gives a closed gate the later of both waits and does nothing to an open one: a hundred running attempts that lose
 * the network are one failure.
 */
export function gateClosed(
  found: GateRow | undefined,
  attempt: GateAttempt,
  closing: Closing,
  backoff: Backoff,
  random: () => number,
): GateRow | undefined {
  const { now, name, by, reason, retryAfter } = closing;
  const gate = currentGate(found, now, backoff);
  const wait = (step: number): number =>
    Math.max(retryDelay(backoff, step, random), retryAfter === undefined ? 0 : spreadFloor(retryAfter, random));

  if (gate?.open !== undefined && attempt.startedAt < gate.open.at) return gate;

  const { open, alone, floor = 0, ...kept }: Partial<GateRow> = gate ?? {};
  const first = gate === undefined || open !== undefined;
  const late = !first && !attempt.probe;
  const step = (gate?.step ?? 0) + (late ? 0 : 1);
  const until = Math.max(late ? gate.until : 0, now + wait(step));
  const told = Math.max(late ? floor : 0, now + (retryAfter ?? Number.NEGATIVE_INFINITY));
  const said = { name, reason, by };

  return {
    ...(late ? { ...said, ...kept } : { ...kept, ...said }),
    step,
    until,
    ...(told > 0 ? { floor: told } : {}),
    ...(first ? { alone: true } : {}),
  };
}

/**
 * The task to blame once a probe got through, if there is one: it closed the gate alone, and another finds it open. Two
 * closings in a row blame nobody: the network flaps.
 */
export function toBlame(before: GateRow | undefined, after: GateRow | undefined, by: string): string | undefined {
  const opened = before?.open === undefined && after?.open !== undefined;

  return opened && before?.alone === true && before.by !== by ? before.by : undefined;
}

/**
 * The gate after an attempt got an answer, whichever: the probe opens it; those that began since then widen it, until
 * as many run as may run at all, and the record goes.
 */
export function gatePassed(
  gate: GateRow | undefined,
  attempt: GateAttempt,
  now: number,
  concurrency: number,
): GateRow | undefined {
  if (gate === undefined) return undefined;
  if (gate.open === undefined) return attempt.probe ? { ...gate, open: { at: now, width: 1, passed: 0 } } : gate;
  if (attempt.startedAt < gate.open.at) return gate;

  const { at, width, passed } = gate.open;
  if (passed + 1 < width) return { ...gate, open: { at, width, passed: passed + 1 } };
  if (width * 2 >= concurrency) return undefined;

  return { ...gate, open: { at, width: width * 2, passed: 0 } };
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
  if (gate.open !== undefined || until >= gate.until) return gate;

  return { ...gate, until, triedAt: soon ? until : wall };
}

/**
 * The gate whose probe is brought forward because this browser is online again, or a page visible: within 2 s if one is
 * visible, else within 30 s, and never sooner than the server said. The same gate if that gains nothing, or if it was
 * done within the last 30 s.
 */
export function gateWoken(gate: GateRow, now: number, visible: boolean, random: () => number): GateRow {
  // By the runner's clock, which never goes back.
  if (gate.open !== undefined || now - (gate.wokenAt ?? Number.NEGATIVE_INFINITY) < wakesEvery) return gate;
  const spread = visible ? visibleSpread : hiddenSpread;
  const until = Math.max(gate.floor ?? 0, now + Math.round(random() * spread));

  return until < gate.until ? { ...gate, until, wokenAt: now } : gate;
}

/** The record as it counts: one that opened longer ago than the cap counts as none. */
export function currentGate(gate: GateRow | undefined, now: number, backoff: Backoff): GateRow | undefined {
  return gate?.open !== undefined && now - gate.open.at > backoff.cap ? undefined : gate;
}
