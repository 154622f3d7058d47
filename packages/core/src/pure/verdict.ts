import { messageOf, nameOf } from './errors.js';
import { isNetworkError } from './network.js';
import { chainOf, defined, partOf, timeOf } from './parts.js';
import type { StoredError } from './record.js';
import { smallCopy } from './size.js';

/**
 * How an attempt ended.
 *
 * - `success`: the handler returned.
 * - `failure`: the handler threw. Counts as a failure; the task backs off.
 * - `timeout`: the attempt took too long, and may have had its effect. Counts as a failure.
 * - `permanent`: the task is dead.
 * - `later`: the task waits `for` milliseconds, or until a `date` by the wall clock. No failure.
 * - `unavailable`: the destination is away, which the gate learns. No failure.
 * - `signed-out`: the server refuses the one who is signed in. The task waits for other values. No failure.
 * - `returned`: the runner stops, or the task was cancelled. Neither failure nor interruption.
 * - `unreadable`: this build could not decode the payload. No handler was started.
 * - `unread`: the database did not return the payload, or the payload was decoded too late. No handler was started; the
 *   task backs off. No failure.
 */
export type Verdict =
  | { readonly kind: 'success'; readonly result?: unknown }
  | { readonly kind: 'failure' | 'timeout' | 'unreadable' | 'signed-out'; readonly error: StoredError }
  /** `unsent`: the request could not be sent, which says nothing about its destination. */
  | { readonly kind: 'permanent'; readonly error: StoredError; readonly unsent?: true }
  | { readonly kind: 'later'; readonly for: number }
  | { readonly kind: 'later'; readonly date: number }
  | {
      readonly kind: 'unavailable';
      readonly error: StoredError;
      readonly retryAfter?: number;
      readonly signedOut?: true;
    }
  | { readonly kind: 'unread' }
  | { readonly kind: 'returned'; readonly started: boolean };

/** Marks an error of ours. `instanceof` does not find an error of a second copy of the library. */
const brand = Symbol.for('taskbasket.verdict');

/** Gives the verdict that an error of ours stands for. */
type Says = (error: StoredError, wall: number) => Verdict;

function mark(error: Error, says: Says): void {
  Object.defineProperty(error, brand, { value: says });
}

/** The options of `PermanentFailure`. */
export interface FailureOptions {
  /** The error that led to this one. */
  readonly cause?: unknown;
  /** The HTTP status. It is shown with the task. */
  readonly status?: number | undefined;
  /**
   * What a person needs in order to decide, such as the server's version of a note: plain data, up to 32 KB at two bytes
   * for each character. It is stored with the task, and given back as `lastError.detail`. A detail that is larger, or
   * that cannot be stored, is left out, and the message says so.
   *
   * @example
   * if (response.status === 409) throw new PermanentFailure('Somebody else changed it.', { detail: await response.json() });
   */
  readonly detail?: unknown;
}

/**
 * Throw this in a handler if another attempt cannot succeed. The task is dead: it is kept and shown, and it stops its
 * lane (unless `onDead` is `skip`), until you call `retry`, `update` or `cancel`.
 *
 * @example
 * if (response.status === 422) throw new PermanentFailure('The note has no text.', { status: 422 });
 */
export class PermanentFailure extends Error {
  override readonly name = 'PermanentFailure';
  readonly status: number | undefined;
  readonly detail: unknown;

  constructor(message: string, options: FailureOptions = {}) {
    super(message, defined({ cause: options.cause }));
    this.status = options.status;
    this.detail = options.detail;
    mark(this, (error) => ({ kind: 'permanent', error: detailed(error, this.detail) }));
  }
}

/**
 * Throw this in a handler to try the task again later. It does not count as a failure. `when` is a number of
 * milliseconds from now, or a date. The wait is at least a second.
 *
 * @example
 * if (response.status === 202) throw new RetryLater(30_000); // The server is not done yet: ask again in 30 s.
 *
 * @throws TypeError, from the constructor, if `when` is neither.
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

/** The options of `Unavailable`. */
export interface UnavailableOptions extends Omit<FailureOptions, 'detail'> {
  /**
   * How long the server asks you to wait, in milliseconds, or the date until which it does. The task waits at least
   * that long, and by chance up to half as long again. More than a day counts as a day; 0, a date that is over and NaN
   * count as nothing. Default: the server does not ask.
   */
  readonly retryAfter?: Date | number | undefined;
  /** The message that is shown with the task and its gate. Default: the message of `cause`. */
  readonly message?: string | undefined;
}

/**
 * Throw this in a handler if the destination is away, or says that it is busy. It does not count as a failure of the
 * task. The task waits. Once a second task finds the destination away too, or at once if `retryAfter` names a time to
 * come, the gate closes: all its tasks wait, and one at a time probes, until the destination answers.
 *
 * @example
 * if (response.status === 503) throw new Unavailable({ retryAfter: 60_000, status: 503 });
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
      const word = Number.isFinite(wait) ? Math.max(0, Math.ceil(wait)) : undefined;
      const signedOut = this instanceof SignedOut ? (true as const) : undefined;

      return { kind: 'unavailable', error, ...defined({ retryAfter: word, signedOut }) };
    });
  }
}

/**
 * Throw this in a handler if the server does not accept who is signed in. `ensureOk` throws it for a 401. It does not
 * count as a failure. The owner's tasks of this gate wait, without probes. The app's function that gives the values is
 * called once more, and again within a minute if it fails. If the server refuses within a minute what it gives, that of
 * the next page is called. If no page has such a function, or the server refuses what each gives, the tasks wait until
 * `signIn` is called again. Without a declared session it is `Unavailable`.
 *
 * @example
 * if (response.status === 401) throw new SignedOut({ status: 401 });
 */
export class SignedOut extends Unavailable {
  constructor(options: UnavailableOptions = {}) {
    super({ message: 'The server does not accept who is signed in.', ...options });
  }
}

/** The error with a copy of its detail, if that can be stored in the row of its task. */
function detailed(error: StoredError, detail: unknown): StoredError {
  if (detail === undefined) return error;
  try {
    return { ...error, detail: smallCopy(detail) };
  } catch (thrown) {
    const why = messageOf(thrown).slice(0, 200);

    return { ...error, message: `${error.message.slice(0, longestMessage - 250)} (The detail was left out: ${why})` };
  }
}

/** The most characters of an error's message that are stored. */
const longestMessage = 2_000;

/** What is stored of anything thrown: plain values. Never throws itself. */
export function storedError(thrown: unknown, wall: number): StoredError {
  const message = messageOf(thrown).slice(0, longestMessage);
  // A row whose status is no finite number would count as strange, and would never run again.
  const status = causesOf(thrown)
    .map((one) => partOf(one, 'status'))
    .find((one): one is number => Number.isFinite(one));

  return { name: nameOf(thrown).slice(0, 100), message, at: wall, ...defined({ status }) };
}

/**
 * The verdict on an attempt whose handler threw. An error of ours counts also as the `cause` of another error. A
 * `fetch` that found no network counts as `Unavailable`, so that a lost network is never a failure. Never throws
 * itself.
 */
export function verdictOf(thrown: unknown, wall: number): Verdict {
  const error = storedError(thrown, wall);
  const says = causesOf(thrown)
    .map((one) => partOf(one, brand))
    .find((one) => typeof one === 'function') as Says | undefined;

  return says?.(error, wall) ?? { kind: isNetworkError(thrown) ? 'unavailable' : 'failure', error };
}

function causesOf(thrown: unknown): readonly unknown[] {
  return chainOf(thrown, (one) => [partOf(one, 'cause')]);
}
