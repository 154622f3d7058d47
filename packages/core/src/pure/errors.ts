import { defined, partOf } from './parts.js';

/**
 * Says what went wrong, for code that must decide. The message says it for people, and says what to do.
 *
 * - `option`: an argument or an option is wrong; nothing was done.
 * - `unknown-type`: the registry has no task type of that name, or a later version of the library wrote the task.
 * - `payload`: the codec threw, or the value cannot be stored; nothing was stored.
 * - `transaction`: the transaction given to `addTx` or `createStores` cannot be used; nothing was written by us.
 * - `stores-missing`: the database lacks the basket's object stores.
 * - `quota`: the browser has no room; nothing was stored or changed. Free some space, or store less. A call that changes
 *   many tasks does so in steps of up to 256: what earlier steps changed stays changed.
 * - `not-stored`: the browser refused the write (because of a disk error, say), or the database was closed between two
 *   such steps; nothing was stored or changed, but for what earlier steps changed.
 * - `unknown-outcome`: nobody knows whether the write was committed. The connection was lost during the commit, or the
 *   browser did not answer for a minute. Call `get` later, with the `id` of the error: it says whether the task is
 *   there.
 * - `started`: the task cannot be edited, because it was started and its payload may have been sent.
 * - `no-database`: IndexedDB is missing, or the database could not be opened within a minute, or could not be read.
 * - `signed-out`: nobody is signed in here, so the task would have no owner, or the task belongs to somebody else, or its
 *   owner has left. Call `signIn` first. Also from `attempt.session`, if the task belongs to nobody.
 * - `still-sending`: the owner is stored, and 15 s later a handler of another owner still runs, which may send.
 * - `closed`: the basket was closed, or the attempt is over.
 * - `worker`: the worker that runs tasks could not be started, or does not answer. Adding goes on.
 */
export type ErrorCode =
  | 'option'
  | 'unknown-type'
  | 'payload'
  | 'transaction'
  | 'stores-missing'
  | 'quota'
  | 'not-stored'
  | 'unknown-outcome'
  | 'started'
  | 'no-database'
  | 'signed-out'
  | 'still-sending'
  | 'closed'
  | 'worker';

/**
 * An error of the library. `code` says what went wrong; `cause` is the error that led to it, if there was one.
 *
 * @example
 * try {
 *   await basket.add('savePhoto', photo);
 * } catch (error) {
 *   if (!(error instanceof TaskbasketError)) throw error;
 *   show(error.code === 'quota' ? 'There is no room for this photo.' : error.message);
 * }
 */
export class TaskbasketError extends Error {
  override readonly name: string = 'TaskbasketError';
  readonly code: ErrorCode;
  /** The id of the task that could not be edited (`started`) or may have been stored (`unknown-outcome` of an add). */
  readonly id: string | undefined;

  constructor(code: ErrorCode, message: string, cause?: unknown, id?: string) {
    super(message, defined({ cause }));
    this.code = code;
    this.id = id;
  }
}

/**
 * Why no worker runs tasks. Tasks are still added and kept.
 *
 * - `unsupported`: this browser has no such worker. Call `runBasket` in the page instead.
 * - `failed`: the script could not be loaded, was blocked, or threw when it was first run. Browsers say no more than
 *   a bare event for most of these; what was said is in the message.
 * - `silent`: it does not answer. It never did, or it no longer does, because of an endless loop, say.
 * - `mismatch`: it answers, but for another basket, with another protocol, or as an older build.
 * - `database`: it answers, but cannot open the database, or finds no stores of the basket in it.
 */
export type WorkerProblem = 'unsupported' | 'failed' | 'silent' | 'mismatch' | 'database';

/**
 * Tells `onWorkerError` of `openBasket` why no worker runs tasks.
 *
 * @example
 * const onWorkerError = ({ problem, message }: WorkerError): void => {
 *   if (problem === 'unsupported') void runBasket(basket, handlers);
 *   else show(message);
 * };
 */
export class WorkerError extends TaskbasketError {
  override readonly name = 'WorkerError';
  readonly problem: WorkerProblem;

  constructor(problem: WorkerProblem, message: string, cause?: unknown) {
    super('worker', message, cause);
    this.problem = problem;
  }
}

/** What a call hears whose basket was closed. */
export function basketClosed(): TaskbasketError {
  return new TaskbasketError('closed', 'This basket was closed. Open another one with openBasket.');
}

/** The message of anything that was thrown, also of what is no error. Never throws itself. */
export function messageOf(thrown: unknown): string {
  try {
    // Read once, because a getter may say something else the second time.
    const message = (thrown as { readonly message?: unknown } | null | undefined)?.message;

    return typeof message === 'string' ? message : String(thrown);
  } catch {
    return 'a value that cannot be shown';
  }
}

/** The name of anything that was thrown: its `name`, or else the kind of the value. Never throws itself. */
export function nameOf(thrown: unknown): string {
  const name = partOf(thrown, 'name');
  if (typeof name === 'string') return name;

  return thrown === null ? 'null' : typeof thrown;
}

/** Whether an error says that the browser has no room. */
export function isQuota(thrown: unknown): boolean {
  return nameOf(thrown) === 'QuotaExceededError';
}

/** Calls a function of the app. If the function throws, the error is reported as uncaught, and nothing else stops. */
export function callSafely<Value>(listener: (value: Value) => void, value: Value): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
