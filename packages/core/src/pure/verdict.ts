import { messageOf, nameOf } from './errors.js';
import { isNetworkError } from './network.js';
import { chainOf, defined, partOf, timeOf } from './parts.js';
import type { StoredError } from './record.js';

/**
 * How an attempt ended.
 *
 * - `success`: the handler returned.
 * - `failure`: it threw; counted, backed off. `timeout`: it took too long; counted, and it may have had its effect.
 * - `permanent`: the task is dead.
 * - `later`: not counted; `for` milliseconds, or not before a `date` by the wall clock.
 * - `unavailable`: the destination is away; not counted, closes the gate.
 * - `returned`: handed back by a runner that stops; neither failure nor interruption.
 * - `unreadable`: this build could not decode the payload; no handler was started.
 * - `unread`: the database did not return the payload; no handler was started. The task waits, and nothing is counted.
 */
export type Verdict =
  | { readonly kind: 'success'; readonly result?: unknown }
  | { readonly kind: 'failure' | 'timeout' | 'permanent' | 'unreadable'; readonly error: StoredError }
  | { readonly kind: 'later'; readonly for: number }
  | { readonly kind: 'later'; readonly date: number }
  | { readonly kind: 'unavailable'; readonly error: StoredError; readonly retryAfter?: number }
  | { readonly kind: 'unread' }
  | { readonly kind: 'returned'; readonly started: boolean };

/** Recognised by this and not by `instanceof` alone: an app may hold two copies of the library. */
const brand = Symbol.for('taskbasket.verdict');

/** What an error of ours makes of itself. */
type Says = (error: StoredError, wall: number) => Verdict;

function mark(error: Error, says: Says): void {
  Object.defineProperty(error, brand, { value: says });
}

/** What a handler's errors can say beside their message. */
export interface FailureOptions {
  /** What lay behind it. */
  readonly cause?: unknown;
  /** The HTTP status, shown with the task. */
  readonly status?: number | undefined;
}

/**
 * Thrown by a handler: trying again is of no use. The task is dead and stays visible, and its lane stands still
 * (unless `onDead: 'skip'`), until `retry`, `update` or `cancel`.
 */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
  readonly status: number | undefined;

  constructor(message: string, options: FailureOptions = {}) {
    super(message, defined({ cause: options.cause }));
    this.status = options.status;
    mark(this, (error) => ({ kind: 'permanent', error }));
  }
}

/**
 * Thrown by a handler: not now. Not counted as a failure. `when` is a number of milliseconds from now, or a date; at
 * least a second in either case.
 */
export class RetryLater extends Error {
  override readonly name = 'RetryLater';

  constructor(when: Date | number, options: { readonly cause?: unknown } = {}) {
    super('The handler asked to be called later.', defined({ cause: options.cause }));
    const time = timeOf(when);
    if (time === undefined || !Number.isFinite(time)) {
      throw new TypeError('RetryLater takes milliseconds from now or a date; this is neither.');
    }
    mark(this, () => (typeof when === 'number' ? { kind: 'later', for: time } : { kind: 'later', date: time }));
  }
}

/** What `Unavailable` can carry. */
export interface UnavailableOptions extends FailureOptions {
  /**
   * The server's word: milliseconds from now, or a date. The wait is at least as long, and up to half longer, by chance.
   * More than a day is taken as a day.
   */
  readonly retryAfter?: Date | number | undefined;
  /** What is shown with the task and its gate. */
  readonly message?: string | undefined;
}

/**
 * Thrown by a handler: the destination is away, or says that it is busy. Not counted as a failure of the task; closes
 * its gate, so that nothing bound there is tried until a single probe gets through.
 */
export class Unavailable extends Error {
  override readonly name = 'Unavailable';
  readonly status: number | undefined;

  constructor(options: UnavailableOptions = {}) {
    const { cause, retryAfter } = options;
    super(options.message ?? (cause === undefined ? 'The destination is away.' : messageOf(cause)), defined({ cause }));
    this.status = options.status;
    const time = timeOf(retryAfter) ?? Number.NaN;
    mark(this, (error, wall) => {
      const wait = typeof retryAfter === 'number' ? time : time - wall;
      const word = Number.isFinite(wait) ? Math.min(longestWord, Math.max(0, wait)) : undefined;

      return { kind: 'unavailable', error, ...defined({ retryAfter: word }) };
    });
  }
}

/** What is kept of anything thrown: never fails, and holds only plain values. */
export function storedError(thrown: unknown, wall: number): StoredError {
  const message = messageOf(thrown).slice(0, 2_000);
  // A row with a status that is no finite number would be strange, and never run again.
  const status = causesOf(thrown)
    .map((one) => partOf(one, 'status'))
    .find((one): one is number => Number.isFinite(one));

  return { name: nameOf(thrown).slice(0, 100), message, at: wall, ...defined({ status }) };
}

/**
 * The verdict on a handler that threw, whatever it threw: also an error with one of ours as its `cause`. Never throws itself.
 * A `fetch` that found no network means the same as `Unavailable`: being away from the network is not a failure, also for
 * a handler that does not say so.
 */
export function verdictOf(thrown: unknown, wall: number): Verdict {
  const error = storedError(thrown, wall);
  const says = causesOf(thrown)
    .map((one) => partOf(one, brand))
    .find((one) => typeof one === 'function') as Says | undefined;

  return says?.(error, wall) ?? { kind: isNetworkError(thrown) ? 'unavailable' : 'failure', error };
}

/** The longest wait that a server's word can ask for, in milliseconds: a day. Some servers send a date as if it were seconds. */
const longestWord = 86_400_000;

function causesOf(thrown: unknown): readonly unknown[] {
  return chainOf(thrown, (one) => [partOf(one, 'cause')]);
}
