/**
 * What stands in the way of each task on the list, now?
 */
import type { Reason } from 'taskbasket';

import type { Basket, Snapshot, UnsentTask } from './basket.ts';

export interface Explained {
  readonly task: UnsentTask;
  readonly reasons: readonly Reason[];
}

/** Reasons change without a write, such as by the time that passes: so often they are asked for again, in milliseconds. */
const again = 3_000;

/**
 * Calls `show` with the tasks of each snapshot, explained. One round at a time; what came meanwhile makes another one.
 */
export function explainUnsent(
  basket: Basket,
  watched: { readonly get: () => Snapshot; readonly subscribe: (listener: () => void) => unknown },
  showAll: (explained: readonly Explained[], snapshot: Snapshot) => void,
): void {
  let asking = false;
  let askAgain = false;
  let alarm: ReturnType<typeof setTimeout> | undefined;

  async function ask(): Promise<void> {
    askAgain = asking;
    if (asking) return;
    asking = true;
    clearTimeout(alarm);
    try {
      const snapshot = watched.get();
      if (!snapshot.loaded) return;
      const explained = await Promise.all(
        snapshot.tasks.map(async (task) => ({ task, reasons: await basket.explain(task.id) })),
      );
      showAll(
        explained.filter(({ reasons }) => reasons[0]?.reason !== 'gone'),
        snapshot,
      );
    } catch {
      // The database can't be read at the moment: what is shown stands, and the next round asks again.
    } finally {
      asking = false;
      if (askAgain) void ask();
      else if (watched.get().tasks.length > 0 && !document.hidden) alarm = setTimeout(() => void ask(), again);
    }
  }

  watched.subscribe(() => void ask());
  document.addEventListener('visibilitychange', () => void ask());
}
