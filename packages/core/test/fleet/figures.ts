import type { Arrival, Fleet, Played } from './fleet.js';

/** What is printed of a fleet. */
export interface Figures {
  /** The most first probes, as a share of the capacity, and divided by their floor. */
  readonly firstPeak: number;
  readonly firstOverFloor: number;
  /** The most of all other requests, as a share of the capacity. */
  readonly otherPeak: number;
  readonly requestsPerTask: number;
  /** When half of the tasks, and 99 % of them, were done: divided by the time that a server needs that is never idle. */
  readonly median: number;
  readonly last: number;
  /** All requests of each bin, as a share of the capacity. */
  readonly load: readonly number[];
}

/** The length of a bin, in seconds. */
export const binLength = 5;

/** The first probes a second that a fleet sends at least, as a share of the capacity. */
export function floorOf({ clients, capacity, spread }: Fleet): number {
  return clients / spread / capacity;
}

/** The figures of what was played. */
export function figuresOf(fleet: Fleet, { arrivals, ends }: Played): Figures {
  const peak = (which: (arrival: Arrival) => boolean): number => Math.max(...loads(fleet, arrivals.filter(which)));
  const firstPeak = peak(({ first }) => first);
  const over = (share: number): number =>
    (ends[Math.ceil(share * ends.length) - 1] ?? Number.NaN) / 1_000 / ((share * ends.length) / fleet.capacity);

  return {
    firstPeak,
    firstOverFloor: firstPeak / floorOf(fleet),
    otherPeak: peak(({ first }) => !first),
    requestsPerTask: arrivals.length / ends.length,
    median: over(0.5),
    last: over(0.99),
    load: loads(fleet, arrivals),
  };
}

function loads({ capacity }: Fleet, arrivals: readonly Arrival[]): readonly number[] {
  const counts = new Map<number, number>();
  for (const { at } of arrivals) {
    const bin = Math.floor(at / 1_000 / binLength);
    counts.set(bin, (counts.get(bin) ?? 0) + 1);
  }
  const length = Math.max(-1, ...counts.keys()) + 1;

  return Array.from({ length }, (_, bin) => (counts.get(bin) ?? 0) / binLength / capacity);
}
