/**
 * The event loop, so that a driver can tell when nothing moves any more. The in-memory IndexedDB queues every step of
 * its own with `setImmediate`, and so do the ports; so nothing moves exactly when none is queued and the microtasks
 * have run.
 */
export interface Loop {
  /** Queues a step. */
  readonly queue: (step: () => void) => void;
  /** Lets the loop go round once. Gives back whether anything is still queued. */
  readonly round: () => Promise<boolean>;
  /** Lets the loop go round until nothing moves any more; gives back false if it does not come to rest. */
  readonly quiet: (rounds?: number) => Promise<boolean>;
  /** Gives the global `setImmediate` back. */
  readonly remove: () => void;
}

/** So many rounds without rest are a busy loop; a flood of one lane, one task after the other, takes some 100,000. */
const busy = 400_000;

/** Takes the global `setImmediate` over, and counts. */
export function installLoop(): Loop {
  const original = globalThis.setImmediate;
  let queued = 0;

  function queue(step: () => void): void {
    queued += 1;
    original(() => {
      queued -= 1;
      step();
    });
  }

  function round(): Promise<boolean> {
    return new Promise((resolve) => {
      // Read before the microtasks that the resolution starts.
      original(() => resolve(queued > 0));
    });
  }

  globalThis.setImmediate = queue as typeof setImmediate;

  return {
    queue,
    round,

    async quiet(rounds = busy) {
      for (let count = 0; count < rounds; count += 1) {
        if (!(await round())) return true;
      }

      return false;
    },

    remove() {
      globalThis.setImmediate = original;
    },
  };
}
