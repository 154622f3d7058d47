import type { Priority } from './key.js';
import { expiryMark, idMark, keyMark, laneMark, ownerMark, parentMark, readyPrefix, timedKey } from './key.js';
import { defined } from './parts.js';

/**
 * A task as it is stored. It already has the fields of later versions, because apps own the database, so its form
 * cannot be changed at will. A row is written back with every field that it had, also with fields that this version
 * does not know.
 */
export interface TaskRow {
  /** The number that the database gives it when it is added. Tasks are ordered by it. */
  readonly seq: number;
  /** Unique; made by the context that adds the task. */
  readonly id: string;
  readonly type: string;
  /** The type's version that encoded the payload. */
  readonly version: number;
  readonly owner: string | null;
  readonly gate: string;
  readonly priority: Priority;
  readonly lane?: string;
  /** Which of lane, gate and key was an option of the add. Another payload does not change that one. */
  readonly given?: readonly ('lane' | 'gate' | 'key')[];
  /** It replaces earlier tasks that have the same key, owner, type and lane: see `replaced.ts`. */
  readonly key?: string;
  /** It may replace a task of its key, or be replaced by one, only if both payloads are merged: see `merge.ts`. */
  readonly merges?: true;
  /** The ids of its parents, in the order in which the add named them. */
  readonly after?: readonly string[];
  /** It also runs if a parent was cancelled. Absent: then it is dead. */
  readonly onParent?: 'run';
  /** It does not run before this time, by the wall clock, in milliseconds. */
  readonly runAt?: number;
  /** It is dead from this time on, by the wall clock, in milliseconds. */
  readonly expiresAt?: number;
  /** How long an attempt may take, in milliseconds. Absent: as the type says. */
  readonly timeout?: number;
  /** Whether it stops its lane when it is dead. Absent: as the type says. */
  readonly onDead?: 'block' | 'skip';
  /** Whether it stops its lane when it has expired. Absent: `skip`. */
  readonly onExpired?: 'block' | 'skip';
  /** When it was added, by the wall clock, in milliseconds. It is shown; nothing is ordered by it. */
  readonly addedAt: number;

  /** Its state, by which an index finds it: see `key.ts`. */
  readonly ready: string;
  /** Other texts by which an index finds it: see `key.ts`. */
  readonly marks: readonly string[];

  /** The encoded payload, if it is small. */
  readonly payload?: unknown;
  /** The key of the payload in another store, if it is not small. */
  readonly ref?: string;

  /** How many handlers were started. */
  readonly attempts: number;
  /** How many failures there were. They make the waits longer. */
  readonly failures: number;
  /** How often in a row the runner died during an attempt. */
  readonly interruptions: number;
  /**
   * How often it alone found a destination away that answered another task, or its payload could not be read in time. This
   * makes the waits longer, but is no failure.
   */
  readonly blames: number;
  /** The edition of its idempotency key, which is raised when a dead task is corrected. Absent: 0. */
  readonly edition?: number;
  /** How often the payload was replaced, so that a reader knows whether it has the payload of now. Absent: never. */
  readonly revision?: number;
  /** An earlier attempt with the same idempotency key was cut off, so it may have had its effect. */
  readonly recovered?: true;
  readonly lastError?: StoredError;
  readonly dead?: Death;
  /** It was cancelled while it ran. Reads and commands do not find it. A settle or a rescue deletes it. */
  readonly cancelled?: true;
  /** This version of the library would not have written the row: see `stored.ts`. This field is never stored. */
  readonly strange?: true;
}

/** A row before the database gave it its number. */
export type NewTaskRow = Omit<TaskRow, 'seq'>;

/** Why a task is dead. */
export interface Death {
  /**
   * `permanent`: the handler threw a `PermanentFailure`. `limit`: it failed as often as its type allows. `expired`: it
   * was not done at its `expiresAt`, or within the `lifetime` of its type. `parent`: a task for which it waited was cancelled.
   */
  readonly reason: 'permanent' | 'limit' | 'expired' | 'parent';
  /** By the wall clock, in milliseconds. */
  readonly at: number;
}

/** What is stored of a thrown value: a plain object, because each browser loses other parts of an error. */
export interface StoredError {
  readonly name: string;
  readonly message: string;
  /** The HTTP status, if the error carried one. */
  readonly status?: number;
  /** The `detail` of a `PermanentFailure`. */
  readonly detail?: unknown;
  /** By the wall clock, in milliseconds. */
  readonly at: number;
}

/** An outcome as it is stored. */
export interface OutcomeRow {
  /** The number that the database gives it. */
  readonly n?: number;
  readonly id: string;
  readonly type: string;
  readonly owner: string | null;
  readonly state: 'done' | 'dead' | 'cancelled' | 'replaced' | 'purged';
  readonly at: number;
  readonly result?: unknown;
  /** Why the result is absent, if it could not be stored. */
  readonly unstorable?: string;
  /** What replaced it. */
  readonly by?: string;
  /** The number that its row had, if it was replaced. */
  readonly seq?: number;
  readonly marks: readonly string[];
}

/** The outcome of a task. */
export function outcomeOf({ id, type, owner }: TaskRow, state: OutcomeRow['state'], at: number): OutcomeRow {
  // It is found by its task and, for a purge, by its owner.
  const marks = owner === null ? [idMark(id)] : [idMark(id), ownerMark(owner)];

  return { id, type, owner, state, at, marks };
}

