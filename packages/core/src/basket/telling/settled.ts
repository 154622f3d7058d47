import { basketClosed, TaskbasketError } from '../../pure/errors.js';
import { checkId } from '../../pure/options.js';
import type { Owner, OwnerHere } from '../../pure/owner.js';
import { isSeen } from '../../pure/owner.js';
import { defined } from '../../pure/parts.js';
import type { Death, StoredError } from '../../pure/record.js';
import { isDead } from '../../pure/state.js';
import { isFinal } from '../../store/opened.js';
import type { Stores } from '../../store/requests.js';
import { outcomeOfId, rowOfId } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { OfTask } from '../context/messages.js';
import { endedAs, endedIn, hintsIn } from '../context/messages.js';
import { createLooks } from './looks.js';
import type { Recent } from './recent.js';
import { isLoss } from './recent.js';

/**
 * How a task ended.
 *
 * - `done`: the handler returned `result`. `unstorable` says why the result is absent: it could not be stored, or can
 *   no longer be read.
 * - `dead`: the task waits for a decision. After `retry` or `update`, call `settled` again.
 * - `cancelled`: `cancel` removed the task.
 * - `purged`: `purge` removed the task while this call waited.
 * - `replaced`: the task with the id `by`, which was added later with the same key, took its place.
 * - `gone`: there is no such task, and nothing is stored of its end. It succeeded without a result and this context was
 *   not told, it ended too long ago, its owner was purged, it was cancelled when the browser had no room, the database was
 *   cleared, or it never existed.
 */
export type Outcome<Result = unknown> =
  | { readonly state: 'done'; readonly result: Result; readonly unstorable?: string }
  | { readonly state: 'dead'; readonly because: Death['reason']; readonly error: StoredError | undefined }
  | { readonly state: 'replaced'; readonly by: string }
  | { readonly state: 'cancelled' | 'purged' | 'gone' };

/** The end of one task, for all who wait for it. */
interface Waiting {
  /** Whose task it is. `undefined`: nothing was found of it, and it was not added here. */
  owner: OwnerHere;
  /** Who was signed in at the call. */
  readonly asker: OwnerHere;
  /** Whether the task was found in the database, or was added here. */
  existed: boolean;
  /** What a message said of its end. Nothing else tells of a purge, or of a success without a result. */
  told?: 'done' | 'purged' | undefined;
  /** When the task was first missing although nobody had said how it ended, by the monotonic clock. */
  missedAt?: number;
  readonly end: Promise<Outcome>;
  readonly tell: (outcome: Outcome) => void;
  readonly fail: (error: unknown) => void;
}

/** The message of a success comes at the latest so many milliseconds after the task is gone. */
const patience = 2_000;

/** How many tasks are read in one transaction, so that the runner's turns come in between. */
const slice = 256;

