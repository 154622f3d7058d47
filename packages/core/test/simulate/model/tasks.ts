import type { NamesOf } from './pauses.js';

/** What the model knows of a task. Times are in milliseconds. */
export interface Task {
  readonly id: string;
  /** As it was stored. */
  readonly type: string;
  owner: string | null;
  readonly lane: string | undefined;
  readonly key: string | undefined;
  readonly after: readonly string[];
  /** Where a session is declared, a task of its type needs an owner. */
  readonly needsOwner: boolean;
  /** Whether the payload of a task of its key is merged with that of the next one. */
  merges: boolean;
  /** By the wall clock. */
  readonly runAt: number | undefined;
  /** Whether its lane goes on without it when it is dead, and when its time is over. */
  readonly skipsDead: boolean;
  readonly skipsExpired: boolean;
  readonly failureLimit: number;
  /** The least wait after so many failures. */
  readonly leastWait: (failures: number) => number;
  /** The place in the order in which tasks were added. */
  place: number;
  gate: string;
  expiresAt: number | undefined;
  /** It runs without a parent that was cancelled. */
  runsWithout: boolean;
  /** `orphaned`: dead, because a parent was cancelled. `strange`: of a later version. */
  state: 'queued' | 'dead' | 'expired' | 'orphaned' | 'cancelled' | 'strange';
  /** It had left its lane when it became strange. */
  leftBefore: boolean;
  running: boolean;
  started: boolean;
  failures: number;
  /** How often in a row its runner has died during it. */
  interruptions: number;
  wait: Wait | undefined;
  /** The tasks that it waits for, or has waited for, also those that took the place of others. */
  readonly awaits: Set<string>;
}

/** What a task is added with. */
export type Added = Omit<
  Task,
  'place' | 'state' | 'leftBefore' | 'running' | 'started' | 'failures' | 'interruptions' | 'wait' | 'awaits'
>;

/** What a task waits for after an attempt: a time by the model's clock, or a date by the wall clock. */
export interface Wait {
  readonly until: number;
  readonly isDate: boolean;
}

/** The time. `now` never goes back, and goes on by at least what any clock of a runner does. */
export interface Moment {
  readonly now: number;
  readonly wall: number;
}

/**
 * How an attempt ended, if its task is not done.
 *
 * - `dead`: its handler said so. `failure`: it threw, or took too long. `later`: it asked for a wait, or a date.
 * - `away`: its destination is away, and named a wait, or none. `refused`: the server refuses who is signed in.
 * - `returned`: it was aborted. `unstarted`: no handler was called.
 * - `cut off`: its runner died. `isKnown`: the runner that found it so knows its type, and so how long it waits.
 */
export type Ended =
  | { readonly kind: 'dead' | 'failure' | 'refused' | 'returned' | 'unstarted' }
  | { readonly kind: 'cut off'; readonly isKnown: boolean }
  | { readonly kind: 'later'; readonly for: number }
  | { readonly kind: 'later'; readonly date: number }
  | { readonly kind: 'away'; readonly after: number | undefined };

/** How a task is gone. */
export type Gone = 'done' | 'cancelled' | 'replaced' | 'purged' | 'lost';

/** The build and the runner in which an attempt begins. */
export interface Start extends Moment {
  readonly slots: number;
  /** Whether this build has the type, and its version or what upgrades that. */
  readonly reads: boolean;
  /** How many of the type may run at once, and which types are the same one here. */
  readonly most: number;
  readonly isSame: (type: string) => boolean;
  readonly namesOf: NamesOf;
  /** Whether `merge` of this build takes the payloads of two tasks. */
  readonly merges: Merges;
}

/** Whether the payloads of two tasks, of which the second is the later one, become one. */
export type Merges = (id: string, later: string) => boolean;