/** A claim as the runner's row lists it. It can be settled and rescued also if the row of the task is gone. */
export interface Claim {
  /** The number of the claim in its epoch, from 1. */
  readonly claim: number;
  readonly seq: number;
  readonly id: string;
  /** The lane's mark, if it has a lane. */
  readonly lane?: string;
  /** The key of its payload, if that is in another store. */
  readonly ref?: string;
}

/** Whether a row is claimed. A new database counts `seq` from 1 again, so the id must be the same too. */
export function isClaimed({ seq, id }: Pick<TaskRow, 'seq' | 'id'>, claims: readonly Claim[] = []): boolean {
  return claims.some((claim) => claim.seq === seq && claim.id === id);
}

/** The number of a take-over. A new database counts from 1 again, so the nonce must be the same too. */
export interface Epoch {
  readonly count: number;
  readonly nonce: string;
}

/** The row `runner` of the state store: who the runner is, and what it has claimed. */
export interface RunnerRow {
  readonly epoch: Epoch;
  readonly build: number;
  readonly running: readonly Claim[];
  /** How many may run at once. */
  readonly slots?: number;
  /** The version of each task type that it runs. Absent: it does not tell. */
  readonly types?: Readonly<Record<string, number>>;
  /** The oldest version of a type that it runs too, because it can upgrade it. */
  readonly oldest?: Readonly<Record<string, number>>;
  /**
   * The owner who counts as signed out, because the values for that owner are missing, or were refused at these gates.
   */
  readonly signedOut?: { readonly owner: string; readonly gates?: readonly string[] };
  /** The task that runs alone, or is about to. Nothing else is claimed until `until`, by the runner's clock. */
  readonly alone?: { readonly id: string; readonly until: number };
  /** The runner's clock at its last turn, in milliseconds, and the wall clock at the same time. */
  readonly seen: number;
  readonly wall: number;
}

/** The keys of the state store; `deposedKey` makes more of them. */
export const stateKeys = {
  runner: 'runner',
  positions: 'positions',
  /** The heavy bodies that were found without a row, and when they first were. */
  bodies: 'bodies',
  edits: 'edits',
  session: 'session',
  /** Bytes whose room is used when the browser has no room: see `store/reserve.ts`. */
  reserve: 'reserve',
  gate: (name: string): string => `gate:${name}`,
  /** What the keys of all pauses begin with: see `pause.ts`. */
  pauses: 'paused:',
} as const;

/** The key of a deposed epoch, or of its claim, in the state store. Padded numbers make the oldest one range. */
export function deposedKey(epoch: Epoch, claim?: number): string {
  return `deposed:${String(epoch.count).padStart(12, '0')}:${epoch.nonce}${claim === undefined ? '' : `:${claim}`}`;
}

type Option =
  | 'lane'
  | 'given'
  | 'key'
  | 'merges'
  | 'after'
  | 'onParent'
  | 'runAt'
  | 'expiresAt'
  | 'timeout'
  | 'onDead'
  | 'onExpired';

/** What an add knows of a task. The rest of the row follows from it. */
export type NewTask = Pick<TaskRow, 'id' | 'type' | 'version' | 'owner' | 'gate' | 'priority' | 'addedAt'> & {
  readonly [Name in Option]?: TaskRow[Name] | undefined;
} & { readonly payload: { readonly inline: unknown } | { readonly ref: string } };

/** The row of a new task: fresh, or timed by its date. Nothing in it depends on an answer of the database. */
export function newRow({ payload, ...task }: NewTask): NewTaskRow {
  const { id, owner, lane, after = [], runAt, expiresAt, priority } = task;
  const expiry = expiresAt === undefined ? undefined : expiryMark(expiresAt);
  const waits = new Set(after.map(parentMark));
  const all = [idMark(id), laneMarkOf({ owner, lane }), keyMarkOf(task), expiry, ...waits];
  const marks = all.filter((mark) => mark !== undefined);

  return defined({
    ...task,
    ready: runAt === undefined ? readyPrefix('F', task, priority) : timedKey('!', task, priority, runAt),
    marks,
    ...payloadFields(payload),
    attempts: 0,
    failures: 0,
    interruptions: 0,
    blames: 0,
  }) as NewTaskRow;
}

/** The mark of a row's lane; `undefined`: it has none. */
export function laneMarkOf({ owner, lane }: Pick<NewTask, 'owner' | 'lane'>): string | undefined {
  return lane === undefined ? undefined : laneMark(owner, lane);
}

/** The mark of a row's key; `undefined`: it has none. */
export function keyMarkOf({
  owner,
  type,
  lane,
  key,
}: Pick<NewTask, 'owner' | 'type' | 'lane' | 'key'>): string | undefined {
  return key === undefined ? undefined : keyMark(owner, type, lane, key);
}

/** The field of a row that has the payload, or that has the payload's key. */
export function payloadFields(payload: NewTask['payload']): Pick<TaskRow, 'payload' | 'ref'> {
  if ('ref' in payload) return { ref: payload.ref };

  return payload.inline === undefined ? {} : { payload: payload.inline };
}

/** The row with another payload, which this version of its type has encoded. */
export function withPayload(row: TaskRow, payload: NewTask['payload'], version: number): TaskRow {
  const { payload: _, ref: __, ...rest } = row;

  return { ...rest, version, revision: (row.revision ?? 0) + 1, ...payloadFields(payload) };
}

/** The idempotency key of the row's attempts: the id, and `id.1`, `id.2` ... after corrections of a dead task. */
export function idempotencyKey(row: Pick<TaskRow, 'id' | 'edition'>): string {
  return row.edition === undefined || row.edition === 0 ? row.id : `${row.id}.${row.edition}`;
}
