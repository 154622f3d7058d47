import type { Basket } from '../basket/basket.js';
import type { BasketContext } from '../basket/context.js';
import { createBasket, platformContext } from '../basket/basket.js';
import type { WorkerError } from '../pure/errors.js';
import { TaskbasketError } from '../pure/errors.js';
import type { AnyRegistry } from '../pure/registry.js';
import type { WorkerFactory } from './client.js';
import { attendWorker } from './client.js';

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
 * @throws TaskbasketError `option`, for an option that can't be.
 */
export function openBasket<R extends AnyRegistry>(registry: R, options: OpenOptions = {}): Basket<R> {
  const { worker } = options;
  if (worker !== undefined && typeof worker !== 'function') {
    throw new TaskbasketError('option', 'worker is a function that constructs the worker: () => new SharedWorker(…).');
  }

  const context = platformContext(registry, options.build ?? 0);
  const leave = worker === undefined ? (): void => undefined : attendWorker(context, worker, options.onWorkerError);
  const forget = attendPage(context);

  return createBasket(context, () => {
    leave();
    forget();
  });
}

/** Closes the channel while the page is in the back/forward cache, where a message would evict it. */
function attendPage({ hub, leaving }: BasketContext): () => void {
  if (typeof document === 'undefined' || typeof addEventListener === 'undefined') return () => undefined;

  const hide = (event: PageTransitionEvent): void => {
    for (const leave of leaving) leave();
    // Nobody may be left to say it on `complete`; a runner that looks waits for what was begun before.
    hub.say({ kind: 'look' });
    if (event.persisted) hub.suspend();
  };
  const show = (event: PageTransitionEvent): void => {
    if (event.persisted) hub.resume();
  };
  addEventListener('pagehide', hide);
  addEventListener('pageshow', show);

  return () => {
    removeEventListener('pagehide', hide);
    removeEventListener('pageshow', show);
  };
}
