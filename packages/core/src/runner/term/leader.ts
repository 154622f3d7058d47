import type { BasketContext } from '../../basket/context/context.js';
import type { Hint } from '../../basket/context/messages.js';
import type { Claim, Epoch, RunnerRow, TaskRow } from '../../pure/record.js';
import type { TaskTypeParts } from '../../pure/registry.js';
import type { RunnerClock } from '../../pure/runner-clock.js';
import type { Moment } from '../../pure/transitions.js';
import type { Verdict } from '../../pure/verdict.js';
import type { AppTransaction } from '../../store/app-transaction.js';
import type { StoredPayload } from '../../store/payloads.js';
import type { Memory } from './memory.js';
import type { Patience } from './patience.js';
import type { Sending } from './sending.js';
import type { SignedIn, Values } from './values.js';

/**
 * The second argument of a handler: what it may know of its attempt. It has a `session` only if the registry declares
 * one. `Parent` is what the handlers of the registry return.
 */
export type Attempt<Payload = never, Session = unknown, Parent = unknown, Result = never> = AttemptParts<
  Payload,
  Parent,
  Result
> &
  (unknown extends Session ? unknown : WithSession<Session>);

/** What each attempt has. */
export interface AttemptParts<Payload, Parent = unknown, Result = never> {
  /** The task's id. */
  readonly id: string;
  /** The number of this attempt, from 1: how many handlers were started for the task, this one included. */
  readonly number: number;
  /**
   * Whether an earlier attempt was cut off, was aborted or took too long, and so may have had its effect. The server may
   * know the idempotency key.
   */
  readonly recovered: boolean;
  /**
   * Aborts when the task is cancelled, its owner signs out, the attempt takes too long, the runner stops, or another
   * runner takes over.
   *
   * @example
   * await fetch('/api/notes', { method: 'POST', body: note.text, signal });
   */
  readonly signal: AbortSignal;
  /**
   * A key that is the same in every attempt of the task, until `update` corrects a dead task. The server must answer a
   * second request with the same key without a second effect.
   *
   * @example
   * await fetch('/api/notes', { method: 'POST', body: note.text, headers: { 'Idempotency-Key': `"${idempotencyKey}"` } });
   */
  readonly idempotencyKey: string;
  /**
   * What the handlers of the tasks returned that the option `after` named, in its order. `undefined`: that handler returned
   * nothing, or what could not be stored, or its task was cancelled, or its outcome is not stored any more. The results
   * were stored by a build of your app that may be older than this one.
   *
   * @example
   * const [saved] = parents; // The task was added with `{ after: noteId }`.
   * if (saved === undefined) throw new PermanentFailure('The note was discarded.');
   * await fetch(`/api/photos?version=${saved.version}`, { method: 'POST', body: photo, signal });
   */
  readonly parents: readonly (Parent | undefined)[];
  /**
   * Stores another payload for the task, with which the next attempt is called. It is on disk when the promise
   * resolves. Several calls take effect in their order.
   *
   * @example
   * const { url } = await uploadPhoto(note);
   * await save({ ...note, text: url }); // The next attempt does not upload the photo again.
   *
   * @throws TaskbasketError `closed`: the attempt is over, or another runner has taken over. `payload`: the value
   * cannot be stored. `quota`, `not-stored`: the browser did not store it. After each of these the old payload stays.
   * `unknown-outcome`: nobody knows; the next attempt is called with what is stored. `no-database`, `stores-missing`.
   */
  readonly save: (payload: Payload) => Promise<void>;
  /**
   * Tells every tab how far the attempt is: a `watch` shows the value as the task's `progress`, and `on('progress')` is
   * called with it. At most four values a second are told, always the latest. The attempt's timeout begins anew. The
   * value is plain data of up to 32 KB, at two bytes for each character. It is copied, and kept in memory only. After the
   * attempt has ended nothing is told.
   *
   * @example
   * const request = new XMLHttpRequest();
   * request.upload.onprogress = ({ loaded, total }) => attempt.progress({ loaded, total });
   *
   * @throws TaskbasketError `payload`: the value cannot be copied, or is too large. If the handler does not catch that,
   * the attempt fails.
   */
  readonly progress: (value: unknown) => void;
  /**
   * Ends the task in a transaction of your own (raw, idb's or Dexie's), with its result: your data is written and the
   * task is done, or neither. Call it after the server has answered, beside your own writes. You may call `commit()` on
   * the next line. The transaction must name `...tasks.stores`. It fails if the task was cancelled or another runner
   * has taken over meanwhile. The attempt ends when the handler and the transaction have ended. If the transaction
   * commits, the task is done, whatever the handler does then. If it aborts, the handler's own end counts.
   *
   * @example
   * const { version } = (await response.json()) as { version: number };
   * const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
   * attempt.completeTx(tx, { version }); // First: if it throws, your data is not written either.
   * void tx.objectStore('notes').put({ ...note, version });
   * await tx.done;
   *
   * @throws TaskbasketError `closed`: the attempt has ended; or it was aborted, because its task was cancelled, its timeout
   * was over, or its owner signed out; or another transaction is about to end it; or the database was closed a moment ago.
   * `transaction`: the transaction is read-only, has finished, is of another database, or does not name the basket's stores.
   */
  readonly completeTx: (
    transaction: AppTransaction<never>,
    ...result: undefined extends Result ? [result?: Result] : [result: Result]
  ) => void;
}

