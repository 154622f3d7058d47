import type { CrashPoint, Ports } from '../ports/ports.js';
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

/** What a transaction is for; names the instants at which a simulation may kill. */
export type Work = 'add' | 'body' | 'command' | 'takeover' | 'turn' | 'save' | 'audit';

/** `strict`: flushed to disk when it completes. `relaxed`: handed to the operating system. */
export type Durability = 'strict' | 'relaxed';

/** How a transaction is begun. */
export interface TransactOptions<Key extends StoreKey> {
  /** Default `strict`: flushed to disk when it completes. */
  readonly durability?: Durability | undefined;
  /** Default: all but the store of heavy bodies. */
  readonly scope?: readonly Key[] | undefined;
}

/**
 * One transaction over the basket's stores: all of what `body` places, or nothing. Resolves with what `body` gave, when
 * the transaction has completed; nothing may count before. If `body` throws, the transaction is aborted: it would
 * otherwise commit what had been placed so far.
 */
export async function transact<Result, Key extends StoreKey = keyof Stores>(
  context: TransactContext,
  work: Work,
  body: (stores: Pick<EveryStore, Key>) => Result | Promise<Result>,
  options: TransactOptions<Key> = {},
): Promise<Result> {
  const { durability = 'strict', scope = lightStores as readonly StoreKey[] as readonly Key[] } = options;
  const { reach } = context.ports;
  const point = (instant: 'before' | 'requests' | 'complete'): CrashPoint => `${work}:${instant}`;

  await reach?.(point('before'));
  const transaction = await context.database.begin('readwrite', scope, durability);
  const done = completed(transaction);
  done.catch(() => undefined); // Awaited below; if the body throws, what it threw is told.

  let result: Result;
  try {
    result = await body(storesOf(transaction, context.registry.bucket, scope));
  } catch (error) {
    abort(transaction);
    // What the transaction itself failed of (no room, say) tells more than the requests that it took with it.
    throw transaction.error ?? error;
  }

  await reach?.(point('requests'), transaction);
  try {
    transaction.commit();
  } catch {
    // It has ended by itself, as Chromium's does at once for a value beyond its 127 MB: how it ended tells.
  }
  await done;
  await reach?.(point('complete'));

  return result;
}

/** Reads what belongs together, in one transaction over the stores of the scope; by default all but that of heavy bodies. */
export async function look<Result, Key extends StoreKey = keyof Stores>(
  context: TransactContext,
  body: (stores: Pick<EveryStore, Key>) => Promise<Result>,
  scope: readonly Key[] = lightStores as readonly StoreKey[] as readonly Key[],
): Promise<Result> {
  const transaction = await context.database.begin('readonly', scope);

  return body(storesOf(transaction, context.registry.bucket, scope));
}

/** Aborts a transaction that may have ended by itself already: a failed request aborts it. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended: nothing is left to abort.
  }
}
