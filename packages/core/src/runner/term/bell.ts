import type { Clock } from '../../ports/ports.js';

/** Wakes the runner. A ring that comes while nobody waits ends the next wait at once. */
export interface Bell {
  readonly ring: () => void;
  /** Resolves at the next ring, or after `wait` milliseconds, which may be infinite. */
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
