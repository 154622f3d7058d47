import type { Locks } from './ports.js';

/** Locks within one process, with the semantics of Web Locks that are used: for Node, and for pages without Web Locks. */
export function createLocalLocks(): Locks {
  /** Of each lock who holds it, and behind that one who waits for it. */
  const queues = new Map<string, (() => void)[]>();

  return {
    async request(name, { signal }, held) {
      signal?.throwIfAborted();

      const queue = queues.get(name) ?? [];
      queues.set(name, queue);
      await new Promise<void>((resolve, reject) => {
        queue.push(resolve);
        signal?.addEventListener('abort', () => {
          const place = queue.indexOf(resolve);
          if (place < 1) return; // Granted already.
          queue.splice(place, 1);
          reject(signal.reason);
        });
        if (queue.length === 1) resolve();
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
