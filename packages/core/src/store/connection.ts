import type { Clock, Locks } from '../ports/ports.js';
import { waited, within } from '../ports/wait.js';
import { basketClosed, TaskbasketError } from '../pure/errors.js';
import type { AnyRegistry } from '../pure/registry.js';
import { noDatabase, opened } from './opened.js';
import type { StoreKey } from './requests.js';
import { lightStores } from './requests.js';

/**
 * The basket's connection to its database. It is opened when a call needs it, and again after it was closed or lost.
 */
export interface Database {
  /**
   * Begins a transaction over the stores of the scope. Waits a minute at most for the database to open.
   *
   * @throws TaskbasketError `no-database`, `stores-missing` or `closed`.
   */
  readonly begin: (
    mode: 'readonly' | 'readwrite',
    scope: readonly StoreKey[],
    durability?: 'strict' | 'relaxed',
  ) => Promise<IDBTransaction>;
  /** Resolves when the database is open. Rejects as `begin` does, after `limit` milliseconds at most. */
  readonly opened: (limit: number) => Promise<void>;
  /** Closes a connection that failed or does not answer. The next call opens another one. */
  readonly drop: (connection: IDBDatabase) => void;
  /** Whether a connection is still open. If so, the database has not been deleted since. */
  readonly holds: (connection: IDBDatabase) => boolean;
  /** Why the database is not open now: the last opening failed, or takes longer than a second. */
  readonly trouble: () => TaskbasketError | undefined;
  readonly close: () => void;
}

/**
 * An opening counts as slow after so many milliseconds. Then `trouble` tells it, and the runner's lock is requested.
 */
const slowOpen = 1_000;

/** How long a call waits for the database to open, in milliseconds. */
const openPatience = 60_000;

/** How often one call opens the database again at most, because one change of its version may follow another. */
const reopenings = 4;

/** What a connection needs in addition to the registry. */
export interface DatabaseParts {
  readonly locks: Locks;
  readonly runnerLock: string;
  readonly clock: Clock;
  /**
   * `look`: the connection was closed, so the database should be opened again. `taken`, before it: the database may be
   * deleted. `lost`: it was deleted, and a new, empty one was made.
   */
  readonly say: (what: 'look' | 'taken' | 'lost') => void;
}

/**
 * Makes the connection of a context. Opens the database by name, without a version, so that a tab with an older schema
 * can still add. Closes the connection when another context wants to change the version of the database.
 */
export function createDatabase(registry: AnyRegistry, parts: DatabaseParts): Database {
  const { clock, locks, runnerLock, say } = parts;
  let opening: Promise<IDBDatabase> | undefined;
  /** Ends as the opening does, or when the basket is closed. All calls that wait for the opening share it. */
  let openedOrClosed: Promise<IDBDatabase>;
  let current: IDBDatabase | undefined;
  /** Its signal aborts when the opening that is under way has ended, or when nobody waits for it any longer. */
  let waiting = new AbortController();
  let trouble: TaskbasketError | undefined;
  let close = (): void => undefined;
  /** Rejects when the basket is closed. From then on it is the opening. */
  const closed = new Promise<never>((_, reject) => {
    close = () => reject(basketClosed());
  });
  closed.catch(() => undefined); // Seen by the calls that wait.
  /** Whether the database was deleted, and nobody was told yet. */
  let lost = false;
  /** Whether the database was open before. */
  let had = false;

  /**
   * Closes the connection, also one that is still opening, because an open connection would block the app's upgrade.
   */
  function forget(): void {
    waiting.abort();
    opening?.then(
      (db) => db.close(),
      () => undefined, // It never opened.
    );
    opening = undefined;
    current = undefined;
  }

  function open(): Promise<IDBDatabase> {
    const ended = new AbortController();
    waiting = ended;
    void waited(clock, slowOpen, ended.signal).then(() => {
      if (ended.signal.aborted) return;
      trouble = slowly();
      // A worker that is frozen with its page in the back/forward cache can hold both the runner's lock and a
      // connection. It then blocks an upgrade without a `blocked` event (Chromium 156). A request for the lock evicts
      // that page.
      locks.request(runnerLock, ended, () => Promise.resolve()).catch(() => undefined); // It ends once the database is open.
    });
    const mine: Promise<IDBDatabase> = opened(registry, {
      closing(deleted) {
        if (opening === mine) forget();
        if (deleted) say('taken');
        say('look'); // A runner opens the database again at once: `completeTx` needs its connection.
      },
      missing(deleted) {
        lost ||= had || deleted;
      },
    });
    openedOrClosed = Promise.race([mine, closed]);
    mine.then(
      (db) => {
        ended.abort();
        if (opening === mine) {
          current = db;
          trouble = undefined;
        }
        if (lost) say('lost');
        lost = false;
        had = true;
      },
      (error: unknown) => {
        ended.abort();
        // A later opening may have succeeded since this one was given up.
        if (opening !== mine) return;
        opening = undefined;
        if (error instanceof TaskbasketError) trouble = error;
      },
    );

    return mine;
  }

  /** The error for an opening that takes long. */
  function slowly(): TaskbasketError {
    return new TaskbasketError(
      'no-database',
      `The database "${registry.name}" does not open. Another tab keeps an older version of it open, or changes it now. ` +
        'Close the other tabs of this site, or reload them.',
    );
  }

  async function connection(limit: number): Promise<IDBDatabase> {
    const asked = (opening ??= open());

    return (
      current ??
      within(clock, limit, openedOrClosed, () => {
        // The next call opens the database again, in case the browser has lost this request.
        if (limit === openPatience && opening === asked) forget();

        return slowly();
      })
    );
  }

  function drop(db: IDBDatabase): void {
    if (db === current) forget();
  }

  return {
    async begin(mode, scope, durability = 'strict') {
      const names = registry.stores.filter((_, place) => scope.some((key) => key === lightStores[place]));
      if (scope.includes('bodies')) names.push(`${registry.bucket}.bodies`);
      for (let left = reopenings; ; left -= 1) {
        let db: IDBDatabase | undefined;
        try {
          db = await connection(openPatience);

          return db.transaction(names, mode, { durability });
        } catch (error) {
          if (error instanceof TaskbasketError) throw error;
          // The connection was lost: the version was changed, site data was cleared, or the browser closed it.
          if (db !== undefined) drop(db);
          if (left === 0) throw noDatabase(registry.name, error);
        }
      }
    },

    async opened(limit) {
      await connection(limit).catch((error: unknown) => {
        throw error instanceof TaskbasketError ? error : noDatabase(registry.name, error);
      });
    },

    drop,
    holds: (db) => db === current,
    trouble: () => trouble,

    close() {
      forget();
      opening = openedOrClosed = closed;
      close();
    },
  };
}
