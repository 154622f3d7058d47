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
}

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

  if (gate !== undefined && gate.open === undefined && !attempt.probe) {
    return { ...gate, until: Math.max(gate.until, now + wait(gate.step)) };
  }

  const step = (gate?.step ?? 0) + 1;

  return { name, step, until: now + wait(step), reason, by };
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

/** The gate whose probe was brought forward by a person: it may probe at once. */
export function gateForward(gate: GateRow): GateRow {
  return gate.open === undefined ? { ...gate, until: 0 } : gate;
}

/** The record as it counts: one that opened longer ago than the cap counts as none. */
export function currentGate(gate: GateRow | undefined, now: number, backoff: Backoff): GateRow | undefined {
  return gate?.open !== undefined && now - gate.open.at > backoff.cap ? undefined : gate;
}
