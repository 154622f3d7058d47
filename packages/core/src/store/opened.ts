import type { OpenDBCallbacks } from 'idb';
import { openDB } from 'idb';

import { messageOf, nameOf, TaskbasketError } from '../pure/errors.js';
import { partOf } from '../pure/parts.js';
import type { AnyRegistry, Connection } from '../pure/registry.js';
import { everyStore, raw } from './requests.js';
import { createStores, hasStores } from './setup.js';

/** What an opening tells. */
export interface Watcher {
  /** The connection has to close, or was closed; `deleted`: so was the database. */
  readonly closing: (deleted: boolean) => void;
  /** There is no such database. `deleted`: there was one, and somebody, or the browser itself, has deleted it. */
  readonly missing: (deleted: boolean) => void;
}

/**
 * Opens the database, whatever state it is in. Makes the database, or its stores, if it belongs to the basket alone.
 */
export async function opened(registry: AnyRegistry, watcher: Watcher): Promise<IDBDatabase> {
  if (!hasIndexedDb()) {
    throw new TaskbasketError('no-database', 'This browser has no IndexedDB here, so tasks cannot be kept.');
  }

  const existing = await existingDatabase(registry.name, watcher);
  if (existing !== undefined && hasStores(existing, registry)) return existing;

  if (registry.open === undefined) return ownDatabase(registry, existing, watcher);

  existing?.close();
  await openedByApp(registry, registry.open);

  const again = await existingDatabase(registry.name, watcher);
  if (again !== undefined && hasStores(again, registry)) return again;
  again?.close();

  throw storesMissing(registry);
}

/**
 * Whether an error stays, however often the call is tried again: the basket is closed, its stores are missing, or this
 * context gets no IndexedDB. A database that could not be opened, read or written may work later.
 */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof TaskbasketError)) return false;
  if (error.code === 'no-database') return !hasIndexedDb() || nameOf(error.cause) === 'SecurityError';

  return error.code !== 'not-stored' && error.code !== 'unknown-outcome';
}

/** Whether this context has an IndexedDB. In a frame without an origin, some browsers throw when it is asked for. */
function hasIndexedDb(): boolean {
  return typeof partOf(partOf(globalThis, 'indexedDB'), 'open') === 'function';
}

/** What a connection of ours does when another context wants the database, or the platform took it away. */
function callbacks({ closing, missing }: Watcher): Pick<OpenDBCallbacks<unknown>, 'blocking' | 'terminated'> {
  return {
    blocking(_from, to) {
      // Whoever makes it anew, the next opening comes after the deletion.
      if (to === null) missing(true);
      closing(to === null);
    },
    terminated: () => closing(true),
  };
}

/** Opens a database that exists. If there is none, none is made, because the upgrade from nothing is aborted. */
async function existingDatabase(name: string, watcher: Watcher): Promise<IDBDatabase | undefined> {
  let missing = false;

  try {
    const db = await openDB(name, undefined, {
      upgrade(_db, _from, _to, transaction, event) {
        missing = true;
        // Chromium says so, once, of a database that it has found damaged.
        watcher.missing((event as { readonly dataLoss?: string }).dataLoss === 'total');
        transaction.done.catch(() => undefined); // Its abort is what we want.
        transaction.abort();
      },
      ...callbacks(watcher),
    });

    return raw(db as unknown as IDBDatabase);
  } catch (error) {
    if (missing) return undefined;

    throw noDatabase(name, error);
  }
}

/** Makes the basket's own database, or adds this bucket's stores to it. */
async function ownDatabase(
  registry: AnyRegistry,
  existing: IDBDatabase | undefined,
  watcher: Watcher,
): Promise<IDBDatabase> {
  const ours = existing === undefined || isOurs(existing);
  existing?.close();
  if (!ours) throw storesMissing(registry);

  try {
    const made = await openDB(registry.name, (existing?.version ?? 0) + 1, {
      upgrade: (_db, _from, _to, transaction) => createStores(transaction, registry),
      ...callbacks(watcher),
    });
    const db = raw(made as unknown as IDBDatabase);
    if (hasStores(db, registry)) return db;
    db.close();

    // Another bucket of the same database was quicker to this version: try again.
    return await opened(registry, watcher);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'VersionError') return opened(registry, watcher);

    throw error instanceof TaskbasketError || isClosed(error) ? error : noDatabase(registry.name, error);
  }
}

/**
 * Whether a database holds the stores of baskets only, as many of each kind, so that raising its version surprises
 * nobody. A database without any store is an app's that has just begun: the app's next open by version would fail.
 */
function isOurs({ objectStoreNames: names }: IDBDatabase): boolean {
  const kinds = [...names].map((name) => name.replace(/.*\./, ''));
  const each = names.length / everyStore.length;

  return each > 0 && everyStore.every((key) => kinds.filter((kind) => kind === key).length === each);
}

async function openedByApp({ name }: AnyRegistry, open: () => PromiseLike<Connection>): Promise<void> {
  try {
    const connection = await open();
    if (connection !== undefined && connection.name !== name) {
      const why = `open opened the database "${connection.name}", and the basket lives in "${name}".`;
      throw new TaskbasketError('stores-missing', `${why} Give both the same name.`);
    }
    closeForUpgrades(connection);
  } catch (error) {
    throw error instanceof TaskbasketError ? error : noDatabase(name, error);
  }
}

/**
 * Keeps the app's connection open, because it may be the only one that the app works with: a closed Dexie does not open
 * again by itself. It must not block an upgrade either: Dexie closes itself then, a connection of the platform or
 * idb's is closed here, and what cannot be asked to listen is closed at once.
 */
function closeForUpgrades(connection: Connection | undefined): void {
  if (connection === undefined) return;
  if ('addEventListener' in connection) {
    // The same function each time, so that an `open` that returns one connection again and again gets one listener.
    (connection as Connection & EventTarget).addEventListener('versionchange', closeItself);
  } else if (!('on' in connection)) {
    connection.close();
  }
}

function closeItself(this: unknown): void {
  (this as Connection).close();
}

/** What is thrown for a connection that is closed. */
function isClosed(error: unknown): boolean {
  return error instanceof DOMException && error.name === 'InvalidStateError';
}

/** The error for a database that failed to open, or to answer. */
export function noDatabase(name: string, cause: unknown): TaskbasketError {
  return new TaskbasketError('no-database', `The database "${name}" could not be opened: ${messageOf(cause)}`, cause);
}

function storesMissing(registry: AnyRegistry): TaskbasketError {
  return new TaskbasketError(
    'stores-missing',
    `The database "${registry.name}" lacks object stores or indexes of the bucket "${registry.bucket}". ` +
      'Call createStores(tx, tasks) in its upgrade (with Dexie: add dexieStores(tasks) to a stores() call), ' +
      'raise its version, and give defineTasks the function that opens this database as `open`.',
  );
}
