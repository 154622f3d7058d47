import type { Priority, Route } from './key.js';
import { idMark, keyMark, laneMark, readyPrefix, timedKey, waitMark } from './key.js';
import { defined } from './parts.js';

/**
 * A task as it is stored. Every field that later versions need has its name here already, used or not: apps own the
 * database, so its form cannot be changed at will. A row is always written back with every field that it had, also
 * those which this version does not know.
 */
export interface TaskRow {
  /** Given by the database at the add; the order of everything. */
  readonly seq: number;
  /** Made by the adder, unique. */
  readonly id: string;
  readonly type: string;
  /** The type's version that encoded the payload. */
  readonly version: number;
  readonly owner: string | null;
  readonly gate: string;
  readonly priority: Priority;
  readonly lane?: string;
  /** Whether its lane, or its gate, was given with the add: then no later payload decides it. */
  readonly given?: readonly ('lane' | 'gate')[];
  /** What of its owner, type and lane it supersedes. */
  readonly key?: string;
  /** Ids that must succeed first. */
  readonly after?: readonly string[];
  /** Not before, by the wall clock, in milliseconds. */
  readonly runAt?: number;
  /** Dead from then on, by the wall clock, in milliseconds. */
  readonly expiresAt?: number;
  /** Of an attempt, in milliseconds. Absent: the type's. */
  readonly timeout?: number;
  /** Whether its lane stands still when it is dead. Absent: the type's. */
  readonly onDead?: 'block' | 'skip';
  /** When it was added, by the wall clock, in milliseconds. Shown, never ordered by. */
  readonly addedAt: number;

  /** Its state, in a form that can be found: see `key.ts`. */
  readonly ready: string;
  /** By what it is found: see `key.ts`. */
  readonly marks: readonly string[];

  /** The encoded payload, if it is small. */
  readonly payload?: unknown;
  /** Its key in the store of payloads, if it lies apart. */
  readonly ref?: string;

  /** Handlers started. */
  readonly attempts: number;
  /** Counted errors; they drive the backoff. */
  readonly failures: number;
  /** How often in a row the runner died under it. */
  readonly interruptions: number;
  /** How often it closed a gate alone that another then found open: added to `failures` for the wait, never counted. */
  readonly blames: number;
  /** The edition of its idempotency key: raised when a dead task is corrected. Absent: 0. */
  readonly edition?: number;
  /** How often the payload was written anew. Tells a reader whether a payload that it has is still the same. Absent: never. */
  readonly revision?: number;
  /** An earlier attempt under this key was cut off, so it may have had its effect. */
  readonly recovered?: true;
  readonly lastError?: StoredError;
  readonly dead?: Death;
  /** Cancelled while it ran: gone for every read and command; settle or rescue deletes it. */
  readonly cancelled?: true;
  /** Never stored: this version would not have written the row. See `stored.ts`. */
  readonly strange?: true;
}

/** A row before the database gave it its number. */
export type NewTaskRow = Omit<TaskRow, 'seq'>;

/** Why a task is dead. */
export interface Death {
  /** `permanent`: the handler said so. `limit`: as many failures as its type allows. */
  readonly reason: 'permanent' | 'limit';
  /** By the wall clock, in milliseconds. */
  readonly at: number;
}

/** What is kept of a thrown value: an own plain object, since browsers store errors with losses, each its own. */
export interface StoredError {
  readonly name: string;
  readonly message: string;
  /** The HTTP status, if the error carried one. */
  readonly status?: number;
  /** By the wall clock, in milliseconds. */
  readonly at: number;
}

/** How a task ended, as far as it is stored. */
export interface OutcomeRow {
  /** Given by the database. */
  readonly n?: number;
  readonly id: string;
  readonly type: string;
  readonly owner: string | null;
  readonly state: 'done' | 'dead' | 'cancelled' | 'replaced' | 'purged';
  readonly at: number;
  readonly result?: unknown;
  /** Why the result is not there, if it could not be stored. */
  readonly unstorable?: string;
  /** What replaced it. */
  readonly by?: string;
  readonly marks: readonly string[];
}

/** A claim of the running set: enough to settle and to rescue it, also when its row is gone. */
export interface Claim {
  /** Counts the claims of an epoch, from 1. */
  readonly claim: number;
  readonly seq: number;
  readonly id: string;
  /** The lane's mark, if it has a lane. */
  readonly lane?: string;
  /** The key of its payload, if that lies apart. */
  readonly ref?: string;
}

