import { messageOf, TaskbasketError } from '../pure/errors.js';
import { partOf } from '../pure/parts.js';
import type { AnyRegistry } from '../pure/registry.js';
import type { Stores } from './requests.js';
import { raw, storesOf } from './requests.js';

/** A raw or an idb transaction that may write, and whose scope has the named stores. */
export interface WritableTransaction<Store extends string> {
  readonly mode: IDBTransactionMode;
  // A property is compared more strictly than a method. idb says that `add` is undefined in a read-only transaction.
  // Whatever an object store takes, its `add` can stand where one that takes `never` is asked for.
  readonly objectStore: (name: Store) => { readonly add: (value: never, key?: never) => unknown };
}

/** A transaction of Dexie: what its `transaction()` passes to your function. */
export interface DexieTransaction {
  readonly idbtrans: IDBTransaction;
}

/** The transaction that `addTx` and `completeTx` take. */
export type AppTransaction<Store extends string> = WritableTransaction<Store> | DexieTransaction;

/** The app's own transaction, and the stores of the basket in it. */
export type StoresOfApp<Key extends keyof Stores> = Pick<Stores, Key> & { readonly transaction: IDBTransaction };

/** The calls that write in the app's own transaction. */
type Call = 'addTx' | 'completeTx';

/**
 * The stores of the basket in the app's own transaction: those that the call writes.
 *
 * @throws TaskbasketError `transaction`, before anything is written, if the value is no transaction, or the transaction
 * belongs to another database, is read-only, does not name the basket's stores, or has finished.
 */
export function appStores<Key extends keyof Stores>(
  given: AppTransaction<never>,
  { name, bucket }: AnyRegistry,
  call: Call,
  keys: readonly Key[],
): StoresOfApp<Key> {
  const transaction = rawTransaction(given, call);
  if (transaction.db.name !== name) {
    const names = `"${transaction.db.name}", and the basket lives in "${name}". Give both the same name`;
    throw refused(call, `belongs to the database ${names}`);
  }
  if (transaction.mode === 'readonly') {
    throw refused(call, 'is read-only. Begin it as "readwrite"');
  }

  const missing = keys.map((key) => `${bucket}.${key}`).find((one) => !transaction.objectStoreNames.contains(one));
  if (missing !== undefined) {
    throw refused(call, `does not name the object store "${missing}". Name ...tasks.stores beside your own`);
  }

  try {
    return { transaction, ...storesOf(transaction, bucket, keys) };
  } catch (error) {
    throw finished(call, error);
  }
}

/** The error for a transaction that has finished, or is not active now. */
export function finished(call: Call, cause: unknown): TaskbasketError {
  const why = `The transaction given to ${call} has finished, or is not active: ${messageOf(cause)}`;

  return new TaskbasketError(
    'transaction',
    `${why} Call ${call} before anything but the transaction's own requests is awaited, and before commit().`,
    cause,
  );
}

function refused(call: Call, why: string): TaskbasketError {
  return new TaskbasketError('transaction', `The transaction given to ${call} ${why}. Nothing was written.`);
}

function rawTransaction(given: AppTransaction<never>, call: Call): IDBTransaction {
  const inner = partOf(given, 'idbtrans') ?? raw(given);
  if (typeof partOf(inner, 'objectStore') === 'function' && partOf(inner, 'objectStoreNames') !== undefined) {
    return inner as IDBTransaction;
  }

  const dexie = 'with Dexie, it is the argument of your function, or Dexie.currentTransaction';
  throw refused(call, `is no open transaction of IndexedDB, idb or Dexie. It must be the first argument; ${dexie}`);
}
