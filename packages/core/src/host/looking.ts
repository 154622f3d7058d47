import type { BasketContext } from '../basket/context/context.js';

/**
 * A visible page brings the probes of closed gates forward so often, in milliseconds. With the time that a probe takes,
 * the first effect comes within 30 s of the end of an outage.
 */
export const lookEvery = 25_000;

/** Tells the runner that somebody looks at this page. */
export interface Looking {
  /** The page is visible now, or hidden. */
  readonly changed: () => void;
  readonly stop: () => void;
}

/** Says `wake` when the page becomes visible, and again and again while a gate is closed; else it keeps no timer. */
export function createLooking({ hub, ports }: BasketContext, isVisible: () => boolean): Looking {
  let stopTimer: (() => void) | undefined;

  function forget(): void {
    stopTimer?.();
    stopTimer = undefined;
  }

  function changed(): void {
    forget();
    if (isVisible()) hub.say({ kind: 'wake', visible: true });
  }

  const stopHearing = hub.hear((message) => {
    // The runner says `closed` again if another gate still is.
    if ('hints' in message && message.hints?.some((hint) => hint.event === 'gate' && !hint.closed)) forget();
    if (message.kind === 'closed' && isVisible()) stopTimer ??= ports.clock.timer(lookEvery, changed);
  });

  return {
    changed,

    stop() {
      stopHearing();
      forget();
    },
  };
}
