/**
 * The runner's clock, for backoff and gates. It shows the wall time, or its own last time plus the monotonic time
 * since, whichever is larger. So it never goes back, and if the wall clock was days ahead and is put right, no wait
 * gets longer. A jump forward of the wall clock looks like sleep, and ends the waits that it passes.
 */
export interface RunnerClock {
  /** Whole milliseconds; never less than any reading before, in this runner or the one before it. */
  readonly now: () => number;
}

/** Makes a runner's clock. It goes on from `seen`, the time of the runner before. */
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

      // A monotonic clock has fractions. `last` keeps them, so that the clock does not lose a little at each reading.
      return Math.floor(last);
    },
  };
}
