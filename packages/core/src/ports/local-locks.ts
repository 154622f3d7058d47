import type { Locks } from './ports.js';

/** The holder of a lock, or a request that waits for the lock. */
interface Request {
  readonly grant: () => void;
  readonly rob: () => void;
}

/** Makes locks within one process, which work like Web Locks as far as the library uses these. */
export function createLocalLocks(): Locks {
  /** For each lock, its holder, and then the requests that wait. */
  const queues = new Map<string, Request[]>();

  return {
    request(name, { signal, steal }, held) {
      return new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        const queue = queues.get(name) ?? [];
        queues.set(name, queue);
        const giveUp = (): void => {
          queue.splice(queue.indexOf(mine), 1);
          reject(signal?.reason);
        };
        const hold = async (): Promise<void> => {
          await Promise.resolve();
          if (queue[0] === mine) await held(); // Otherwise it was stolen at once.
        };
        const letGo = (): void => {
          if (queue[0] !== mine) return;
          queue.shift();
          queue[0]?.grant();
          if (queue.length === 0) queues.delete(name);
        };
        const mine: Request = {
          grant() {
            signal?.removeEventListener('abort', giveUp);
            void hold().finally(letGo).then(resolve, reject);
          },
          rob: () => reject(new DOMException('The lock was stolen.', 'AbortError')),
        };
        signal?.addEventListener('abort', giveUp, { once: true });
        if (steal === true) queue.splice(0, 1, mine)[0]?.rob();
        else queue.push(mine);
        if (queue[0] === mine) mine.grant();
      });
    },

    held: (start) => Promise.resolve([...queues.keys()].filter((name) => name.startsWith(start))),
  };
}
