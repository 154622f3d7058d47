import type { Clock } from '../../ports/ports.js';

/** Wakes what waits; a ring that nobody waits for is kept for the next one who does. */
export interface Bell {
  readonly ring: () => void;
  /** Resolves at the next ring, or after the wait (in milliseconds; may be infinite). */
  readonly rungWithin: (clock: Clock, wait: number) => Promise<void>;
}

/** A bell that has not been rung. */
export function createBell(): Bell {
  let rung = false;
  let wake: (() => void) | undefined;

  function ring(): void {
    rung = true;
    wake?.();
  }

  return {
    ring,

    async rungWithin(clock, wait) {
      if (!rung) {
        const stop = Number.isFinite(wait) ? clock.timer(Math.max(0, wait), ring) : undefined;
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
        wake = undefined;
        stop?.();
      }
      rung = false;
    },
  };
}
