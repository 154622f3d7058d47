/**
 * The runner's clock, for backoff and gates: the larger of wall time and its own last reading plus the monotonic time
 * since. It never goes back, so that a wall clock which stood days ahead delays nothing once it is put right; a jump
 * forward, which cannot be told from sleep, makes due what it passes.
 */
export interface RunnerClock {
  /** Milliseconds; never less than any reading before, in this runner or the one before it. */
  readonly now: () => number;
}

/** A runner's clock that goes on from `seen`: its predecessor's time at the last turn, stored with the claims. */
export function createRunnerClock(
  clock: { readonly wall: () => number; readonly monotonic: () => number },
  seen: number,
): RunnerClock {
  let last = seen;
  let read = clock.monotonic();

  return {
    now() {
      const monotonic = clock.monotonic();
      last = Math.max(clock.wall(), last + Math.max(0, monotonic - read));
      read = monotonic;

      return last;
    },
  };
}
