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
   * Constructs the worker that runs the tasks. The line stands literally in your app, since bundlers read it:
   * `() => new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' })`.
   * Left out: this context only adds and shows; `runBasket` or another tab's worker runs them.
   */
  readonly worker?: WorkerFactory | undefined;
  /** A number of the app's, higher for each deploy; see `serveBasket`. Default 0. */
  readonly build?: number | undefined;
  /**
   * Told why no worker runs tasks. Adding goes on, and it is tried again by itself, unless it is `unsupported`. Left
   * out: the error is reported as an uncaught one (`reportError`).
   */
  readonly onWorkerError?: ((error: WorkerError) => void) | undefined;
}

/**
 * Opens a basket in this context: a page, a worker, Node with an IndexedDB. The database is opened with the first call
 * that needs it; what is in it already is picked up once a runner leads.
 *
 * @example
 * export const basket = openBasket(tasks, {
 *   worker: () => new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' }),
 * });
 *
 * @throws TaskbasketError `option`, for an option that cannot be.
 */
export function openBasket<R extends AnyRegistry>(registry: R, options: OpenOptions = {}): Basket<R> {
  const parts = checkParts(options, 'The options of openBasket', ['worker', 'build', 'onWorkerError']);
  const { worker, build = 0, onWorkerError } = parts;
  checkFunction(worker, 'worker', 'a function that constructs the worker: () => new SharedWorker(…)');
  checkFunction(onWorkerError, 'onWorkerError');

  const context = platformContext(registry, build);
  const attendance = worker === undefined ? undefined : attendWorker(context, worker, onWorkerError);
  if (attendance !== undefined) context.askWorker = attendance.health;
  const forget = attendPage(context, attendance);

  return createBasket(context, () => {
    attendance?.leave();
    forget();
  });
}

/**
 * Closes the channel, and lets go of the worker, while the page is in the back/forward cache, where a message would
 * evict it. Says when the page is back online or is looked at again: the destinations that were away may be there.
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
    // Nobody may be left to say it on `complete`; a runner that looks waits for what was begun before.
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
