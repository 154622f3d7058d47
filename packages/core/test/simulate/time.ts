/** Virtual time, in milliseconds. The wall clock can be set; time itself only goes on. */
export interface Time {
  /** Time itself: what monotonic clocks measure. */
  readonly now: () => number;
  readonly wall: () => number;
  /** Sets the wall clock by so much, either way. */
  readonly jump: (by: number) => void;
  /** How far the wall clock stands from where it began. */
  readonly skew: () => number;
  /** How far the wall clock was ever put forward, in all. */
  readonly ahead: () => number;
  /** Rings once at an instant; gives back what stops it. */
  readonly at: (when: number, ring: () => void) => () => void;
  /** When the next timer rings. */
  readonly next: () => number;
  /** Goes on to an instant and rings what is due then. Nothing may be due before it. */
  readonly goTo: (when: number) => void;
}

interface Timer {
  readonly when: number;
  readonly ring: () => void;
}

/** Time that begins at a date. `moved` is called whenever a clock shows another time. */
export function createTime(start: number, moved: () => void): Time {
  const timers = new Set<Timer>();
  let passed = 0;
  let skew = 0;
  let ahead = 0;

  function next(): number {
    let first = Number.POSITIVE_INFINITY;
    for (const timer of timers) if (timer.when < first) first = timer.when;

    return first;
  }

  return {
    now: () => passed,
    wall: () => Math.floor(start + passed + skew),
    skew: () => skew,
    ahead: () => ahead,

    jump(by) {
      skew += by;
      ahead += Math.max(0, by);
      moved();
    },

    at(when, ring) {
      const timer = { when: Math.ceil(Math.max(passed, when)), ring };
      timers.add(timer);

      return () => timers.delete(timer);
    },

    next,

    goTo(when) {
      passed = Math.max(passed, when);
      moved();
      for (const timer of [...timers].filter((one) => one.when <= passed).sort((a, b) => a.when - b.when)) {
        // One that was stopped by an earlier one does not ring.
        if (timers.delete(timer)) timer.ring();
      }
    },
  };
}
