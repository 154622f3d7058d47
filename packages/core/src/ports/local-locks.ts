import type { LockOptions, Locks } from './ports.js';

interface Request {
  readonly held: () => Promise<void>;
  readonly resolve: () => void;
  readonly reject: (reason: unknown) => void;
}

interface Queue {
  holder: Request | undefined;
  readonly waiting: Request[];
}

/** Locks within one process, with the semantics of Web Locks that are used: for Node, and for tests. */
export function createLocalLocks(): Locks {
  const queues = new Map<string, Queue>();

  function queueOf(name: string): Queue {
    const found = queues.get(name) ?? { holder: undefined, waiting: [] };
    queues.set(name, found);

    return found;
  }

  function grant(name: string): void {
    const queue = queueOf(name);
    if (queue.holder !== undefined) return;

    const next = queue.waiting.shift();
    if (next === undefined) {
      queues.delete(name);

      return;
    }

    queue.holder = next;
    const released = (): void => {
      if (queue.holder !== next) return;
      queue.holder = undefined;
      grant(name);
    };
    void Promise.resolve().then(next.held).then(next.resolve, next.reject).finally(released);
  }

  function request(name: string, options: LockOptions, held: () => Promise<void>): Promise<void> {
    const { signal, steal } = options;

    return new Promise<void>((resolve, reject) => {
      if (signal?.aborted === true) {
        reject(signal.reason);

        return;
      }

      const queue = queueOf(name);
      const entry: Request = { held, resolve, reject };
      if (steal === true) {
        queue.holder?.reject(new DOMException('The lock was stolen.', 'AbortError'));
        queue.holder = undefined;
        queue.waiting.unshift(entry);
      } else {
        queue.waiting.push(entry);
      }

      signal?.addEventListener('abort', () => {
        const place = queue.waiting.indexOf(entry);
        if (place === -1) return;
        queue.waiting.splice(place, 1);
        reject(signal.reason);
      });
      grant(name);
    });
  }

  return { request, held: (name) => Promise.resolve(queues.get(name)?.holder !== undefined) };
}
