import type { Locks } from './ports.js';

/** Makes locks within one process, which work like Web Locks as far as the library uses these. */
export function createLocalLocks(): Locks {
  /** For each lock, its holder, and then the requests that wait. */
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

    held: (start) => Promise.resolve([...queues.keys()].filter((name) => name.startsWith(start))),
  };
}
