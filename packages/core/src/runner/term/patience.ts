import type { Ports } from '../../ports/ports.js';
import type { Backoff } from '../../pure/backoff.js';
import { retryDelay } from '../../pure/backoff.js';

/** How long to wait before the next try of something that is tried again and again. */
export interface Patience {
  /** Takes note of a failure. Returns the wait before the next try, in milliseconds. */
  readonly failed: () => number;
  /** Forgets all failures: something worked. */
  readonly worked: () => void;
  /** How many failures there were in a row. */
  readonly failures: () => number;
}

/**
 * Waits that grow with each failure in a row. What went well for more than twice the longest wait worked: the failures
 * before it are forgotten, so that one failure an hour never adds up to a long wait.
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
