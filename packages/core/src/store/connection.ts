import type { IDBPDatabase } from 'idb';
import { openDB } from 'idb';

import type { Locks } from '../ports/ports.js';
import { messageOf, TaskbasketError } from '../pure/errors.js';
import type { AnyRegistry, Connection } from '../pure/registry.js';
import type { StoreKey } from './requests.js';
import { everyStore, raw } from './requests.js';
import { createStores, hasStores } from './setup.js';

/** The basket's connection to its database, opened when it is needed and again after it was closed. */
export interface Database {
  /**
   * Begins a transaction over the stores of the scope.
   *
   * @throws TaskbasketError `no-database`, `stores-missing` or `closed`.
   */
  readonly begin: (
    mode: 'readonly' | 'readwrite',
    scope: readonly StoreKey[],
    durability?: 'strict' | 'relaxed',
  ) => Promise<IDBTransaction>;
  readonly close: () => void;
}

/** An open that has not finished after so many milliseconds asks for the runner's lock. */
const slowOpen = 1_000;

/** What a connection needs beside the registry. */
export interface DatabaseParts {
  readonly locks: Locks;
  readonly runnerLock: string;
  readonly timer: (wait: number, ring: () => void) => () => void;
}

/**
 * Opens by name, without a version, so that a tab with an older schema still adds; owns that connection, and closes it
 * when another context wants to change the database's version.
 */
export function createDatabase(registry: AnyRegistry, parts: DatabaseParts): Database {
  let opening: Promise<IDBDatabase> | undefined;
  let closed = false;

  function forget(): void {
    const gone = opening;
    opening = undefined;
    // Nobody may be left with a connection that blocks an upgrade; one that never opened has nothing to close.
    gone?.then(
      (db) => db.close(),
      () => undefined,
    );
  }

  function connection(): Promise<IDBDatabase> {
    if (closed) throw new TaskbasketError('closed', 'This basket was closed. Open another one with openBasket.');

    if (opening === undefined) {
      const current = openedByName(registry, parts, () => {
        if (opening === current) forget();
      });
      opening = current;
      current.catch(() => {
        if (opening === current) opening = undefined;
      });
    }

    return opening;
  }

  return {
    async begin(mode, scope, durability = 'strict') {
      const names = registry.stores.filter((_, place) => scope.some((key) => key === everyStore[place]));
      const db = await connection();
      try {
        return db.transaction(names, mode, { durability });
      } catch (error) {
        // The connection closed under us (site data cleared, a platform that drops it in the background): once more.
        if (!(error instanceof DOMException) || error.name !== 'InvalidStateError') throw error;
        forget();

        return (await connection()).transaction(names, mode, { durability });
      }
    },

    close() {
      closed = true;
      forget();
    },
  };
}

async function openedByName(registry: AnyRegistry, parts: DatabaseParts, lost: () => void): Promise<IDBDatabase> {
  const evict = new AbortController();
  const stop = parts.timer(slowOpen, () => evictFrozenHolder(parts, evict.signal));

  try {
    return raw((await opened(registry, lost)) as unknown as IDBDatabase);
  } finally {
    stop();
    evict.abort();
  }
}

/**
 * Asks for the runner's lock once. A worker that is frozen with its page in the back/forward cache can hold both lock
 * and connection, and block an upgrade without a `blocked` event (Chromium 156); the asking alone evicts it.
 */
function evictFrozenHolder(parts: DatabaseParts, signal: AbortSignal): void {
  parts.locks.request(parts.runnerLock, { signal }, () => Promise.resolve()).catch(() => undefined); // Aborted once the database is open, which is the usual end.
}

