import { createLocalLocks } from '../../src/ports/local-locks.js';
import type { Locks } from '../../src/ports/ports.js';

/** Locks that a browser, or another page, can take from whoever holds them. */
export interface StealableLocks extends Locks {
  /** Takes a lock from its holder, who is told by a rejection and goes on, and lets it go to the next. */
  readonly steal: (name: string) => void;
}

/** The locks of one process, which can be stolen as Web Locks can. */
export function createStealableLocks(): StealableLocks {
  const locks = createLocalLocks();
  const holders = new Map<string, (reason: unknown) => void>();

  return {
    request: (name, options, held) =>
      locks.request(
        name,
        options,
        () =>
          new Promise((resolve, reject) => {
            holders.set(name, reject);
            held().then(resolve, reject);
          }),
      ),
    held: locks.held,
    steal: (name) => holders.get(name)?.(new DOMException('The lock was stolen.', 'AbortError')),
  };
}
