/**
 * What stands in the way of each task on the list, now?
 */
import type { Reason } from 'taskbasket';

import type { Basket, Snapshot, UnsentTask } from './basket.ts';
import { oneAtATime } from './rounds.ts';

export interface Explained {
  readonly task: UnsentTask;
  readonly reasons: readonly Reason[];
}

/** Reasons change without a write, such as by the time that passes: so often they are asked for again, in milliseconds. */
const often = 3_000;

/** Calls `showAll` with the tasks of each snapshot, explained, and again while there are any and somebody looks. */
export function explainUnsent(
  basket: Basket,
  watched: { readonly get: () => Snapshot; readonly subscribe: (listener: () => void) => unknown },
  showAll: (explained: readonly Explained[], snapshot: Snapshot) => void,
): void {
  const ask = oneAtATime(async () => {
    const snapshot = watched.get();
    if (!snapshot.loaded) return;
    const explained = await Promise.all(
      snapshot.tasks.map(async (task) => ({ task, reasons: await basket.explain(task.id) })),
    );
    showAll(
      explained.filter(({ reasons }) => reasons[0]?.reason !== 'gone'),
      snapshot,
    );
  });

  watched.subscribe(ask);
  document.addEventListener('visibilitychange', ask);
  setInterval(() => {
    if (!document.hidden && watched.get().tasks.length > 0) ask();
  }, often);
}
