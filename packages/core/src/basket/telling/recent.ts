import type { Owner } from '../../pure/owner.js';
import type { Hub } from '../context/hub.js';
import type { Message } from '../context/messages.js';
import { endedAs } from '../context/messages.js';

/** A task that this context added. */
interface Added {
  readonly owner: Owner;
  /** False once the database may have been lost: if the task is missing then, nobody will say how it ended. */
  existed: boolean;
  /** Whether the runner said that the task succeeded. */
  done: boolean;
}

/** What a context knows of the tasks that it added, so that `settled` can tell how they ended. */
export interface Recent {
  readonly note: (id: string, owner: Owner) => void;
  /** `undefined`: the task was added elsewhere, or long ago. */
  readonly find: (id: string) => Added | undefined;
}

/** Whether a message says that the tasks in the database may be gone although they did not succeed. */
export function isLoss({ kind }: Message): boolean {
  return kind === 'taken' || kind === 'lost';
}

/** Remembers the last ids, at most so many. Forgets all of them when the database was deleted: their results are gone. */
export function createRecent(hub: Hub, most = 10_000): Recent {
  const ids = new Map<string, Added>();
  let hearing = false;

  return {
    note(id, owner) {
      if (!hearing) {
        hearing = true;
        hub.hear((message) => {
          if (message.kind === 'lost') ids.clear();
          if (message.kind === 'taken') for (const one of ids.values()) one.existed = false;
          for (const one of endedAs('done', message).map((done) => ids.get(done)))
            if (one !== undefined) one.done = true;
        });
      }
      ids.set(id, { owner, existed: true, done: false });
      const [oldest = ''] = ids.size > most ? ids.keys() : [];
      ids.delete(oldest);
    },
    find: (id) => ids.get(id),
  };
}
