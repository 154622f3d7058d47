import type { OpenDBCallbacks } from 'idb';
import { openDB } from 'idb';

import { messageOf, nameOf, TaskbasketError } from '../pure/errors.js';
import { partOf } from '../pure/parts.js';
import type { AnyRegistry, Connection } from '../pure/registry.js';
import { everyStore, raw } from './requests.js';
import { createStores, hasStores } from './setup.js';

/** What an opening tells its caller. */
export interface Watcher {
  /** The connection must close, or was closed. `deleted`: the database may be deleted too. */
  readonly closing: (deleted: boolean) => void;
  /** There is no such database. `deleted`: it was deleted, by somebody or by the browser itself. */
  readonly missing: (deleted: boolean) => void;
}

/**
 * Opens the database, whatever state it is in. Makes the database, or its stores, if it belongs to the basket alone.
 */
export async function opened(registry: AnyRegistry, watcher: Watcher): Promise<IDBDatabase> {
  if (!hasIndexedDb()) {
    const why = 'There is no IndexedDB here: this is a server, or a frame to which the browser refuses it.';
    throw new TaskbasketError('no-database', `${why} Call this in a page.`);
  }

  const existing = await existingDatabase(registry.name, watcher);
  if (isComplete(existing, registry)) return existing;

  if (registry.open === undefined) return ownDatabase(registry, existing, watcher);

  await openedByApp(registry, registry.open);

  const again = await existingDatabase(registry.name, watcher);
  if (isComplete(again, registry)) return again;

  throw storesMissing(registry);
}

/**
 * Whether an error is permanent: the basket is closed, its stores are missing, or this context has no IndexedDB. A
 * database that could not be opened, read or written may work later.
 */
export function isFinal(error: unknown): boolean {
  if (!(error instanceof TaskbasketError)) return false;
  if (error.code === 'no-database') return !hasIndexedDb() || nameOf(error.cause) === 'SecurityError';

  return error.code !== 'not-stored' && error.code !== 'unknown-outcome';
}

/** Whether this context has an IndexedDB. In a frame without an origin, some browsers throw when it is read. */
function hasIndexedDb(): boolean {
  return typeof partOf(partOf(globalThis, 'indexedDB'), 'open') === 'function';
}

/**
 * What happens to a connection when another context wants to change the database, or the browser closes the connection.
 */
function callbacks({ closing, missing }: Watcher): Pick<OpenDBCallbacks<unknown>, 'blocking' | 'terminated'> {
  return {
    blocking(_from, to) {
      // Told now, because another context may make a new database before the next opening.
      if (to === null) missing(true);
      closing(to === null);
    },
    terminated: () => closing(true),
  };
}

/** Opens a database if it exists. Makes none, because it aborts the upgrade of a new one. */
async function existingDatabase(name: string, watcher: Watcher): Promise<IDBDatabase | undefined> {
  let missing = false;

  try {
    const db = await openDB(name, undefined, {
      upgrade(_db, _from, _to, transaction, event) {
        missing = true;
        // Chromium says this once, after it has deleted a damaged database.
        watcher.missing((event as { readonly dataLoss?: string }).dataLoss === 'total');
        transaction.done.catch(() => undefined); // The next line aborts it.
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
  if (existing !== undefined && !isOurs(existing)) throw storesMissing(registry);

  const made = await openDB(registry.name, (existing?.version ?? 0) + 1, {
    upgrade: (_db, _from, _to, transaction) => createStores(transaction, registry),
    ...callbacks(watcher),
  }).catch((error: unknown) => {
    if (nameOf(error) === 'VersionError') return undefined;
    throw noDatabase(registry.name, error);
  });
  const db = made && raw(made as unknown as IDBDatabase);
  if (isComplete(db, registry)) return db;

  // A basket with another bucket raised the version first, so try again.
  return opened(registry, watcher);
}

/**
 * Whether a connection has all stores. Otherwise closes it, also if its stores cannot be looked at, because an open
 * connection would block every upgrade.
 */
function isComplete(db: IDBDatabase | undefined, registry: AnyRegistry): db is IDBDatabase {
  let complete = false;
  try {
    complete = db !== undefined && hasStores(db, registry);
  } finally {
    if (!complete) db?.close();
  }

  return complete;
}

/**
 * Whether a database has the stores of baskets and no others, so that its version may be raised. A database without any
 * store belongs to an app that is about to make its stores: if its version were raised, the app could not open it.
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
 * Keeps the app's connection open, because the app may work with it, and a closed Dexie does not open again by itself.
 * But the connection must not block an upgrade. Dexie closes itself then. A connection of the platform or of idb is
 * closed here. An object that has no such event is closed at once.
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

/** The error for a database that could not be opened. */
export function noDatabase(name: string, cause: unknown): TaskbasketError {
  return new TaskbasketError('no-database', `The database "${name}" could not be opened: ${messageOf(cause)}`, cause);
}

function storesMissing(registry: AnyRegistry): TaskbasketError {
  return new TaskbasketError(
    'stores-missing',
    `The database "${registry.name}" lacks object stores or indexes of the bucket "${registry.bucket}". ` +
      'Call createStores(tx, tasks) in its upgrade (with Dexie: add dexieStores(tasks) to a stores() call), ' +
      'raise its version, and give defineTasks the function that opens it as `open`.',
  );
}
