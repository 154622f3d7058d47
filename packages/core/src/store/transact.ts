import type { Ports, Work } from '../ports/ports.js';
import { deadline } from '../ports/wait.js';
import { messageOf, TaskbasketError } from '../pure/errors.js';
import type { AnyRegistry } from '../pure/registry.js';
import type { Database } from './connection.js';
import type { EveryStore, StoreKey, Stores } from './requests.js';
import { completed, lightStores, storesOf } from './requests.js';

/** What a transaction needs of its context. */
export interface TransactContext {
  readonly registry: AnyRegistry;
  readonly ports: Ports;
  readonly database: Database;
}

/** `strict`: flushed to disk when it completes. `relaxed`: handed to the operating system. */
export type Durability = 'strict' | 'relaxed';

/** The options of a transaction. */
export interface TransactOptions<Key extends StoreKey> {
  /** Default `strict`: flushed to disk when it completes. */
  readonly durability?: Durability | undefined;
  /** Default: all but the store of heavy bodies. */
  readonly scope?: readonly Key[] | undefined;
}

/** How long a transaction may give no sign of life before it is aborted, in milliseconds. */
const patience = 60_000;

/** The same for a transaction over the store of heavy bodies, which gives no sign of life while a body is written. */
const bodyPatience = 600_000;

/** How long to wait for the `abort` event of a transaction that was aborted, in milliseconds. */
const abortPatience = 10_000;

/**
 * How long to wait for that event, in milliseconds, once the browser has closed the connection. A browser fires the events
 * of a connection's transactions before `close`, but Chromium (156) fires none for a transaction that began at that moment.
 */
const closedPatience = 1_000;

/**
 * Runs one transaction over the basket's stores, in which `body` writes. Resolves with the result of `body` when the
 * transaction has completed; nothing may count before. If `body` throws, the transaction is aborted, because it would
 * otherwise commit what was written so far. Rejects after the `abort` event, so that the caller may try again.
 *
 * @throws TaskbasketError `unknown-outcome`, if the transaction fires neither `complete` nor `abort`.
 */
export async function transact<Result, Key extends StoreKey = keyof Stores>(
  context: TransactContext,
  work: Work,
  body: (stores: Pick<EveryStore, Key>) => Result | Promise<Result>,
  options: TransactOptions<Key> = {},
): Promise<Result> {
  const { durability = 'strict', scope = lightStores as readonly StoreKey[] as readonly Key[] } = options;
  const { registry, database } = context;
  const { reach } = context.ports;

  await reach?.(`${work}:before`);
  const transaction = await database.begin('readwrite', scope, durability);
  const done = completed(transaction);
  done.catch(() => undefined); // It is awaited below.

  async function goOn(): Promise<Result> {
    let result: Result;
    try {
      result = await body(storesOf(transaction, registry.bucket, scope));
    } catch (error) {
      abort(transaction);
      await done.catch(() => undefined);
      // The error of the transaction (no room, say) tells more than those of the requests that it aborted.
      throw transaction.error ?? error;
    }

    await reach?.(`${work}:requests`, transaction);
    try {
      transaction.commit();
    } catch {
      // The transaction has already ended (Chromium does that at once for a value beyond its 127 MB), and `done` says
      // how.
    }
    await done;

    return result;
  }

  const result = await answered(context, transaction, work, goOn());
  await reach?.(`${work}:complete`);

  return result;
}

/**
 * Reads in one transaction over the stores of the scope; by default all but the store of heavy bodies.
 *
 * @throws TaskbasketError `no-database`, if it cannot be read.
 */
export async function read<Result, Key extends StoreKey = keyof Stores>(
  context: TransactContext,
  body: (stores: Pick<EveryStore, Key>) => Promise<Result>,
  scope: readonly Key[] = lightStores as readonly StoreKey[] as readonly Key[],
): Promise<Result> {
  const transaction = await context.database.begin('readonly', scope);
  try {
    return await answered(context, transaction, 'read', body(storesOf(transaction, context.registry.bucket, scope)));
  } catch (error) {
    if (!(error instanceof DOMException)) throw error;

    const why = `The database "${context.registry.name}" could not be read: ${messageOf(error)}`;
    throw new TaskbasketError('no-database', why, error);
  }
}

/**
 * Settles as the work of a transaction does. Each answer to a request is a sign of life. Without one for the time of
 * its patience, or if the browser closes the connection, the transaction is aborted and its connection dropped. A
 * connection that failed is dropped too.
 */
function answered<Result>(
  { ports: { clock }, database, registry }: TransactContext,
  transaction: IDBTransaction,
  kind: Work | 'read',
  work: Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const heavy = [...transaction.objectStoreNames].some((name) => name.endsWith('.bodies'));
    const limit = heavy ? bodyPatience : patience;
    let silence: DOMException | undefined;
    const giveUp = (why: string, wait: number): void => {
      end.stop();
      silence = new DOMException(why, 'TimeoutError');
      database.drop(transaction.db);
      abort(transaction);
      end = deadline(clock, wait, () => reject(unanswered(registry.name, kind, silence)));
    };
    let end = deadline(clock, limit, () =>
      giveUp(`The database did not answer for ${limit / 1_000} s.`, abortPatience),
    );
    const closed = (): void => giveUp('The browser has closed the database.', closedPatience);
    transaction.db.addEventListener('close', closed);
    // The event does not bubble, but a capturing listener of the transaction gets it.
    transaction.addEventListener('success', () => end.renew(), true);
    void work
      .then(resolve, (error: unknown) => {
        if (isLost(transaction)) database.drop(transaction.db);
        reject(silence ?? error);
      })
      .finally(() => {
        end.stop();
        transaction.db.removeEventListener('close', closed);
      });
  });
}

/** Whether a transaction failed for another reason than what was written, so that its connection may be dead. */
function isLost({ error }: IDBTransaction): boolean {
  return error !== null && !['QuotaExceededError', 'ConstraintError', 'DataError'].includes(error.name);
}

/** The error for a transaction that may still commit. A read, or a body without its row, does no harm. */
function unanswered(name: string, kind: Work | 'read', cause: unknown): TaskbasketError {
  const code = kind === 'read' ? 'no-database' : kind === 'body' ? 'not-stored' : 'unknown-outcome';

  return new TaskbasketError(code, `The database "${name}" answers neither a transaction nor its abort.`, cause);
}

/** Aborts a transaction, unless it has already ended: a failed request aborts it too. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has already ended.
  }
}
