import { unwrap, wrap } from 'idb';

import { above } from '../pure/key.js';

/** What an idb proxy stands for; a raw object, or the proxy of another copy of idb, as it is. */
export function raw<Wrapped extends object>(wrapped: Wrapped): Wrapped {
  const inner = unwrap as unknown as (proxy: Wrapped) => Wrapped | undefined;

  return inner(wrapped) ?? wrapped;
}

/** The answer to a request, while its transaction is still active. */
export function answer<Result>(request: IDBRequest<Result>): Promise<Result> {
  return wrap(request);
}

/** Leads a cursor from key to key: `visit` moves it on, and gives back whether it did. Rejects with what `visit` throws. */
export function walk(request: IDBRequest<IDBCursor | null>, visit: (cursor: IDBCursor) => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    request.addEventListener('error', () => reject(request.error));
    request.addEventListener('success', () => {
      try {
        if (request.result === null || !visit(request.result)) resolve();
      } catch (error) {
        reject(error);
      }
    });
  });
}

/**
 * Resolves when the transaction has completed, which is the only proof that it was stored: quota and disk errors come
 * at the end, after every request has succeeded. Rejects with what aborted it.
 */
export function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => {
      reject(transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError'));
    });
  });
}

/** The four stores of a basket within one transaction. */
export interface Stores {
  readonly tasks: IDBObjectStore;
  readonly payloads: IDBObjectStore;
  readonly outcomes: IDBObjectStore;
  readonly state: IDBObjectStore;
}

/** Which of them. */
export type StoreKey = keyof Stores;

/** All of them, in the order of `Registry.stores`. */
export const everyStore: readonly StoreKey[] = ['tasks', 'payloads', 'outcomes', 'state'];

/** All but the payloads, for what does without as a rule: a large one that is being written must not hold it up. */
export const withoutPayloads: readonly Exclude<StoreKey, 'payloads'>[] = ['tasks', 'outcomes', 'state'];

/** The stores of a transaction that may have to do without the payloads. */
export type SparingStores = Omit<Stores, 'payloads'> & Partial<Pick<Stores, 'payloads'>>;

/** The store of payloads, if the transaction has it; else `sparing` begins again with it. */
export function payloadsIn(stores: Partial<Pick<Stores, 'payloads'>>): IDBObjectStore {
  if (stores.payloads === undefined) throw new OutOfScope();

  return stores.payloads;
}

/**
 * Does its work in a transaction without the payloads, and from the beginning with all stores if it turns out to need
 * them, or if that is known before.
 */
export async function sparing<Result>(
  needsPayloads: boolean,
  work: (scope: readonly StoreKey[]) => Promise<Result>,
): Promise<Result> {
  try {
    return await work(needsPayloads ? everyStore : withoutPayloads);
  } catch (error) {
    if (error instanceof OutOfScope) return work(everyStore);

    throw error;
  }
}

/** Aborts a transaction that needs a store which it has not; never leaves this module. */
class OutOfScope extends Error {}

/** The basket's stores in a transaction whose scope has these. */
export function storesOf<Key extends StoreKey>(
  transaction: IDBTransaction,
  bucket: string,
  scope: readonly Key[],
): Pick<Stores, Key> {
  const stores = scope.map((key) => [key, transaction.objectStore(`${bucket}.${key}`)]);

  return Object.fromEntries(stores) as Pick<Stores, Key>;
}

/** Every key that begins with a text which ends in an ordinary character, whatever follows: also U+FFFF twice. */
export function keysFrom(start: string): IDBKeyRange {
  return IDBKeyRange.bound(start, above(start), false, true);
}
