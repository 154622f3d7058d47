import { TaskbasketError } from '../pure/errors.js';
import type { AnyRegistry } from '../pure/registry.js';
import { raw } from './requests.js';

/** The index that finds rows by state, in order; named as Dexie must name it. */
export const readyIndex = '[ready+seq]';

/** The index that finds rows by id, lane, key and parent. */
export const marksIndex = 'marks';

/** What `createStores` takes: the upgrade's transaction, raw or idb's. */
export type UpgradeTransaction = IDBTransaction | { readonly mode: 'versionchange'; readonly db: object };

/**
 * Makes the basket's object stores and indexes. Call it in *every* upgrade of your database, with the upgrade's
 * transaction (an index on an existing store cannot be made from the database alone). Idempotent: what is there stays,
 * with everything in it.
 *
 * @example
 * openDB('field-notes', 3, { upgrade: (db, from, to, tx) => createStores(tx, tasks) });
 *
 * @throws TaskbasketError `transaction`, if it is not an upgrade's.
 */
export function createStores(transaction: UpgradeTransaction, registry: AnyRegistry): void {
  const tx = rawTransaction(transaction);
  if (tx.mode !== 'versionchange') {
    throw new TaskbasketError(
      'transaction',
      `createStores needs the transaction of an upgrade; this one is "${tx.mode}". Call it in your database's upgrade.`,
    );
  }

  const [tasks, payloads, outcomes, state] = registry.stores;
  const storeFor = (name: string, options?: IDBObjectStoreParameters): IDBObjectStore =>
    tx.db.objectStoreNames.contains(name) ? tx.objectStore(name) : tx.db.createObjectStore(name, options);

  const taskStore = storeFor(tasks, { keyPath: 'seq', autoIncrement: true });
  addIndex(taskStore, readyIndex, ['ready', 'seq'], false);
  addIndex(taskStore, marksIndex, 'marks', true);
  storeFor(payloads);
  addIndex(storeFor(outcomes, { keyPath: 'n', autoIncrement: true }), marksIndex, 'marks', true);
  storeFor(state);
  storeFor(bodiesOf(registry));
}

function addIndex(store: IDBObjectStore, name: string, keyPath: string | string[], multiEntry: boolean): void {
  if (!store.indexNames.contains(name)) store.createIndex(name, keyPath, { multiEntry });
}

/**
 * The same stores in Dexie's schema language. Put them into *every* `stores()` call of your database: Dexie deletes,
 * at an upgrade, each store that its schema does not name.
 *
 * @example
 * db.version(3).stores({ notes: 'id', ...dexieStores(tasks) });
 */
export function dexieStores<R extends AnyRegistry>(registry: R): DexieStores<R> {
  const [tasks, payloads, outcomes, state] = registry.stores;

  return {
    [tasks]: '++seq, [ready+seq], *marks',
    [payloads]: '',
    [outcomes]: '++n, *marks',
    [state]: '',
    [bodiesOf(registry)]: '',
  } as DexieStores<R>;
}

/** Whether a database has all of the basket's stores, with their indexes. Throws if it was closed meanwhile. */
export function hasStores(db: IDBDatabase, registry: AnyRegistry): boolean {
  const [tasks, , outcomes] = registry.stores;
  if (![...registry.stores, bodiesOf(registry)].every((name) => db.objectStoreNames.contains(name))) return false;

  const transaction = db.transaction([tasks, outcomes]);
  const has = (store: string, index: string): boolean => transaction.objectStore(store).indexNames.contains(index);

  return has(tasks, readyIndex) && has(tasks, marksIndex) && has(outcomes, marksIndex);
}

/** The schema of each of the basket's stores. */
export type DexieStores<R extends AnyRegistry> = {
  readonly [Store in R['stores'][number] | `${R['bucket']}.bodies`]: string;
};

/** The name of the store of heavy bodies: `Registry.stores` leaves it out, so that no transaction of the app names it. */
function bodiesOf({ bucket }: AnyRegistry): string {
  return `${bucket}.bodies`;
}

function rawTransaction(transaction: UpgradeTransaction): IDBTransaction {
  const inner = raw(transaction as IDBTransaction) as IDBTransaction | undefined;
  if (typeof inner?.mode === 'string') return inner;

  throw new TaskbasketError('transaction', 'createStores needs the transaction of an upgrade; this is no transaction.');
}
