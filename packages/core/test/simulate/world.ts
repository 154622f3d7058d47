import type { CrashPoint } from '../../src/ports/ports.js';
import type { Chance } from './chance.js';
import type { Contents } from './contents.js';
import type { Idling } from './idling.js';
import type { AttemptFacts, Term, Told } from './journal.js';
import type { Life } from './life.js';
import type { Model } from './model/model.js';
import type { Work } from './registries.js';
import type { TaskRow } from '../../src/pure/record.js';
import type { Report } from './report.js';
import type { Time } from './time.js';
import type { Server } from './values.js';

/** Who a context has asked to be stored as signed in, and whether it gives values. */
export interface Signing {
  readonly owner: string | null;
  readonly asks: boolean;
  /** Whether it takes the tasks that have no owner. */
  readonly adopts: boolean;
  /** Whether anybody had the lock of the runner at the call, or since then. */
  led: boolean;
}

/** A command of a page that is under way. */
export interface CommandFacts {
  readonly life: Life;
  readonly what: 'cancel' | 'retry' | 'update' | 'pause' | 'resume' | 'purge';
  /** An id, or which tasks. `undefined`: every pause. */
  readonly which: string | Which | undefined;
  /** Who was signed in there at the call. */
  readonly here?: string | null | undefined;
  /** What the context saw at the call. */
  readonly isSeen: (row: Pick<TaskRow, 'owner' | 'type'>) => boolean;
  /** Whether the context has added a task since the call: that is left alone. */
  readonly isLater?: (id: string) => boolean;
  /** Whether the children go too. */
  readonly children?: boolean;
  /** What the task is given. */
  readonly work?: Work | undefined;
  /** How many tasks were found by its transactions that have committed; `undefined`: none has. */
  committed: number | undefined;
  /** More tasks fit than one transaction may change. */
  several: boolean;
  /** It was told that its transaction failed. */
  lied: boolean;
}

/** A query of a command; all parts must fit. */
export interface Which {
  readonly type?: string | readonly string[];
  readonly state?: 'queued' | 'dead';
  readonly lane?: string;
  readonly owner?: string;
  readonly everyOwner?: boolean;
  readonly gate?: string;
  readonly parent?: string;
}

/** Somebody who waits for a task's end. */
export interface Waiting {
  readonly life: Life;
  readonly told: Told;
  /** How many commits there had been. */
  readonly since: number;
  /** It hears of a deletion of the database: by its own connection. */
  sure: boolean;
}

/** What a readwrite transaction is for: said by its crash point, or by the driver. */
export type WorkName =
  | 'add'
  | 'addTx'
  | 'body'
  | 'command'
  | 'tidy'
  | 'session'
  | 'takeover'
  | 'turn'
  | 'save'
  | 'audit'
  | 'reserve'
  | 'hand'
  | 'complete'
  | 'unnamed';

/** A readwrite transaction of which the end is open. */
export interface Underway {
  readonly life: Life | undefined;
  work: WorkName;
  /** The command of a page that it carries out. */
  command: CommandFacts | undefined;
  /** The attempt whose handler ends its task in it, and the result. */
  completes?: { readonly attempt: AttemptFacts; readonly result: unknown };
  readonly begunAt: number;
  /** How far the wall clock had ever been put forward when it began. */
  readonly aheadAtBegin: number;
  /** What the server had counted then: see `values.ts`. */
  readonly serverAtBegin: number;
  /** What the wall clock has shown since it began. */
  readonly walls: [least: number, most: number];

  readonly stoppingAtBegin: boolean;
  readonly stoppedAtBegin: boolean;
}

/** All that one run's parts share. */
export interface World {
  readonly time: Time;
  readonly chance: Chance;
  readonly report: Report;
  /** Writes a line of the trace. */
  readonly say: (line: string) => void;
  /** Something that must not be. The first one counts. */
  readonly fail: (what: string) => void;
  readonly failed: () => boolean;
  readonly failure: () => string | undefined;
  contents: Contents;
  /** The journal, by number and by id. */
  readonly told: Map<number, Told>;
  readonly byId: Map<string, Told>;
  /** Every life's own term, and the one whose epoch stands. */
  readonly terms: Map<Life, Term>;
  leading: Term | undefined;
  readonly attempts: Set<AttemptFacts>;
  readonly commands: Map<Life, CommandFacts>;
  readonly waiting: Set<Waiting>;
  /** Whether the app declares a session, and whether its earlier builds did not. */
  owned: boolean;
  wasFree: boolean;
  /** Who is signed in in each context, by its own last call, and what each has asked to be stored. */
  readonly here: Map<Life, string | null>;
  readonly signing: Map<Life, readonly Signing[]>;
  /** What pages give for who signs in, and how likely a sign-in gives anything. */
  readonly server: Server;
  /** What may start, by the manual. */
  readonly model: Model;
  gives: number;
  /** The contexts of which a sign-in or a sign-out has not been answered. */
  readonly unanswered: Set<Life>;
  /** Those of whom no handler may start: a sign-in of somebody else has resolved, and they were not stored since. */
  readonly barred: Set<string>;
  /** Time itself when somebody else was last stored as signed in. */
  signedAt: number;
  readonly idling: Set<Idling>;
  /** The number of the last task of a lane that a context's `add` stored. */
  readonly lastAdded: Map<string, number>;
  /** Heavy bodies that audits found without a row: when first, and when last, by the wall clock. */
  readonly orphans: Map<string, { first: number; last: number }>;
  /** How often the database was deleted; whether it was said since, and whether it had to be. */
  losses: number;
  /** Whether anybody has the lock of the runner, also before its takeover. */
  readonly isLed: () => boolean;
  /** It is being deleted: whoever is sent away says so. */
  deleting: boolean;
  /** Its version is being raised: whoever closes its connection says "look". */
  raising: boolean;
  saidLost: boolean;
  mustSayLost: boolean;
  readonly underway: Map<IDBTransaction, Underway>;
  /** The keys of payloads to which a row has belonged. */
  readonly rowed: Set<string>;
  /** Lives that were told to stop, and those whose `run` has ended. */
  readonly stopping: Set<Life>;
  readonly stopped: Set<Life>;
  /** Lives that had been granted the runner's lock when they last set out to take over. */
  readonly granted: Set<Life>;
  /** The slots of each runner. */
  readonly slots: Map<Life, number>;
  /** Rows that the simulation changed by hand, by `seq`: their key may be one of another version. */
  readonly foreign: Set<number>;
  /** Commits of a life since nothing moved. */
  readonly unannounced: Map<Life, number>;
  /** Whether a page has ever said that it is online again. */
  woken: boolean;
  /** While the faults are off, handlers succeed at once. */
  calm: boolean;
  commits: number;
  /** So many transactions that put something find room. */
  room: number;
  /** Whether the disk was ever full. */
  wasFull: boolean;
  /** Whether messages are lost. */
  readonly loses: () => boolean;
  /** What was stored when nothing moved last. */
  atRest: Contents;
  /** Time itself when the runner's row was last written. */
  seenAt: number;
  /** When something last failed on purpose: a runner may wait for its backoff since. */
  faultAt: number;
  /** When time last went on by more than a minute at once, as while a device sleeps. */
  sleptUntil: number;
  /** When something last changed of which a runner is told nothing: it finds out by its poll. */
  unheardAt: number;
}

/** The work that a crash point belongs to. */
export function workOf(point: CrashPoint): WorkName {
  return point.slice(0, point.indexOf(':')) as WorkName;
}
