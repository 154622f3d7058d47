import type { Hub, Message } from '../context/hub.js';
import { doneIn } from '../context/hub.js';

/** What a context knows of the tasks that it added, so that `settled` can tell how they ended. */
export interface Recent {
  readonly note: (id: string) => void;
  /** `done`: the runner said that the task succeeded. `undefined`: the task was added elsewhere, or long ago. */
  readonly stateOf: (id: string) => 'added' | 'done' | undefined;
}

/** Whether a message says that the tasks in the database may be gone although they did not succeed. */
export function isLoss({ kind }: Message): boolean {
  return kind === 'taken' || kind === 'lost';
}

/** Remembers the last ids, at most so many. Forgets all of them when the database is lost. */
export function createRecent(hub: Hub, most = 10_000): Recent {
  const ids = new Map<string, 'added' | 'done'>();
  let hearing = false;

  return {
    note(id) {
      if (!hearing) {
        hearing = true;
        hub.hear((message) => {
          if (isLoss(message)) ids.clear();
          for (const done of doneIn(message)) if (ids.has(done)) ids.set(done, 'done');
        });
      }
      ids.set(id, 'added');
      const [oldest = ''] = ids.size > most ? ids.keys() : [];
      ids.delete(oldest);
    },
    stateOf: (id) => ids.get(id),
  };
}
