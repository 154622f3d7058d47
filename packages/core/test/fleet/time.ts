/** Virtual time for ten thousand clients, in milliseconds. */
export interface Time {
  readonly now: () => number;
  /** Rings once, after a wait. Returns a function that stops this. */
  readonly timer: (wait: number, ring: () => void) => () => void;
  /** Rings what is due next, and says whether there was anything. Timers of one instant ring in the order of their calls. */
  readonly next: () => boolean;
}

interface Timer {
  ring: (() => void) | undefined;
}

/** Time that begins at 0. */
export function createTime(): Time {
  const timers = new Map<number, Timer[]>();
  /** The instants that have timers. The earliest is on top of a heap. */
  const instants: number[] = [];
  let now = 0;

  function add(at: number): void {
    let place = instants.push(at) - 1;
    while (place > 0) {
      const above = (place - 1) >> 1;
      if ((instants[above] as number) <= at) break;
      instants[place] = instants[above] as number;
      place = above;
    }
    instants[place] = at;
  }

  function removeFirst(): void {
    const last = instants.pop() as number;
    const { length } = instants;
    if (length === 0) return;
    let place = 0;
    for (let below = 1; below < length; below = 2 * place + 1) {
      if (below + 1 < length && (instants[below + 1] as number) < (instants[below] as number)) below += 1;
      if ((instants[below] as number) >= last) break;
      instants[place] = instants[below] as number;
      place = below;
    }
    instants[place] = last;
  }

  return {
    now: () => now,

    timer(wait, ring) {
      const at = Math.ceil(now + Math.max(0, wait));
      const timer: Timer = { ring };
      const others = timers.get(at);
      others?.push(timer);
      if (others === undefined) {
        timers.set(at, [timer]);
        add(at);
      }

      return () => {
        timer.ring = undefined;
      };
    },

    next() {
      const [at] = instants;
      if (at === undefined) return false;
      now = at;
      // A timer that is set for this instant while it rings is appended, and rings too.
      for (const timer of timers.get(at) ?? []) timer.ring?.();
      timers.delete(at);
      removeFirst();

      return true;
    },
  };
}
