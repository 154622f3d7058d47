import type { Locks } from '../ports/ports.js';
import { TaskbasketError } from '../pure/errors.js';
import type { AnyRegistry } from '../pure/registry.js';
import type { Watcher } from './opened.js';
import { isClosed, opened } from './opened.js';
import type { StoreKey } from './requests.js';
import { lightStores } from './requests.js';

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
  /** Why the last opening failed; `undefined` if it did not. */
  readonly trouble: () => TaskbasketError | undefined;
  readonly close: () => void;
}

/** An open that has not finished after so many milliseconds asks for the runner's lock. */
const slowOpen = 1_000;

/** The connection may be closed under a call so many times in a row, by one change of the version after the other. */
const reopenings = 4;

/** What a connection needs beside the registry. */
export interface DatabaseParts {
  readonly locks: Locks;
  readonly runnerLock: string;
  readonly timer: (wait: number, ring: () => void) => () => void;
  /** `taken`: the database may have been deleted, so `look`; `lost`: it was, and has been made anew, empty. */
  readonly say: (what: 'look' | 'taken' | 'lost') => void;
}

/**
 * Opens by name, without a version, so that a tab with an older schema still adds; owns that connection, and closes it
 * when another context wants to change the database's version.
 */
export function createDatabase(registry: AnyRegistry, parts: DatabaseParts): Database {
  let opening: Promise<IDBDatabase> | undefined;
  let trouble: TaskbasketError | undefined;
  let closed = false;
  /** There was a database, and it is not there any more. */
  let lost = false;
  let had = false;

  function forget(): void {
    const gone = opening;
    opening = undefined;
    // Nobody may be left with a connection that blocks an upgrade; one that never opened has nothing to close.
    gone?.then(
      (db) => db.close(),
      () => undefined,
    );
  }

  function open(): Promise<IDBDatabase> {
    const current: Promise<IDBDatabase> = openedByName(registry, parts, {
      closing(deleted) {
        if (opening === current) forget();
        if (!deleted) return;
        parts.say('taken');
        parts.say('look');
      },
      missing(deleted) {
        lost ||= had || deleted;
      },
    });
    current.then(
      () => {
        trouble = undefined;
        if (lost) parts.say('lost');
        lost = false;
        had = true;
      },
      (error: unknown) => {
        if (error instanceof TaskbasketError) trouble = error;
        if (opening === current) opening = undefined;
      },
    );

    return current;
  }

  function connection(): Promise<IDBDatabase> {
    if (closed) throw new TaskbasketError('closed', 'This basket was closed. Open another one with openBasket.');

    return (opening ??= open());
  }

  return {
    async begin(mode, scope, durability = 'strict') {
      const names = registry.stores.filter((_, place) => scope.some((key) => key === lightStores[place]));
      if (scope.includes('bodies')) names.push(`${registry.bucket}.bodies`);
      for (let left = reopenings; ; left -= 1) {
        const current = connection();
        try {
          return (await current).transaction(names, mode, { durability });
        } catch (error) {
          // The connection closed under us (a change of the version, site data cleared, a platform that drops it): again.
          if (left === 0 || !isClosed(error)) throw error;
          if (opening === current) forget();
        }
      }
    },

    trouble: () => trouble,

    close() {
      closed = true;
      forget();
    },
  };
}

async function openedByName(registry: AnyRegistry, parts: DatabaseParts, watcher: Watcher): Promise<IDBDatabase> {
  const evict = new AbortController();
  const stop = parts.timer(slowOpen, () => evictFrozenHolder(parts, evict.signal));

  try {
    return await opened(registry, watcher);
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
