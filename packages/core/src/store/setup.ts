import { TaskbasketError } from '../pure/errors.js';
import { stateKeys } from '../pure/record.js';
import type { AnyRegistry } from '../pure/registry.js';
import { checkRegistry } from '../pure/registry.js';
import type { StoreKey } from './requests.js';
import { raw } from './requests.js';

/** The index that finds rows by state, in order; named as Dexie must name it. */
export const readyIndex = '[ready+seq]';

/** The index that finds rows by id, lane, key and parent. */
export const marksIndex = 'marks';

/** For each store its key, which the database counts up, and its indexes. `undefined`: each write gives the key. */
const layout: Readonly<Record<StoreKey, readonly [key?: string, ...indexes: string[]]>> = {
  tasks: ['seq', readyIndex, marksIndex],
  payloads: [],
  outcomes: ['n', marksIndex],
  state: [],
  bodies: [],
};

/** The transaction of an upgrade, raw or idb's. */
export type UpgradeTransaction = IDBTransaction | { readonly mode: 'versionchange'; readonly db: object };

/**
 * Makes the basket's object stores and indexes in your database. Call it in *every* upgrade of your database, with the
 * upgrade's transaction, because an index of an existing store can only be made with that. Stores and indexes that
 * exist stay as they are, with everything in them.
 *
 * @example
 * openDB('field-notes', 3, { upgrade: (db, from, to, tx) => createStores(tx, tasks) });
 *
 * @throws TaskbasketError `transaction`, if the transaction is not that of an upgrade.
 */
export function createStores(transaction: UpgradeTransaction, registry: AnyRegistry): void {
  const tx = raw(transaction as IDBTransaction) as IDBTransaction | undefined;
  if (tx?.mode !== 'versionchange') {
    const why = `createStores needs the transaction of an upgrade, but this is ${tx?.mode ?? 'no transaction'}.`;
    throw new TaskbasketError('transaction', `${why} Call it in your database's upgrade.`);
  }

  checkRegistry(registry);
  // With a new store of tasks, numbers begin at 1 again: nothing counts that a runner has noted, or remembers, of rows.
  const { objectStoreNames: names } = tx.db;
  const [tasks, , , state] = registry.stores;
  if (!names.contains(tasks) && names.contains(state))
    for (const key of [stateKeys.positions, stateKeys.edits]) tx.objectStore(state).delete(key);

  for (const [name, key, indexes] of storesIn(registry)) {
    const options = key === undefined ? undefined : { keyPath: key, autoIncrement: true };
    const store = names.contains(name) ? tx.objectStore(name) : tx.db.createObjectStore(name, options);
    for (const index of indexes) {
      if (store.indexNames.contains(index)) continue;
      store.createIndex(index, index === readyIndex ? ['ready', 'seq'] : index, { multiEntry: index === marksIndex });
    }
  }
}

/**
 * Returns the basket's stores in Dexie's schema language. Put them into one of the `stores()` calls of your database,
 * and never set one of them to `null` later. Dexie deletes, at an upgrade, each store that no version of its schema
 * names.
 *
 * @example
 * dexie.version(3).stores({ notes: 'id', ...dexieStores(tasks) });
 */
export function dexieStores<R extends AnyRegistry>(registry: R): DexieStores<R> {
  const schemas = storesIn(registry).map(([name, key, indexes]) => {
    const named = indexes.map((index) => (index === marksIndex ? `*${index}` : index));

    return [name, key === undefined ? '' : [`++${key}`, ...named].join(', ')];
  });

  return Object.fromEntries(schemas) as DexieStores<R>;
}

/** Whether a database has all of the basket's stores, with their indexes. Throws if it was closed meanwhile. */
export function hasStores(db: IDBDatabase, registry: AnyRegistry): boolean {
  const stores = storesIn(registry);
  if (!stores.every(([name]) => db.objectStoreNames.contains(name))) return false;

  // The store of heavy bodies has no index and is left out: the other stores would wait until a body is written.
  const indexed = stores.filter(([, , indexes]) => indexes.length > 0);
  const transaction = db.transaction(indexed.map(([name]) => name));

  return indexed.every(([name, , indexes]) => {
    const { indexNames } = transaction.objectStore(name);

    return indexes.every((index) => indexNames.contains(index));
  });
}

/** The schema of each of the basket's stores. */
export type DexieStores<R extends AnyRegistry> = {
  readonly [Store in R['stores'][number] | `${R['bucket']}.bodies`]: string;
};

type NamedStore = readonly [name: string, key: string | undefined, indexes: readonly string[]];

function storesIn(registry: AnyRegistry): readonly NamedStore[] {
  checkRegistry(registry);

  return Object.entries(layout).map(([store, [key, ...indexes]]) => [`${registry.bucket}.${store}`, key, indexes]);
}
