import { createRequire } from 'node:module';

import { Dexie } from 'dexie';

import type { Backoff } from '../../src/pure/backoff.js';
import type { Codec } from '../../src/pure/codec.js';
import { TaskbasketError } from '../../src/pure/errors.js';
import type { AnyRegistry, Connection } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores } from '../../src/store/setup.js';
import { contentsOf, openRaw } from '../support/database.js';

/** The payload of most tests. */
export interface Note {
  readonly id: string;
  readonly text: string;
}

/** Options of the notes app. */
export interface AppOptions {
  readonly lane?: (note: Note) => string | undefined;
  readonly gate?: (note: Note) => string | undefined;
  readonly codec?: Codec<Note>;
  readonly backoff?: Backoff;
  readonly open?: () => PromiseLike<Connection>;
}

/** The registry of an app that saves notes. Without `open` it is in a database of the library's own. */
export function notesApp(name: string, options: AppOptions = {}) {
  const { open, ...ofType } = options;

  return defineTasks(name, { saveNote: task<Note>(ofType), ping: task() }, { open });
}

/** The same in a database of the app's own, which has a store of notes. */
export function appWithNotes(name: string, options: AppOptions = {}) {
  const open = (): Promise<IDBDatabase> => openNotes(name, tasks);
  const tasks: ReturnType<typeof notesApp> = notesApp(name, { ...options, open });

  return tasks;
}

/** Opens the app's database as raw IndexedDB: notes and the basket's stores, in version 3. */
export function openNotes(name: string, tasks: AnyRegistry): Promise<IDBDatabase> {
  return openRaw(name, 3, (transaction, db) => {
    if (!db.objectStoreNames.contains('notes')) db.createObjectStore('notes', { keyPath: 'id' });
    createStores(transaction, tasks);
  });
}

export const note: Note = { id: 'n1', text: 'Buy bread' };

/** What lies in the app's own store and in the basket's after a transaction: by id and by type. */
export async function written(tasks: AnyRegistry): Promise<{
  readonly notes: readonly string[];
  readonly tasks: readonly string[];
  readonly payloads: number;
}> {
  const db = await openRaw(tasks.name);
  const notes = await new Promise<readonly Note[]>((resolve, reject) => {
    const request = db.transaction('notes').objectStore('notes').getAll() as IDBRequest<Note[]>;
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('not read')));
  });
  db.close();
  const { tasks: rows, payloads } = await contentsOf(tasks);

  return { notes: notes.map((one) => one.id), tasks: rows.map((row) => row.type), payloads: payloads.size };
}

/** What a promise, or a function, fails with. */
export async function failureOf(failing: Promise<unknown> | (() => unknown)): Promise<TaskbasketError> {
  try {
    await (typeof failing === 'function' ? failing() : failing);
  } catch (error) {
    if (error instanceof TaskbasketError) return error;
    throw error;
  }

  throw new Error('It should have failed, and did not.');
}

/** A second copy of idb, as an app has it whose version of idb is not ours: their proxies know nothing of each other. */
export function otherCopyOfIdb(): typeof import('idb') {
  return createRequire(import.meta.url)('idb') as typeof import('idb');
}

/** Dexie on the IndexedDB of this process: it looks for one only when it is imported. */
export function createDexie(name: string): Dexie {
  return new Dexie(name, { indexedDB, IDBKeyRange });
}