/** What an attempt has besides if the registry declares a session. */
export interface WithSession<Session> {
  /**
   * The owner of the task, with the values that the app gave to `signIn` for that owner. The values are those of the
   * moment at which the attempt began.
   *
   * @example
   * const headers = { Authorization: `Bearer ${attempt.session.token}` };
   *
   * @throws TaskbasketError `signed-out`, if the task has no owner, because its type has `owner: 'none'`.
   */
  readonly session: Session;
}

/**
 * Does a task of one type. What it returns is the task's result. What it throws decides what becomes of the task: see
 * `PermanentFailure`, `RetryLater` and `Unavailable`; any other error counts as a failure, and the task backs off.
 */
export type Handler<Payload, Result, Session = unknown, Parent = unknown> = (
  payload: Payload,
  attempt: Attempt<Payload, Session, Parent, Result>,
) => Result | Promise<Result>;

/** Any handler, as the runner calls it. */
export type AnyHandler = Handler<unknown, unknown>;

/** A claim whose handler runs, or is about to. */
export interface RunningAttempt {
  /** `save` changes where its payload is. */
  claim: Claim;
  /** As it was claimed. */
  readonly row: TaskRow;
  readonly type: TaskTypeParts;
  /** The stored payload. `lost`: it is in another store and could not be read. `undefined`: it was not read yet. */
  stored: StoredPayload | undefined;
  /** The results of its parents. */
  readonly parents: readonly unknown[];
  readonly probe: boolean;
  /** Who was signed in when it was claimed, with the values. */
  readonly signedIn: SignedIn;
  /** By the runner's clock, in milliseconds. */
  readonly startedAt: number;
  readonly controller: AbortController;
  /** When it is aborted, by the monotonic clock. */
  deadline: number;
  /** What has put its deadline off: progress, or only the end of a time in which its page was frozen. */
  renewed?: 'progress' | 'thaw';
  /** When it loses its slot, by the monotonic clock. Set when it is aborted. */
  abandonAt?: number;
  /** Why it was aborted. */
  abortedFor?: 'timeout' | 'stop' | 'cancel' | 'owner';
  /** Whether the handler was called. */
  started: boolean;
  /** Whether its row may have been written since it was claimed, so that settle must read it. */
  touched: boolean;
  /** Whether a transaction of the app has ended its task. */
  completed: boolean;
  /** Resolves when the transaction has ended in which the handler ends its task. Absent: there is none. */
  completing?: Promise<void> | undefined;
  verdict?: Verdict;
  /** What is told of its success. A turn that seems to fail after its commit has told nobody, so the next one does. */
  says?: readonly Hint[];
  /**
   * How many turns have failed that wrote this result and no other one, although a turn without results did not fail.
   * Absent: no turn that wrote its result has failed.
   */
  refusals?: number;
  /** Whether it has left the running set, or its runner was deposed. Whatever it still does is ignored. */
  over: boolean;
}

/** How long an attempt may take without progress, in milliseconds. */
export function timeoutOf({ row, type }: Pick<RunningAttempt, 'row' | 'type'>): number {
  return row.timeout ?? type.timeout;
}

