import type { Figures } from './figures.js';
import type { Policy } from './fleet.js';

/** The policies that are compared. */
export const policies = {
  all: { name: 'flush all', slots: 'all', gated: false, told: false },
  six: { name: 'six at once', slots: 6, gated: false, told: false },
  ours: { name: 'taskbasket', slots: 6, gated: true, told: false },
  told: { name: 'taskbasket, Retry-After spread', slots: 6, gated: true, told: true },
} as const satisfies Readonly<Record<string, Policy>>;

/** What is promised of a policy. */
export interface Goal {
  readonly says: string;
  readonly found: number;
  readonly most: number;
}

/** What is promised of our policy: without a word of the server, and with a `Retry-After` that it spreads. */
export function goalsOf(ours: Figures, told: Figures): readonly Goal[] {
  return [
    { says: 'first probes ÷ their floor', found: ours.firstOverFloor, most: 1.1 },
    { says: 'first probes ÷ their floor, Retry-After spread', found: told.firstOverFloor, most: 1.1 },
    { says: 'requests a task', found: ours.requestsPerTask, most: 2.2 },
    { says: 'everything else ÷ capacity, Retry-After spread', found: told.otherPeak, most: 1.2 },
  ];
}
