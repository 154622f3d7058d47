import { messageOf, TaskbasketError } from '../pure/errors.js';
import { partOf } from '../pure/parts.js';
import type { AnyRegistry } from '../pure/registry.js';
import type { Stores } from './requests.js';
import { raw } from './requests.js';

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

/** The transaction that `addTx` takes. */
export type AppTransaction<Store extends string> = WritableTransaction<Store> | DexieTransaction;

/** The app's own transaction, and the two stores into which an add writes. */
export interface StoresOfApp extends Pick<Stores, 'tasks' | 'payloads'> {
  readonly transaction: IDBTransaction;
}

/**
 * The stores of the basket in the app's own transaction.
 *
 * @throws TaskbasketError `transaction`, before anything is written, if the value is no transaction, or the transaction
 * belongs to another database, is read-only, does not name the basket's stores, or has finished.
 */
export function addStores(given: AppTransaction<string>, registry: AnyRegistry): StoresOfApp {
  const transaction = rawTransaction(given);
  if (transaction.db.name !== registry.name) {
    throw refused(`belongs to the database "${transaction.db.name}", and the basket lives in "${registry.name}"`);
  }
  if (transaction.mode === 'readonly') {
    throw refused('is read-only. Begin it as "readwrite"');
  }

  const [tasks, payloads] = registry.stores;
  const missing = [tasks, payloads].find((name) => !transaction.objectStoreNames.contains(name));
  if (missing !== undefined) {
    throw refused(`does not name the object store "${missing}". Name ...tasks.stores beside your own`);
  }

  try {
    return { transaction, tasks: transaction.objectStore(tasks), payloads: transaction.objectStore(payloads) };
  } catch (error) {
    throw finished(error);
  }
}

/** The error for a transaction that has finished, or is not active now. */
export function finished(cause: unknown): TaskbasketError {
  const why = `The transaction given to addTx has finished, or is not active: ${messageOf(cause)}`;

  return new TaskbasketError(
    'transaction',
    `${why} Call addTx before anything but the transaction's own requests is awaited, and before commit().`,
    cause,
  );
}

function refused(why: string): TaskbasketError {
  return new TaskbasketError('transaction', `The transaction given to addTx ${why}. Nothing was written.`);
}

function rawTransaction(given: AppTransaction<string>): IDBTransaction {
  const inner = partOf(given, 'idbtrans') ?? raw(given);
  if (typeof partOf(inner, 'objectStore') === 'function' && partOf(inner, 'objectStoreNames') !== undefined) {
    return inner as IDBTransaction;
  }

  const dexie = 'with Dexie, it is the argument of your function, or Dexie.currentTransaction';
  throw refused(`is no open transaction of IndexedDB, idb or Dexie. It must be the first argument; ${dexie}`);
}
