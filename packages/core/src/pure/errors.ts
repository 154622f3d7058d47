import { defined, partOf } from './parts.js';

/**
 * What can go wrong, in one closed list. The first word says which rule was broken; the message says what to do.
 *
 * - `option`: an argument or an option is wrong; nothing was done.
 * - `unknown-type`: the registry has no task type of that name.
 * - `payload`: the codec threw, or the value cannot be stored; nothing was stored.
 * - `transaction`: the transaction given to `addTx` or `createStores` cannot be used; nothing was written by us.
 * - `stores-missing`: the database lacks the basket's object stores.
 * - `quota`: the browser has no room for it; there is no such task. Free some space, or ask for less.
 * - `not-stored`: the browser refused the write (a disk error, say); there is no such task.
 * - `unknown-outcome`: the connection was lost in the instant of the commit, or the browser did not answer for a minute,
 *   and the task could not be looked for: the task with the error's `id` may be there or not. `get(id)` tells, later.
 * - `started`: the task was started, so it cannot be edited: what may have been sent is not changed.
 * - `no-database`: IndexedDB is missing, or the database could not be opened within a minute, or could not be read.
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
  | 'closed'
  | 'worker';

/** Every error that the library itself throws or rejects with. `cause` holds what lay behind it. */
export class TaskbasketError extends Error {
  override readonly name: string = 'TaskbasketError';
  readonly code: ErrorCode;
  /** The task that it is about; there with the `unknown-outcome` of an add, and with `started`. */
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
 * - `silent`: it does not answer: it never did, or no longer does, as in an endless loop.
 * - `mismatch`: it answers, but for another basket, with another protocol, or as an older build.
 * - `database`: it answers, but cannot open the database, or finds no stores of the basket in it.
 */
export type WorkerProblem = 'unsupported' | 'failed' | 'silent' | 'mismatch' | 'database';

/** Given to `onWorkerError` of `openBasket`. */
export class WorkerError extends TaskbasketError {
  override readonly name = 'WorkerError';
  readonly problem: WorkerProblem;

  constructor(problem: WorkerProblem, message: string, cause?: unknown) {
    super('worker', message, cause);
    this.problem = problem;
  }
}

/** The message of anything that can be thrown, `undefined` and cyclic objects included. Never throws itself. */
export function messageOf(thrown: unknown): string {
  try {
    if (typeof thrown === 'object' && thrown !== null && 'message' in thrown && typeof thrown.message === 'string') {
      return thrown.message;
    }

    return String(thrown);
  } catch {
    return 'a value that cannot be shown';
  }
}

/** The name of anything that can be thrown: an error's `name`, otherwise the kind of value. Never throws itself. */
export function nameOf(thrown: unknown): string {
  const name = partOf(thrown, 'name');
  if (typeof name === 'string') return name;

  return thrown === null ? 'null' : typeof thrown;
}

/** Calls back the app. An error of its function surfaces as an uncaught one, and ends nothing else. */
export function callSafely<Value>(listener: (value: Value) => void, value: Value): void {
  try {
    listener(value);
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}