/** Whether a claim stands for a row: a database made anew counts `seq` from 1 again, so the id must be the same. */
export function isClaimed({ seq, id }: Pick<TaskRow, 'seq' | 'id'>, claims: readonly Claim[] = []): boolean {
  return claims.some((claim) => claim.seq === seq && claim.id === id);
}

/** Which take-over of the basket: compared as a whole, since a database made anew counts from 1 again. */
export interface Epoch {
  readonly count: number;
  readonly nonce: string;
}

/** The row `runner` of the state store: who leads, and what it has claimed. */
export interface RunnerRow {
  readonly epoch: Epoch;
  readonly build: number;
  readonly running: readonly Claim[];
  /** How many may run at once. */
  readonly slots?: number;
  /** The version of each task type that it runs. Absent: it does not say. */
  readonly types?: Readonly<Record<string, number>>;
  /** Who runs alone, or is about to, and until when at the latest nothing else is claimed, by the runner's clock. */
  readonly alone?: { readonly id: string; readonly until: number };
  /** The runner's clock at its last turn, in milliseconds, and the wall clock at the same time. */
  readonly seen: number;
  readonly wall: number;
}

/** The keys of the state store, beside `deposedKey`, which only a runner writes. */
export const stateKeys = {
  runner: 'runner',
  positions: 'positions',
  /** Heavy bodies that were found without a row, and when first. */
  bodies: 'bodies',
  edits: 'edits',
  owner: 'owner',
  gate: (name: string): string => `gate:${name}`,
  paused: 'paused:',
} as const;

/** The key of a deposed epoch, or of a claim of it, in the state store; padded, so that the oldest are one range. */
export function deposedKey(epoch: Epoch, claim?: number): string {
  return `deposed:${String(epoch.count).padStart(12, '0')}:${epoch.nonce}${claim === undefined ? '' : `:${claim}`}`;
}

type Option = 'lane' | 'given' | 'key' | 'after' | 'runAt' | 'expiresAt' | 'timeout' | 'onDead';

/** What an add says of a task; the rest of its row follows from it. */
export type NewTask = Pick<TaskRow, 'id' | 'type' | 'version' | 'owner' | 'gate' | 'priority' | 'addedAt'> & {
  readonly [Name in Option]?: TaskRow[Name] | undefined;
} & { readonly payload: { readonly inline: unknown } | { readonly ref: string } };

/** The row of a new task: fresh, or timed by its date. Nothing in it depends on an answer of the database. */
export function newRow({ payload, ...task }: NewTask): NewTaskRow {
  const { id, owner, type, lane, key, after = [], runAt, priority } = task;
  const marks = [
    idMark(id),
    ...(lane === undefined ? [] : [laneMark(owner, lane)]),
    ...(key === undefined ? [] : [keyMark(owner, type, lane, key)]),
    ...after.map(waitMark),
  ];

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
export function laneOf({ owner, lane }: Pick<TaskRow, 'owner' | 'lane'>): string | undefined {
  return lane === undefined ? undefined : laneMark(owner, lane);
}

/** Where a row's payload is: in it, or apart. */
export function payloadFields(payload: NewTask['payload']): Pick<TaskRow, 'payload' | 'ref'> {
  if ('ref' in payload) return { ref: payload.ref };

  return payload.inline === undefined ? {} : { payload: payload.inline };
}

/** The row with another payload, of this version of its type. */
export function withPayload(row: TaskRow, payload: NewTask['payload'], version: number): TaskRow {
  const { payload: _, ref: __, ...rest } = row;

  return { ...rest, version, revision: (row.revision ?? 0) + 1, ...payloadFields(payload) };
}

/** The route of a row. */
export function routeOf(row: Route): Route {
  return { owner: row.owner, type: row.type, version: row.version, gate: row.gate };
}

/** The idempotency key of a row's next attempt: the id, then `id.1`, `id.2` for each correction of a dead task. */
export function idempotencyKey(row: Pick<TaskRow, 'id' | 'edition'>): string {
  return row.edition === undefined || row.edition === 0 ? row.id : `${row.id}.${row.edition}`;
}
