import type { CrashPoint, Ports } from '../ports/ports.js';
import type { AnyRegistry } from '../pure/registry.js';
import type { Database } from './connection.js';
import type { Stores } from './requests.js';
import { completed, storesOf } from './requests.js';

/** What a transaction needs of its context. */
export interface TransactContext {
  readonly registry: AnyRegistry;
  readonly ports: Ports;
  readonly database: Database;
}

/** What a transaction is for; names the instants at which a simulation may kill. */
export type Work = 'add' | 'command' | 'takeover' | 'turn' | 'save' | 'audit';

/**
 * One transaction over the basket's stores: all of what `body` places, or nothing. Resolves with what `body` gave, when
 * the transaction has completed; nothing may count before. If `body` throws, the transaction is aborted: it would
 * otherwise commit what had been placed so far.
 */
export async function transact<Result>(
  context: TransactContext,
  work: Work,
  durability: 'strict' | 'relaxed',
  body: (stores: Stores) => Result | Promise<Result>,
): Promise<Result> {
  const { reach } = context.ports;
  const point = (instant: 'before' | 'requests' | 'complete'): CrashPoint => `${work}:${instant}`;

  await reach?.(point('before'));
  const transaction = await context.database.begin('readwrite', durability);
  const done = completed(transaction);
  done.catch(() => undefined); // Awaited below; if the body throws, what it threw is told.

  let result: Result;
  try {
    result = await body(storesOf(transaction, context.registry.stores));
  } catch (error) {
    abort(transaction);
    throw error;
  }

  await reach?.(point('requests'), transaction);
  transaction.commit();
  await done;
  await reach?.(point('complete'));

  return result;
}

/** Reads what belongs together, in one transaction. */
export async function look<Result>(
  context: TransactContext,
  body: (stores: Stores) => Promise<Result>,
): Promise<Result> {
  const transaction = await context.database.begin('readonly');

  return body(storesOf(transaction, context.registry.stores));
}

/** Aborts a transaction that may have ended by itself already: a failed request aborts it. */
function abort(transaction: IDBTransaction): void {
  try {
    transaction.abort();
  } catch {
    // It has ended: nothing is left to abort.
  }
}
