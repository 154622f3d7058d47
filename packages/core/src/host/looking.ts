import type { Hub } from '../basket/context/hub.js';
import { hintsIn } from '../basket/context/messages.js';
import type { Clock } from '../ports/ports.js';
import { lookEvery } from '../pure/waking.js';

/** What `createLooking` needs of its page. */
export interface LookingParts {
  readonly hub: Pick<Hub, 'say' | 'hear'>;
  readonly ports: { readonly clock: Pick<Clock, 'timer'>; readonly random: () => number };
}

/** Tells the runner that this page is visible. */
export interface Looking {
  /** To be called when the page has become visible or hidden. */
  readonly changed: () => void;
  readonly stop: () => void;
}

/**
 * Says `wake` when the page becomes visible, and again while a gate is closed. Otherwise there is no timer. The pages of
 * many people may notice an outage in the same second, so the first wait after it is left to chance.
 */
export function createLooking({ hub, ports }: LookingParts, isVisible: () => boolean): Looking {
  let stopTimer: (() => void) | undefined;
  let again = false;

  function forget(): void {
    stopTimer?.();
    stopTimer = undefined;
  }

  function changed(): void {
    forget();
    if (isVisible()) hub.say({ kind: 'wake', visible: true });
  }

  function look(): void {
    again = true;
    changed();
  }

  function lookWait(): number {
    return again ? lookEvery : Math.round(ports.random() * lookEvery);
  }

  const stopHearing = hub.hear((message) => {
    // The runner says `closed` again if another gate is still closed.
    if (hintsIn(message).some((hint) => hint.event === 'gate' && !hint.closed)) {
      forget();
      again = false;
    }
    if (message.kind === 'closed' && isVisible()) stopTimer ??= ports.clock.timer(lookWait(), look);
  });

  return {
    changed,

    stop() {
      stopHearing();
      forget();
    },
  };
}
