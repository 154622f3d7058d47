import type { BasketContext } from './context.js';
import type { Message } from './hub.js';

/** A lost "look again" costs no more than this, in milliseconds. */
const poll = 60_000;

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
    again = looking;
    if (looking) return;

    looking = true;
    await once();
    looking = false;
    if (again && end !== undefined) await look();
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
