import { unwrap, wrap } from 'idb';

import { above } from '../pure/key.js';

/** The object behind an idb proxy. A raw object, or the proxy of another copy of idb, is given back as it is. */
export function raw<Wrapped extends object>(wrapped: Wrapped): Wrapped {
  const inner = unwrap as unknown as (proxy: Wrapped) => Wrapped | undefined;

  return inner(wrapped) ?? wrapped;
}

/** Resolves with the answer to a request, while its transaction is still active. */
export function answer<Result>(request: IDBRequest<Result>): Promise<Result> {
  return wrap(request);
}

/** The largest number among the keys of a store; 0 if there is none. A strange row may have another key. */
export async function lastNumber(store: IDBObjectStore): Promise<number> {
  const cursor = await answer(store.openKeyCursor(IDBKeyRange.upperBound(Number.POSITIVE_INFINITY), 'prev'));

  return Number(cursor?.primaryKey ?? 0);
}

/** Moves a cursor from key to key. `visit` moves it on, and returns whether the walk goes on. Its error rejects. */
export function walk<Cursor extends IDBCursor>(
  request: IDBRequest<Cursor | null>,
  visit: (cursor: Cursor) => boolean,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // `visit` may move the cursor and yet end the walk. Then it is not called again.
    let ended = false;
    request.addEventListener('error', () => reject(request.error));
    request.addEventListener('success', () => {
      if (ended) return;
      try {
        ended = request.result === null || !visit(request.result);
        if (ended) resolve();
      } catch (error) {
        ended = true;
        reject(error);
      }
    });
  });
}

/**
 * Resolves when the transaction has completed. Only that proves that it was stored, because quota and disk errors come
 * at the end, after every request has succeeded. Rejects with the error that aborted it.
 */
export function completed(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => {
      reject(transaction.error ?? new DOMException('The transaction was aborted.', 'AbortError'));
    });
  });
}

/** The stores of a basket within one transaction. */
export interface EveryStore {
  readonly tasks: IDBObjectStore;
  /** Payloads that are not in their rows, and are written in the same transaction. */
  readonly payloads: IDBObjectStore;
  readonly outcomes: IDBObjectStore;
  readonly state: IDBObjectStore;
  /** Heavy payloads. A transaction over this store names no other, because it may take seconds. */
  readonly bodies: IDBObjectStore;
}

/** The stores that one transaction may name together, because no write to them takes long. */
export type Stores = Omit<EveryStore, 'bodies'>;

/** The name of a store, without its bucket. */
export type StoreKey = keyof EveryStore;

/** All but the store of heavy bodies, in the order of `Registry.stores`. */
export const lightStores: readonly (keyof Stores)[] = ['tasks', 'payloads', 'outcomes', 'state'];

/** The names of all stores. */
export const everyStore: readonly StoreKey[] = [...lightStores, 'bodies'];

/** The basket's stores in a transaction that names them. */
export function storesOf<Key extends StoreKey>(
  transaction: IDBTransaction,
  bucket: string,
  scope: readonly Key[],
): Pick<EveryStore, Key> {
  const stores = scope.map((key) => [key, transaction.objectStore(`${bucket}.${key}`)]);

  return Object.fromEntries(stores) as Pick<EveryStore, Key>;
}

/** The range of all keys that begin with a text. The text must not end in U+FFFF. */
export function keysFrom(start: string): IDBKeyRange {
  return IDBKeyRange.bound(start, above(start), false, true);
}