async function opened(registry: AnyRegistry, lost: () => void): Promise<IDBPDatabase> {
  if (typeof indexedDB === 'undefined') {
    throw new TaskbasketError('no-database', 'This browser has no IndexedDB here, so tasks can not be kept.');
  }

  const existing = await existingDatabase(registry.name, lost);
  if (existing !== undefined && hasStores(existing, registry)) return existing;

  const made = registry.open === undefined ? await ownDatabase(registry, existing, lost) : undefined;
  if (made !== undefined) return made;

  existing?.close();
  await openedByApp(registry);

  const again = await existingDatabase(registry.name, lost);
  if (again !== undefined && hasStores(again, registry)) return again;
  again?.close();

  throw storesMissing(registry);
}

/** Opens a database that is there; one that is not stays so: an upgrade from nothing is aborted. */
async function existingDatabase(name: string, lost: () => void): Promise<IDBPDatabase | undefined> {
  let missing = false;

  try {
    return await openDB(name, undefined, {
      upgrade(_db, _from, _to, transaction) {
        missing = true;
        transaction.done.catch(() => undefined); // Its abort is what we want.
        transaction.abort();
      },
      blocking: lost,
      terminated: lost,
    });
  } catch (error) {
    if (missing) return undefined;

    throw noDatabase(name, error);
  }
}

/** Makes the basket's own database, or adds this bucket's stores to it. */
async function ownDatabase(
  registry: AnyRegistry,
  existing: IDBPDatabase | undefined,
  lost: () => void,
): Promise<IDBPDatabase | undefined> {
  if (existing !== undefined && !isOurs(existing)) {
    existing.close();
    throw storesMissing(registry);
  }

  const version = (existing?.version ?? 0) + 1;
  existing?.close();
  try {
    const db = await openDB(registry.name, version, {
      upgrade: (_db, _from, _to, transaction) => createStores(transaction, registry),
      blocking: lost,
      terminated: lost,
    });
    if (hasStores(db, registry)) return db;
    db.close();

    // Another bucket of the same database was quicker to this version: look again.
    return await opened(registry, lost);
  } catch (error) {
    if (error instanceof DOMException && error.name === 'VersionError') return opened(registry, lost);

    throw error instanceof TaskbasketError ? error : noDatabase(registry.name, error);
  }
}

/** Whether a database holds baskets' stores only, so that raising its version surprises nobody. */
function isOurs(db: IDBPDatabase): boolean {
  return [...db.objectStoreNames].every((name) => /\.(tasks|payloads|outcomes|state)$/.test(name));
}

async function openedByApp(registry: AnyRegistry): Promise<void> {
  try {
    const connection = await registry.open?.();
    if (connection !== undefined && connection.name !== registry.name) throw otherName(registry, connection.name);
    closeForUpgrades(connection);
  } catch (error) {
    throw error instanceof TaskbasketError ? error : noDatabase(registry.name, error);
  }
}

/**
 * What `open` returned may be the one connection that the app works with, so it is not closed: a closed Dexie does not
 * open again by itself. It must not block an upgrade either: Dexie closes itself then, a connection of the platform or
 * idb's is closed here, and what can't be asked to listen is closed at once.
 */
function closeForUpgrades(connection: Connection | undefined): void {
  if (connection === undefined) return;
  if ('addEventListener' in connection) {
    (connection as Connection & EventTarget).addEventListener('versionchange', () => connection.close());
  } else if (!('on' in connection)) {
    connection.close();
  }
}

function otherName(registry: AnyRegistry, name: string): TaskbasketError {
  return new TaskbasketError(
    'stores-missing',
    `open opened the database "${name}", and the basket lives in "${registry.name}". Give both the same name.`,
  );
}

function noDatabase(name: string, cause: unknown): TaskbasketError {
  return new TaskbasketError('no-database', `The database "${name}" could not be opened: ${messageOf(cause)}`, cause);
}

function storesMissing(registry: AnyRegistry): TaskbasketError {
  return new TaskbasketError(
    'stores-missing',
    `The database "${registry.name}" has no object stores for the bucket "${registry.bucket}". ` +
      'Call createStores(tx, tasks) in its upgrade (with Dexie: add dexieStores(tasks) to each stores() call), ' +
      'raise its version, and give defineTasks the function that opens it as `open`.',
  );
}
