import type { Basket } from '../basket/basket.js';
import type { BasketContext } from '../basket/context/context.js';
import { createBasket, platformContext } from '../basket/basket.js';
import type { WorkerError } from '../pure/errors.js';
import { checkFunction, checkParts } from '../pure/options.js';
import type { AnyRegistry } from '../pure/registry.js';
import type { Attendance } from './client.js';
import type { WorkerFactory } from './connect.js';
import { attendWorker } from './client.js';
import { createLooking } from './looking.js';

/** Options of `openBasket`. */
export interface OpenOptions {
  /**
   * Constructs the worker that runs the tasks. Write the line in your app as it stands here, because bundlers read it:
   * `() => new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' })`.
   * Default: this context only adds and shows tasks; `runBasket`, or the worker of another tab, runs them.
   */
  readonly worker?: WorkerFactory | undefined;
  /** A whole number, from 0, that your app raises with each deploy; see `ServeOptions.build`. Default 0. */
  readonly build?: number | undefined;
  /**
   * Called with the reason why no worker runs tasks. Tasks can still be added. The library tries the worker again by
   * itself, unless the problem is `unsupported`. An error is not told twice in a row, unless the worker answered in between.
   * Default: the error is reported as uncaught (`reportError`), but not in Node, which has no such function.
   *
   * @example
   * const basket = openBasket(tasks, { worker, onWorkerError: ({ message }) => show(message) });
   */
  readonly onWorkerError?: ((error: WorkerError) => void) | undefined;
}

/**
 * Returns a basket for this context: a page, a worker, or Node with an IndexedDB. The first call that needs the
 * database opens it. Tasks that are already stored run as soon as there is a runner.
 *
 * @example
 * export const basket = openBasket(tasks, {
 *   worker: () => new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' }),
 * });
 *
 * @throws TaskbasketError `option`, if the registry or an option is wrong.
 */
export function openBasket<R extends AnyRegistry>(registry: R, options: OpenOptions = {}): Basket<R> {
  const parts = checkParts(options, 'The options of openBasket', ['worker', 'build', 'onWorkerError']);
  const { worker, build = 0, onWorkerError } = parts;
  checkFunction(worker, 'worker', 'a function that constructs the worker: () => new SharedWorker(…)');
  checkFunction(onWorkerError, 'onWorkerError');

  const context = platformContext(registry, build);
  const attendance = worker === undefined ? undefined : attendWorker(context, worker, onWorkerError);
  if (attendance !== undefined) {
    context.askWorker = attendance.health;
    context.workerStarts = attendance.starts;
  }
  const forget = attendPage(context, attendance);

  return createBasket(context, () => {
    attendance?.leave();
    forget();
  });
}

/**
 * Closes the channel, and lets go of the worker, while the page is in the back/forward cache, because a message would
 * evict the page. Tells the runner when the page is online or visible again, because a destination that was away may
 * answer now. Returns a function that stops this.
 */
function attendPage(context: BasketContext, attendance: Attendance | undefined): () => void {
  if (typeof document === 'undefined' || typeof addEventListener !== 'function') return () => undefined;

  const { hub, unfinished } = context;
  const page = globalThis as unknown as EventTarget;
  const stop = new AbortController();
  const isVisible = (): boolean => document.visibilityState === 'visible';
  const looking = createLooking(context, isVisible);
  const on = (target: EventTarget, name: string, listener: (event: PageTransitionEvent) => void): void =>
    target.addEventListener(name, listener as EventListener, stop);

  on(page, 'pagehide', ({ persisted }) => {
    // The page may be unable to say it on `complete`. A runner that reads now waits for the writes that have begun.
    if (unfinished.size > 0) hub.leave();
    if (!persisted) return;
    hub.suspend();
    attendance?.suspend();
  });
  on(page, 'pageshow', ({ persisted }) => {
    if (!persisted) return;
    hub.resume();
    attendance?.resume();
    looking.changed();
  });
  on(page, 'online', () => hub.say({ kind: 'wake', visible: isVisible(), online: true }));
  on(document, 'visibilitychange', () => {
    looking.changed();
    if (isVisible()) attendance?.ask();
  });
  looking.changed();

  return () => {
    stop.abort();
    looking.stop();
  };
}
