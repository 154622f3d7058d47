import type { BasketContext } from '../../basket/context/context.js';
import { sendsLockOf } from '../../basket/context/context.js';
import type { Owner } from '../../pure/owner.js';

/**
 * Shows to other contexts whose handlers may run in this one, by a lock.
 *
 * The lock is held before a turn claims a task of an owner, and until each handler of that owner has really ended, also
 * one that ignores its abort and has lost its slot. The browser lets go of the lock when the context ends. So a sign-in
 * that finds no such lock of another owner *after* its own commit knows that none of their handlers runs, and that none
 * will start: a claim that was committed before the sign-in has its lock, and a turn after the sign-in reads the new
 * owner, because transactions that write `state` are serial.
 */
export interface Sending {
  /** Holds the lock of this owner, and of no other one that has no attempts. Await it before a turn. */
  readonly holdFor: (owner: Owner) => Promise<void>;
  /** Whether tasks of this owner may be claimed. */
  readonly covers: (owner: Owner) => boolean;
  /** Counts an attempt of the owner that `holdFor` named, or of nobody. Returns a function that ends this. */
  readonly begin: (owner: Owner) => () => void;
  /** Lets go of the lock if no attempt needs it. */
  readonly letGo: () => void;
}

interface Hold {
  readonly owner: Owner;
  readonly release: () => void;
  attempts: number;
}

/** Makes the locks of a term. A lock has a random part in its name, so that nobody waits to be granted it. */
export function createSending(context: Pick<BasketContext, 'ports' | 'names'>): Sending {
  const nobody: Hold = { owner: null, release: () => undefined, attempts: 0 };
  let current = nobody;

  function granted(owner: string): Promise<Hold> {
    return new Promise((resolve, reject) => {
      const hold = (): Promise<void> =>
        new Promise((release) => {
          resolve({ owner, release, attempts: 0 });
        });
      context.ports.locks.request(sendsLockOf(context, owner), {}, hold).catch(reject);
    });
  }

  function letGo(): void {
    if (current.attempts > 0) return;
    current.release();
    current = nobody;
  }

  return {
    letGo,
    covers: (owner) => current.owner === owner,

    async holdFor(owner) {
      if (current.owner === owner) return;
      letGo();
      current = nobody;
      if (owner !== null) current = await granted(owner);
    },

    begin(owner) {
      const hold = owner === null ? nobody : current;
      let ended = false;
      hold.attempts += 1;

      return () => {
        if (!ended) hold.attempts -= 1;
        ended = true;
        if (hold.attempts === 0 && hold !== current) hold.release();
      };
    },
  };
}
