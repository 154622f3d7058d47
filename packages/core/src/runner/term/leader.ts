import type { BasketContext } from '../../basket/context/context.js';
import type { Claim, Epoch, RunnerRow, TaskRow } from '../../pure/record.js';
import type { TaskTypeParts } from '../../pure/registry.js';
import type { RunnerClock } from '../../pure/runner-clock.js';
import type { Moment } from '../../pure/transitions.js';
import type { Verdict } from '../../pure/verdict.js';
import type { StoredPayload } from '../../store/payloads.js';
import type { Memory } from './memory.js';
import type { Patience } from './patience.js';

/** What a handler is called with, beside the payload. */
export interface Attempt<Payload = unknown> {
  /** The task's id. */
  readonly id: string;
  /** Counts the handlers started for this task, from 1. */
  readonly number: number;
  /** An earlier attempt was cut off, so it may have had its effect: the server should know the idempotency key. */
  readonly recovered: boolean;
  /** Aborts when the task is cancelled, takes too long, or the runner stops or is deposed. */
  readonly signal: AbortSignal;
  /** The same on every attempt of a task; the server must answer its second use without a second effect. */
  readonly idempotencyKey: string;
  /**
   * Stores the task's payload anew, so that the next attempt is called with it. Durable when it resolves. Several calls
   * take effect in their order.
   *
   * @throws TaskbasketError `closed`, if the attempt is over or the runner was deposed: nothing was written. `payload`,
   * if the value cannot be stored. `quota`, `not-stored`: it was not stored. `unknown-outcome`: nobody can tell; the next
   * attempt is called with what is stored.
   */
  readonly save: (payload: Payload) => Promise<void>;
}

/** Does a task of one type. What it returns is the task's result; what it throws decides what comes next. */
export type Handler<Payload, Result> = (payload: Payload, attempt: Attempt<Payload>) => Result | Promise<Result>;

/** Any handler, as the runner calls it. */
export type AnyHandler = Handler<unknown, unknown>;

/** A claim whose handler runs, or is about to. */
export interface RunningAttempt {
  readonly claim: Claim;
  /** As it was claimed. */
  readonly row: TaskRow;
  readonly type: TaskTypeParts;
  /** The stored payload; `lost` if it lay apart and is not there. `undefined`: it lies apart and was not read yet. */
  stored: StoredPayload | undefined;
  readonly probe: boolean;
  /** By the runner's clock, in milliseconds. */
  readonly startedAt: number;
  readonly controller: AbortController;
  /** By the monotonic clock: aborted then. */
  deadline: number;
  /** By the monotonic clock: its slot is lost then. There once it was aborted. */
  abandonAt: number | undefined;
  /** What it was aborted for. */
  abortedFor: 'timeout' | 'stop' | 'cancel' | undefined;
  /** Whether the handler was called. */
  started: boolean;
  /** Whether its row may have been written since it was claimed, so that settle must read it. */
  touched: boolean;
  verdict: Verdict | undefined;
  /**
   * How often a turn failed that kept its result and no other, while a turn that kept none went well before. `undefined`:
   * no turn that kept its result has failed.
   */
  refusals: number | undefined;
  /** It has left the running set, or its runner was deposed: whatever it still does is ignored. */
  over: boolean;
}

/** A task under which the runner died three times in a row: it runs alone, one such task at a time. */
export type Alone =
  | { readonly phase: 'none' }
  /** One has run; others get their turn before the next. */
  | { readonly phase: 'rest' }
  | { readonly phase: 'clearing'; readonly id: string; readonly since: number }
  | { readonly phase: 'running'; readonly id: string; readonly claim: number; readonly since: number };

/** How long nothing else is claimed before, and after, a task that runs alone starts; in milliseconds. */
export const aloneWindow = 10_000;

/** Who stands in the way of all others, as it is stored for those who ask why they wait. */
export function aloneOf(state: Alone): RunnerRow['alone'] {
  if (state.phase === 'none' || state.phase === 'rest') return undefined;

  return { id: state.id, until: state.since + aloneWindow };
}

/** What a turn leaves to the next one. A turn that fails leaves all of it as it was, but for what was read. */
export interface Remembered {
  /** What was read of the database. `undefined`: the next turn reads it. */
  readonly memory: Memory | undefined;
  readonly alone: Alone;
  /** Claims in the order of priorities since the lowest had its share. */
  readonly passedOver: number;
  /** The number of the next claim. */
  readonly nextClaim: number;
  /** A turn failed that kept results; the next keeps none, to find out whether the results were the cause. */
  readonly spared: boolean;
}

/** What others say to the runner. They may say it at any time, so the next turn takes it. */
export interface Signals {
  /** Claims nothing more. */
  stopping: boolean;
  /** Somebody said "look again", or the poll rang: search for prefixes that are not known yet. */
  poked: boolean;
  /** A page is visible or online: probes of closed gates are to come within so many milliseconds. */
  woken: number | undefined;
  /** Aborts once the term has ended: no transaction of it begins any more. */
  readonly gone: AbortSignal;
}

/** What a runner is made of, in all of its terms. */
export interface RunnerParts {
  readonly context: BasketContext;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly concurrency: number;
}

/** The runner while it leads: what belongs to one epoch. Dropped as a whole when it is deposed. */
export interface Leader extends RunnerParts {
  readonly epoch: Epoch;
  readonly clock: RunnerClock;
  /** The running set, by claim. */
  readonly running: Map<number, RunningAttempt>;
  /** How many turns have failed in a row, and how long the next waits for that. */
  readonly patience: Patience;
  readonly signals: Signals;
  /** Replaced by each turn, and by nothing else. */
  remembered: Remembered;
  /** Wakes the runner, and has it search for prefixes that it does not know yet. */
  readonly poke: () => void;
}

/** The sooner of two wake-ups. */
export function sooner(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** Whether one of a running set is an attempt of this row. */
export function runs(running: ReadonlyMap<number, RunningAttempt>, { seq }: TaskRow): boolean {
  return [...running.values()].some(({ claim }) => claim.seq === seq);
}

/** Both clocks of one instant. */
export function momentOf(leader: Leader): Moment {
  return { now: leader.clock.now(), wall: leader.context.ports.clock.wall() };
}
