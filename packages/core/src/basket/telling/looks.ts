import { waited } from '../../ports/wait.js';
import type { BasketContext } from '../context/context.js';
import type { Message } from '../context/messages.js';

/** How often the database is read if there is no message, in milliseconds. */
const poll = 60_000;

/**
 * After each reading there is a pause as long as the reading took, and then a second pause, three times as long. Each
 * takes at most so many milliseconds.
 */
const longestPause = 500;

/** Reads the database again and again, never twice at the same time. */
export interface Looks {
  readonly look: () => void;
  /** From now on, reads after each message and once a minute. A second call does nothing. */
  readonly start: () => void;
  readonly stop: () => void;
}

/**
 * `once` reads the database, and never rejects. `heard` is called before each reading with the message that led to it,
 * or with nothing if the minute did.
 */
export function createLooks(
  { hub, ports }: Pick<BasketContext, 'hub' | 'ports'>,
  once: () => Promise<void>,
  heard?: (message?: Message) => void,
): Looks {
  let looking = false;
  let again = false;
  /** Aborts when a page has written since the last reading began. */
  let written = new AbortController();
  let end: (() => void) | undefined;

  async function look(): Promise<void> {
    again = true;
    if (looking) return;

    looking = true;
    // A page in the back/forward cache reads when it is back.
    while (again && !hub.away()) {
      again = false;
      written = new AbortController();
      const began = ports.clock.monotonic();
      await once();
      const took = ports.clock.monotonic() - began;
      // The runner's turns wait for a reading to end, and the pauses are for them. What a page writes ends the second
      // pause, because a person waits to see it; what the runner writes does not.
      if (took > 0 && end !== undefined) {
        await waited(ports.clock, Math.min(longestPause, took));
        await waited(ports.clock, Math.min(longestPause, took * 3), written.signal);
      }
      again &&= end !== undefined;
    }
    looking = false;
  }

  return {
    look: () => void look(), // It never rejects.

    start() {
      if (end !== undefined) return;

      let stopTimer = (): void => undefined;
      const pollAgain = (): void => {
        stopTimer = ports.clock.timer(poll, () => {
          heard?.();
          void look(); // It never rejects.
          pollAgain();
        });
      };
      const stopHearing = hub.hear((message) => {
        heard?.(message);
        // Progress is told several times a second, and changes nothing in the database.
        if (message.kind === 'progress') return;
        if (message.kind === 'look') written.abort();
        void look(); // It never rejects.
      });
      pollAgain();
      end = () => {
        stopHearing();
        stopTimer();
        end = undefined;
      };
    },

    stop: () => end?.(),
  };
}
