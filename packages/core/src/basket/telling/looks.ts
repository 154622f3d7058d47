import { waited } from '../../ports/wait.js';
import type { BasketContext } from '../context/context.js';
import type { Message } from '../context/hub.js';

/** The database is read so often also without a message, in milliseconds. */
const poll = 60_000;

/** After each look, others have so many times as long as the look took, and at most so many milliseconds. */
const restPerLook = 4;
const longestRest = 1_000;

/** Looks at the database again and again, one look at a time. */
export interface Looks {
  readonly look: () => void;
  /** From now on looks after each message, and once a minute. Started twice is started once. */
  readonly start: () => void;
  readonly stop: () => void;
}

/** `once` is one look, and never rejects; `heard` is told of each message, and of each minute, before the look that follows. */
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
    // A page that is put away looks when it is back.
    while (again && !hub.away()) {
      again = false;
      const began = ports.clock.monotonic();
      await once();
      const took = ports.clock.monotonic() - began;
      // The runner's turns wait while somebody reads, so they have their time afterwards.
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
