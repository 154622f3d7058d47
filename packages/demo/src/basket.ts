/**
 * The page's basket, and the types of what it shows.
 */
import { type WorkerError, openBasket } from 'taskbasket';

import { tasks } from './tasks.js';

export type Basket = ReturnType<typeof openNotesBasket>;
export type Snapshot = ReturnType<ReturnType<Basket['watch']>['get']>;
/** A save that has not reached the server yet. */
export type UnsentTask = Snapshot['tasks'][number];
/** The list of what is not sent yet, with why each save waits. */
export type Unsent = ReturnType<typeof watchUnsent>;
export type ExplainedTask = ReturnType<Unsent['get']>['tasks'][number];

/** The first saves that are not sent yet, so many at most, live. */
export function watchUnsent(basket: Basket, limit: number) {
  return basket.watch({ limit }, { reasons: true });
}

/** Opens the basket with its worker: one for all tabs, or, where the browser has no shared workers, one for this tab. */
export function openNotesBasket(onWorkerError: (error: WorkerError) => void) {
  return openBasket(tasks, {
    // Bundlers read these lines: the URLs must stand here as they are.
    worker: () =>
      'SharedWorker' in globalThis
        ? new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' })
        : new Worker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' }),
    onWorkerError,
  });
}
