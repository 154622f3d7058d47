import { waited } from '../../ports/wait.js';
import type { BasketContext } from '../context/context.js';
import type { Message } from '../context/hub.js';

/** How often the database is read if there is no message, in milliseconds. */
const poll = 60_000;

/**
 * After each reading there is a pause of so many times as long as the reading took, and at most so many milliseconds.
 */
const restPerLook = 4;
const longestRest = 1_000;

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
  let end: (() => void) | undefined;

  async function look(): Promise<void> {
    again = true;
    if (looking) return;

    looking = true;
    // A page in the back/forward cache reads when it is back.
    while (again && !hub.away()) {
      again = false;
      const began = ports.clock.monotonic();
      await once();
      const took = ports.clock.monotonic() - began;
      // The runner's turns wait for a reading to end. The pause is for them.
      if (took > 0 && end !== undefined) await waited(ports.clock, Math.min(longestRest, took * restPerLook));
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
