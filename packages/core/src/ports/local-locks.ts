import type { Locks } from './ports.js';

/** Locks within one process, with the semantics of Web Locks that are used: for Node, and for pages without Web Locks. */
export function createLocalLocks(): Locks {
  /** For each lock its holder, followed by those who wait for it. */
  const queues = new Map<string, (() => void)[]>();

  return {
    async request(name, { signal }, held) {
      signal?.throwIfAborted();

      const queue = queues.get(name) ?? [];
      queues.set(name, queue);
      await new Promise<void>((resolve, reject) => {
        const giveUp = (): void => {
          queue.splice(queue.indexOf(granted), 1);
          reject(signal?.reason);
        };
        const granted = (): void => {
          signal?.removeEventListener('abort', giveUp);
          resolve();
        };
        queue.push(granted);
        signal?.addEventListener('abort', giveUp, { once: true });
        if (queue.length === 1) granted();
      });

      try {
        await held();
      } finally {
        queue.shift();
        queue[0]?.();
        if (queue.length === 0) queues.delete(name);
      }
    },

    held: (name) => Promise.resolve(queues.has(name)),
  };
}
