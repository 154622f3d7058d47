import type { TaskRow } from '../../src/pure/record.js';
import type { PriorityName } from '../../src/pure/options.js';
import type { Life } from './life.js';
import type { Kind, Work } from './registries.js';

/**
 * What the simulation itself saw: the specification's side of every check. Nothing here is taken from the library but
 * the ids that it made.
 */
export interface Told {
  readonly n: number;
  readonly type: string;
  readonly kind: Kind;
  readonly by: Life;
  /** What it was added with: whatever it is given later keeps its lane. */
  readonly work: Work;
  /** How it was asked for, and with which others: all of a list, or none. */
  readonly via: Via;
  /** It may be given to somebody later. */
  owner: string | null;
  readonly list: readonly Told[];
  readonly givenGate: boolean;
  version: number;
  gate: string;
  readonly lane: string | undefined;
  readonly key: string | undefined;
  /** Whether it is merged with tasks of its key; and what was merged into it, in words. */
  merges: boolean;
  with: readonly string[];
  /** The ids of its parents; and whether it runs without one that was cancelled. */
  readonly after: readonly string[];
  onParent: 'run' | undefined;
  readonly priority: PriorityName;
  readonly runAt: number | undefined;
  readonly expiresAt: number | undefined;
  readonly onExpired: 'block' | 'skip' | undefined;
  readonly timeout: number | undefined;
  readonly onDead: 'block' | 'skip' | undefined;
  /** Where its first payload lies. */
  readonly size: Size;
  /** The last payload that was stored. */
  rev: number;
  /** How often it was corrected when it was dead: the edition of its idempotency key. */
  edition: number;
  /** `asked`: not known yet. `stored`: committed. `refused`: aborted. `ended`: gone, by exactly one way. */
  state: 'asked' | 'stored' | 'refused' | 'ended';
  end: 'done' | 'cancelled' | 'replaced' | 'purged' | 'lost' | undefined;
  /** Whether a transaction of the app ended it. */
  completed?: boolean;
  /** The id of the task that took its place. */
  replacedBy: string | undefined;
  /** Its add has not been told its end. */
  pending: boolean;
  /** It was stored in a database that was lost; a pending add may store it again. */
  lostOnce: boolean;
  /** How many databases had been lost when it ended. */
  era: number;
  /** What its handler gave back, if that was kept. */
  result: unknown;
  id: string | undefined;
  seq: number | undefined;
  /** A page's cancel has committed. */
  cancelled: boolean;
  /** Handlers started, and those under its present idempotency key. */
  starts: number;
  startsUnderKey: number;
  /** Claims that were made of it. */
  claims: number;
  /** The number of the commit that last ended its being dead. */
  deadUntil: number;
}

/** By which call a task is asked for. */
export type Via = 'add' | 'addTx' | 'addMany' | 'prepare';

/** In the row, apart from it in the same transaction, or ahead of it in one of its own. */
export type Size = 'small' | 'apart' | 'heavy';

/** How the driver ends an attempt. */
export type Ending =
  | { readonly kind: 'success'; readonly result?: string | undefined }
  | { readonly kind: 'failure' | 'permanent' | 'signed-out' }
  | { readonly kind: 'later'; readonly for: number }
  | { readonly kind: 'later'; readonly date: number }
  | { readonly kind: 'unavailable'; readonly after?: number | undefined };

/** A claim, from the commit that made it until it is settled or rescued. */
export interface ClaimFacts {
  readonly claim: number;
  readonly seq: number;
  readonly id: string;
  readonly lane: string | undefined;
  readonly gate: string;
  readonly probe: boolean;
  /** By the runner's clock. */
  readonly startedAt: number;
  /** Time itself, when the transaction that claimed it began. */
  readonly begunAt: number;
  /** Whether its task must run alone. */
  readonly alone: boolean;
  /** Its place among what the server, the pages and the runners did. */
  readonly at: number;
  /** What was counted when it was committed. An answer in between may have come first. */
  readonly madeAt: number;
  /** Whether the app had given values for who was signed in then. */
  readonly asks: boolean;
  /** The row as it was claimed. */
  readonly row: TaskRow;
  /** What its parents gave back, when it was claimed. */
  readonly parents: readonly unknown[];
  /** Its handler, once it was called. */
  attempt: AttemptFacts | undefined;
  /** When a page's cancel of its task was committed. */
  cancelledAt: number | undefined;
}

/** A handler that was called. */
export interface AttemptFacts {
  readonly life: Life;
  readonly told: Told;
  readonly claim: ClaimFacts;
  readonly startedAt: number;
  readonly signal: AbortSignal;
  readonly save: (payload: unknown) => Promise<void>;
  readonly progress: (value: unknown) => void;
  readonly completeTx: (transaction: IDBTransaction, result: unknown) => void;
  /** Whether a transaction of the app is about to end its task, or has ended it. */
  completing: boolean;
  completed: boolean;
  /** When it last told how far it is, while it had not ended. */
  toldAt: number;
  /** What it shows to the server; without one it shows a cookie. */
  readonly token: string | undefined;
  /** When the server refused it. */
  refusedAt: number | undefined;
  /** When the latest attempt had begun that the server had accepted before, with the same values. */
  acceptedBefore?: number;
  /** Settles it. */
  readonly end: (ending: Ending) => void;
  /** Whether it ends at once when its signal aborts. */
  readonly heeds: boolean;
  ended: Ending | 'aborted' | undefined;
  endedAt: number | undefined;
  abortedAt: number | undefined;
  /** Whether its signal had aborted when it ended. */
  abortedBefore: boolean;
  /** Revisions that it asked to save and of which the answer is open. */
  saving: number | undefined;
}

/** What one runner did under one epoch. */
export interface Term {
  readonly life: Life;
  readonly epoch: string;
  /** The claims that stand. */
  readonly claims: Map<number, ClaimFacts>;
  /** Those that were rescued from it: their handlers may be called after that, if the runner is not told in time. */
  readonly lost: Set<ClaimFacts>;
  /** The latest claim of its epoch. */
  lastClaim: number;
  /** The last instant, by the runner's clock, at which a task that runs alone was claimed, and which. */
  alone: { readonly claim: number; readonly at: number; readonly facts: ClaimFacts } | undefined;
  /** When it last claimed anything but what runs alone, by the runner's clock. */
  claimedAt: number;
  /** By priority: claims in a row that passed over a task of it. */
  passedOver: Map<number, number>;
  /** How many probes it has claimed more than other tasks while such tasks waited. */
  probes: number;
  /** By gate that could probe and has not: the gates that have probed meanwhile. */
  passedGates: Map<string, Set<string>>;
  /** It heard of a runner of a newer build: it claims nothing more, also if that one is gone by now. */
  handsOver: boolean;
}
