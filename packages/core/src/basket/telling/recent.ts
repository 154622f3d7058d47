import type { Hub, Message } from '../context/hub.js';

/** Ids of late, as many as a tab may wait for. */
export interface Recent {
  readonly note: (id: string) => void;
  readonly has: (id: string) => boolean;
}

/** Whether what was in the database may be gone without having succeeded. */
export function isLoss({ kind }: Message): boolean {
  return kind === 'taken' || kind === 'lost';
}

/** The last thousand ids, at most; the older half goes when it is full, all of them when the database is lost. */
export function createRecent(hub: Hub): Recent {
  const ids = new Set<string>();
  let hearing = false;

  return {
    note(id) {
      if (!hearing) {
        hearing = true;
        hub.hear((message) => {
          // Of what happened while a page was put away it knows nothing.
          if (isLoss(message) || 'returned' in message) ids.clear();
        });
      }
      ids.add(id);
      if (ids.size > 1_000) for (const oldest of [...ids].slice(0, 500)) ids.delete(oldest);
    },
    has: (id) => ids.has(id),
  };
}