/** Makes `settled`. A message says which tasks have ended, and these are read. Once a minute all are read. */
export function createSettled(context: BasketContext, added: Recent): (id: string) => Promise<Outcome> {
  const { clock } = context.ports;
  const waiting = new Map<string, Waiting>();
  /** The ids of the tasks that are read next. */
  const wanted = new Set<string>();
  /** Whether the database was taken away since the reading began. A task that is missing then need not have ended. */
  let taken = false;
  let stopTimer = (): void => undefined;

  function want(ids: Iterable<string>): void {
    for (const id of ids) if (waiting.has(id)) wanted.add(id);
  }

  const looks = createLooks(context, lookForEnds, (message) => {
    for (const end of ['done', 'purged'] as const) {
      for (const one of endedAs(end, message).map((id) => waiting.get(id))) if (one !== undefined) one.told = end;
    }
    // The row may be gone before it is read: then only this says whose the task was.
    for (const hint of hintsIn(message)) {
      const one = 'id' in hint ? waiting.get(hint.id) : undefined;
      if (one !== undefined) one.owner = (hint as OfTask).owner;
    }
    want((message && endedIn(message)) ?? waiting.keys());
    if (message === undefined || !isLoss(message)) return;
    taken = true;
    for (const one of waiting.values()) one.existed = false;
  });

  async function lookForEnds(): Promise<void> {
    try {
      while (wanted.size > 0) await lookForSome([...wanted].slice(0, slice));
    } catch (error) {
      // If the basket is closed, or there is no database, nobody may wait for ever. After any other error it is read
      // again.
      if (isFinal(error)) giveUp(error);
    }
    if (waiting.size === 0) stop();
  }

  async function lookForSome(ids: readonly string[]): Promise<void> {
    taken = false;
    for (const id of ids) wanted.delete(id); // Before the reading, so that a call that comes meanwhile is read for again.
    const find = (stores: OutcomeStores): Promise<readonly StoredEnd[]> =>
      Promise.all(ids.map((id) => readEnd(stores, id)));
    const found = await read(context, find, ['tasks', 'outcomes']).catch((error: unknown) => {
      want(ids);
      throw error;
    });
    for (const [place, id] of ids.entries()) {
      const one = waiting.get(id);
      const { end: outcome, owner } = found[place] ?? {};
      if (taken || one === undefined || outcome === undefined) continue;
      if (owner !== undefined) one.owner = owner;
      // Of a task that is absent nobody knows whose it was. So only who asked for it is told that it is gone.
      if (refusesOther(id, one, one.owner === undefined ? (one.asker ?? null) : one.owner)) continue;
      const end = outcome === 'absent' ? endOfAbsent(one) : outcome;
      one.existed ||= end === 'to come';
      if (end === 'to come') continue;
      waiting.delete(id);
      one.tell(end);
    }
  }

  /** Rejects the call if the task belongs to somebody who is not signed in here, and returns whether it does. */
  function refusesOther(id: string, one: Waiting, owner: Owner): boolean {
    if (isSeen(context.registry, owner, context.here.owner)) return false;
    waiting.delete(id);
    one.fail(notTheirs);

    return true;
  }

  context.here.onChange(() => {
    for (const [id, one] of waiting) if (one.owner !== undefined) refusesOther(id, one, one.owner);
    if (waiting.size === 0) return stop();
    want(waiting.keys());
    looks.look();
  });

  /** A missing task is done only if the runner said so, because an app may clear its tables, and with them ours. */
  function endOfAbsent(one: Waiting): Outcome | 'to come' {
    if (one.told === 'done') return { state: 'done', result: undefined };
    if (one.told === 'purged') return { state: 'purged' };
    one.missedAt ??= clock.monotonic();
    if (!one.existed || clock.monotonic() - one.missedAt >= patience) return { state: 'gone' };
    stopTimer();
    stopTimer = clock.timer(patience, () => {
      want(waiting.keys());
      looks.look();
    });

    return 'to come';
  }

  function stop(): void {
    stopTimer();
    looks.stop();
  }

  function giveUp(error: unknown): void {
    for (const { fail } of waiting.values()) fail(error);
    waiting.clear();
    wanted.clear();
  }

  context.closed.signal.addEventListener('abort', () => {
    giveUp(basketClosed());
    stop();
  });

  function waitFor(id: string): Waiting {
    const known = added.find(id);
    let [tell, fail]: [Waiting['tell'], Waiting['fail']] = [() => undefined, () => undefined];
    const end = new Promise<Outcome>((resolve, reject) => {
      [tell, fail] = [resolve, reject];
    });
    const asker = context.here.owner;
    const one: Waiting = {
      owner: known?.owner,
      asker,
      existed: known?.existed === true,
      told: known?.done === true ? 'done' : undefined,
      end,
      tell,
      fail,
    };
    waiting.set(id, one);

    return one;
  }

  return async (id) => {
    checkId(id);
    const { end } = waiting.get(id) ?? waitFor(id);
    wanted.add(id);
    looks.start();
    looks.look();

    return end;
  };
}

type OutcomeStores = Pick<Stores, 'tasks' | 'outcomes'>;

/** What the database says of a task. `owner`: `undefined` if nothing is known of it. */
interface StoredEnd {
  readonly end: Outcome | 'to come' | 'absent';
  readonly owner?: Owner;
}

const notTheirs = new TaskbasketError(
  'signed-out',
  'This task belongs to somebody who is not signed in here. Ask again after a signIn with its owner.',
);

/** What the database says of the end of a task. `absent`: there is neither a task nor an outcome. */
async function readEnd(stores: OutcomeStores, id: string): Promise<StoredEnd> {
  const [row, found] = await Promise.all([rowOfId(stores, id), outcomeOfId(stores, id)]);
  if (row !== undefined) {
    const { owner, dead, lastError: error } = row;

    return { owner, end: isDead(row) ? { state: 'dead', because: dead?.reason ?? 'permanent', error } : 'to come' };
  }
  if (found === undefined) return { end: 'absent' };

  const { owner, state, result, unstorable, by = '' } = found;
  if (state === 'done') return { owner, end: { state, result, ...defined({ unstorable }) } };
  if (state === 'replaced') return { owner, end: { state, by } };

  // Any other outcome is that of a later version, or of a dead task that was removed since.
  return { owner, end: { state: state === 'cancelled' ? state : 'gone' } };
}
