import type { Leader } from '../term/leader.js';

/** Regular work of a runner. */
export interface Chore {
  /** Begins the chore. Each step of the generator is one slice: a short transaction, or a few. */
  readonly run: () => AsyncGenerator<unknown, void, undefined>;
  /**
   * The first run comes after the first turn that leaves nothing running, and at the latest so many milliseconds after
   * the term began.
   */
  readonly firstAfter: number;
  /** The time from the end of a run to the next run, in milliseconds. */
  readonly every: number;
  /** The chore runs again at once if this gives another value than when its last run began. */
  readonly anew?: () => unknown;
  /**
   * `between` the turns: one slice, then a turn. `beside` the turns: for a chore that may wait for long, because it
   * calls the app's code or reads large bodies.
   */
  readonly place: 'between' | 'beside';
}

/** The chores of one term. */
export interface Schedule {
  /** Starts chores that are due. `idle`: nothing runs. Resolves with whether a turn must follow at once. */
  readonly goOn: (idle: boolean) => Promise<boolean>;
  /** Milliseconds until a chore is due. */
  readonly wait: () => number;
}

/** A chore that failed begins again after so many milliseconds, or earlier if it is due earlier. */
const again = 5 * 60_000;

interface Entry {
  readonly chore: Chore;
  /** By the monotonic clock. */
  dueAt: number;
  first: boolean;
  /** What `anew` gave when the last run began. A term begins with nothing. */
  seen?: unknown;
  /** The run that is under way. */
  current?: ReturnType<Chore['run']> | undefined;
}

/** Makes the schedule of a term's chores. A runner that stops begins no more of them. */
export function createSchedule(leader: Leader, chores: readonly Chore[]): Schedule {
  const { context, signals } = leader;
  const { clock } = context.ports;
  const entries = chores.map((chore): Entry => ({ chore, dueAt: clock.monotonic() + chore.firstAfter, first: true }));

  /** Does one slice. Resolves with whether the chore goes on. Never rejects, so that a failure only ends the chore. */
  async function slice(entry: Entry): Promise<boolean> {
    const { chore } = entry;
    if (entry.current === undefined) entry.seen = chore.anew?.();
    entry.current ??= chore.run();
    // After an error by which nobody can lead, the next turn ends the term.
    const step = await entry.current.next().catch(() => undefined);
    if (step?.done === false) return true;

    entry.current = undefined;
    entry.first = false;
    entry.dueAt = clock.monotonic() + (step === undefined ? Math.min(again, chore.every) : chore.every);

    return false;
  }

  async function beside(entry: Entry): Promise<void> {
    while (!signals.gone.aborted && (await slice(entry)));
  }

  return {
    async goOn(idle) {
      if (signals.stopping) return false;

      for (const entry of entries) {
        const isNew = entry.seen !== entry.chore.anew?.();
        const due = isNew || (entry.first && idle) || clock.monotonic() >= entry.dueAt;
        if (entry.chore.place === 'beside') {
          if (due && entry.current === undefined) void beside(entry); // It never rejects.
        } else if ((due || entry.current !== undefined) && (await slice(entry))) return true;
      }

      return signals.poked;
    },

    wait() {
      if (signals.stopping) return Number.POSITIVE_INFINITY;
      const waiting = entries.filter(({ current }) => current === undefined);

      return Math.min(Number.POSITIVE_INFINITY, ...waiting.map(({ dueAt }) => dueAt - clock.monotonic()));
    },
  };
}