/** The state of the tasks that must run alone. One such task runs at a time. */
export type Alone =
  | { readonly phase: 'none' }
  /** One has run. Other tasks are claimed before the next one. */
  | { readonly phase: 'rest' }
  | { readonly phase: 'clearing'; readonly id: string; readonly since: number }
  | { readonly phase: 'running'; readonly id: string; readonly claim: number; readonly since: number };

/** For so many milliseconds before and after a task that runs alone starts, nothing else is claimed. */
export const aloneWindow = 10_000;

/** What is stored of the task that runs alone, so that `explain` can say why other tasks wait. */
export function aloneOf(state: Alone): RunnerRow['alone'] {
  if (state.phase === 'none' || state.phase === 'rest') return undefined;

  return { id: state.id, until: state.since + aloneWindow };
}

/** What the claims so far say about the next one, so that no task waits for ever while others start. */
export interface Fairness {
  /** How many tasks were claimed since the lowest priority had its share. */
  readonly passedOver: number;
  /**
   * Whether a fresh row is next, and not a timed one of its priority. They alternate, so that tasks that fail again and
   * again do not keep new ones waiting.
   */
  readonly freshNext: boolean;
  /** Whether a probe is next, and not another row. They alternate too. */
  readonly probeNext: boolean;
  /** The gate that probed last. */
  readonly probed: string;
}

/** What a turn leaves to the next one. A turn that fails leaves it unchanged, but clears `memory`. */
export interface Remembered {
  /** What was read from the database. `undefined`: the next turn reads it again. */
  readonly memory: Memory | undefined;
  /** The connection on which the last turn found its own epoch. While it is open, the database is the same. */
  readonly connection?: IDBDatabase;
  readonly alone: Alone;
  readonly fairness: Fairness;
  /** The number of the next claim. */
  readonly nextClaim: number;
  /** Whether a turn with results failed. The next turn writes none, to find out whether the results were the cause. */
  readonly spared: boolean;
}

/** What others have told the runner. The next turn reads it. */
export interface Signals {
  /** Whether the runner stops: it claims nothing more. */
  stopping: boolean;
  /**
   * Whether somebody said "look again", or a minute has passed. The next turn searches for prefixes that are not known.
   */
  poked: boolean;
  /** Set when a page is visible or online: the probes of closed gates must come within so many milliseconds. */
  woken: number | undefined;
  /** Aborts when the term has ended. No transaction of the term begins after that. */
  readonly gone: AbortSignal;
}

/** What a runner has in all of its terms. */
export interface RunnerParts {
  readonly context: BasketContext;
  readonly handlers: Readonly<Record<string, AnyHandler>>;
  readonly concurrency: number;
  /** Called with what each slice of an audit found: 0, unless there is a mistake in this library. */
  readonly onAudit: (found: number) => void;
}

/** A runner in one term, under one epoch. When the term ends, the whole object is dropped. */
export interface Leader extends RunnerParts {
  readonly epoch: Epoch;
  readonly clock: RunnerClock;
  /** The running set, by claim. */
  readonly running: Map<number, RunningAttempt>;
  /** How many turns have failed in a row, and how long the next one waits. */
  readonly patience: Patience;
  readonly signals: Signals;
  /** Shows whose handlers may run here. */
  readonly sending: Sending;
  /** What is known of who is signed in. */
  readonly values: Values;
  /** Replaced by each turn, and by nothing else. */
  remembered: Remembered;
  /** Wakes the runner, and has it search for prefixes that it does not know yet. */
  readonly poke: () => void;
}

/** The smaller of two times, of which each may be absent. */
export function sooner(one: number | undefined, other: number | undefined): number | undefined {
  return one === undefined || other === undefined ? (one ?? other) : Math.min(one, other);
}

/** Whether a row is being run by one of these attempts. */
export function runs(running: ReadonlyMap<number, RunningAttempt>, { seq }: TaskRow): boolean {
  return [...running.values()].some(({ claim }) => claim.seq === seq);
}

/** Reads both clocks. */
export function momentOf(leader: Leader): Moment {
  return { now: leader.clock.now(), wall: leader.context.ports.clock.wall() };
}
