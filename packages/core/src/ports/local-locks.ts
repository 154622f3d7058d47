import type { Locks } from './ports.js';

interface Request {
  readonly held: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

/** Locks within one process, with the semantics of Web Locks that are used: for Node, and for tests. */
export function createLocalLocks(): Locks {
  /** Of each lock who holds it, and behind that one who waits for it. */
  const queues = new Map<string, Request[]>();

  function grant(name: string, queue: Request[]): void {
    const [holder] = queue;
    if (holder === undefined) {
      queues.delete(name);

      return;
    }

    const released = (): void => {
      if (queue[0] !== holder) return; // It was stolen.
      queue.shift();
      grant(name, queue);
    };
    void Promise.resolve().then(holder.held).then(holder.resolve, holder.reject).finally(released);
  }

  return {
    request: (name, { signal, steal }, held) =>
      new Promise((resolve, reject) => {
        if (signal?.aborted === true) {
          reject(signal.reason);

          return;
        }

        const queue = queues.get(name) ?? [];
        queues.set(name, queue);
        const request: Request = { held, resolve, reject };
        if (steal === true) {
          queue.shift()?.reject(new DOMException('The lock was stolen.', 'AbortError'));
          queue.unshift(request);
        } else {
          queue.push(request);
        }

        signal?.addEventListener('abort', () => {
          const place = queue.indexOf(request);
          if (place < 1) return;
          queue.splice(place, 1);
          reject(signal.reason);
        });
        if (queue[0] === request) grant(name, queue);
      }),

    held: (name) => Promise.resolve(queues.has(name)),
  };
}
