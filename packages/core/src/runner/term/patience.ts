import type { Ports } from '../../ports/ports.js';
import type { Backoff } from '../../pure/backoff.js';
import { retryDelay } from '../../pure/backoff.js';

/** Counts failures in a row, and says how long to wait before the next try. */
export interface Patience {
  /** Counts a failure. Returns the wait before the next try, in milliseconds. */
  readonly failed: () => number;
  /** Forgets all failures, because a try worked. */
  readonly worked: () => void;
  /** How many failures there were in a row. */
  readonly failures: () => number;
}

/**
 * Makes a patience, whose waits grow with each failure in a row. If no failure comes for more than twice the longest
 * wait, the earlier ones are forgotten, so that one failure an hour never leads to a long wait.
 */
export function createPatience({ clock, random }: Pick<Ports, 'clock' | 'random'>, backoff: Backoff): Patience {
  let failures = 0;
  let goesOnAt = clock.monotonic();

  return {
    failed() {
      const now = clock.monotonic();
      failures = now - goesOnAt > 2 * backoff.cap ? 1 : failures + 1;
      const wait = retryDelay(backoff, failures, random);
      goesOnAt = now + wait;

      return wait;
    },

    worked() {
      failures = 0;
    },

    failures: () => failures,
  };
}
