/** The page's basket, and the one list of what is unsent. */
import { type Explained, openBasket, type ViewOf } from 'taskbasket';
import { createHooks } from 'taskbasket/react';
import { tasks } from './db';

export const basket = openBasket(tasks, {
  worker: () => new SharedWorker(new URL('./tasks.worker.ts', import.meta.url), { type: 'module', name: 'field-notes' }),
  build: import.meta.env.BUILD,
});

if (import.meta.hot) import.meta.hot.dispose(() => basket.close());

const { useTasks } = createHooks(basket);

/** A task that is not done yet, with the reasons why. */
export type UnsentTask = Explained<ViewOf<typeof tasks>>;

/** All of them, in all tabs: a component that calls this follows every change. */
export const useUnsent = () => useTasks({}, { reasons: true });
