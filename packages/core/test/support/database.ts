import { openDB } from 'idb';

import type { AnyRegistry } from '../../src/pure/registry.js';
import type { OutcomeRow, RunnerRow, TaskRow } from '../../src/pure/record.js';

/** Everything in a basket's stores, as it lies there. */
export interface Contents {
  readonly tasks: readonly TaskRow[];
  readonly payloads: ReadonlyMap<string, unknown>;
  readonly bodies: ReadonlyMap<string, unknown>;
  readonly outcomes: readonly OutcomeRow[];
  readonly state: ReadonlyMap<string, unknown>;
}

/** Reads a database from outside of the library. */
export async function contentsOf(registry: AnyRegistry): Promise<Contents> {
  const db = await openDB(registry.name);
  try {
    const [tasks, payloads, outcomes, state] = registry.stores;
    const bodies = `${registry.bucket}.bodies`;
    const tx = db.transaction([...registry.stores, bodies]);
    const mapOf = async (name: string): Promise<Map<string, unknown>> => {
      const store = tx.objectStore(name);
      const [keys, values] = await Promise.all([store.getAllKeys(), store.getAll()]);

      return new Map(keys.map((key, place) => [key as string, values[place] as unknown]));
    };

    return {
      tasks: (await tx.objectStore(tasks).getAll()) as TaskRow[],
      payloads: await mapOf(payloads),
      bodies: await mapOf(bodies),
      outcomes: (await tx.objectStore(outcomes).getAll()) as OutcomeRow[],
      state: await mapOf(state),
    };
  } finally {
    db.close();
  }
}

/** The stored rows, in order. */
export async function rowsOf(registry: AnyRegistry): Promise<readonly TaskRow[]> {
  return (await contentsOf(registry)).tasks;
}

/** The runner's row, which is there once something has led. */
export async function runnerOf(registry: AnyRegistry): Promise<RunnerRow> {
  const runner = (await contentsOf(registry)).state.get('runner');
  if (runner === undefined) throw new Error('Nothing has led yet.');

  return runner as RunnerRow;
}

/** Changes a database by hand, behind the library's back: as a mistake of ours, or another version, would. */
export async function byHand(
  registry: AnyRegistry,
  change: (stores: {
    readonly tasks: IDBObjectStore;
    readonly payloads: IDBObjectStore;
    readonly bodies: IDBObjectStore;
    readonly outcomes: IDBObjectStore;
    readonly state: IDBObjectStore;
  }) => void,
): Promise<void> {
  const db = await openRaw(registry.name);
  try {
    const bodies = `${registry.bucket}.bodies`;
    const tx = db.transaction([...registry.stores, bodies], 'readwrite');
    const done = new Promise<void>((resolve, reject) => {
      tx.addEventListener('complete', () => resolve());
      tx.addEventListener('abort', () => reject(tx.error ?? new Error('aborted')));
    });
    const [tasks, payloads, outcomes, state] = registry.stores;
    change({
      tasks: tx.objectStore(tasks),
      payloads: tx.objectStore(payloads),
      bodies: tx.objectStore(bodies),
      outcomes: tx.objectStore(outcomes),
      state: tx.objectStore(state),
    });
    await done;
  } finally {
    db.close();
  }
}

/** A raw connection. */
export function openRaw(
  name: string,
  version?: number,
  upgrade?: (tx: IDBTransaction, db: IDBDatabase) => void,
): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open(name, version);
    request.addEventListener('upgradeneeded', () => {
      if (request.transaction !== null) upgrade?.(request.transaction, request.result);
    });
    request.addEventListener('success', () => {
      const db = request.result;
      db.addEventListener('versionchange', () => db.close());
      resolve(db);
    });
    request.addEventListener('error', () => reject(request.error ?? new Error('not opened')));
  });
}

/** Resolves with how a transaction ended. */
export function endOf(tx: IDBTransaction): Promise<'complete' | 'abort'> {
  return new Promise((resolve) => {
    tx.addEventListener('complete', () => resolve('complete'));
    tx.addEventListener('abort', () => resolve('abort'));
  });
}

/** The names of all databases that are there. */
export async function databases(): Promise<readonly (string | undefined)[]> {
  return (await indexedDB.databases()).map((one) => one.name);
}

let named = 0;

/** A database's name that no other test has. */
export function freshName(): string {
  named += 1;

  return `test-${named}`;
}
