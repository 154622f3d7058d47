/**
 * An app that keeps notes next to the task stores, in three ways: IndexedDB itself, idb, Dexie.
 */
import { Dexie } from 'dexie';
import { openDB } from 'idb';
import { createStores, dexieStores } from 'taskbasket';

import { type Setup } from './setup.ts';
import { type LabTasks, labTasks } from './tasks.ts';

export interface Note {
  readonly id: string;
  readonly text: string;
}

/** The registry of the setup, with the app's `open` if an app makes the database. */
export function tasksFor(setup: Setup): LabTasks {
  if (setup.maker === 'library') return labTasks(setup);
  const tasks: LabTasks = labTasks(setup, async () => openApp(setup, tasks));
  return tasks;
}

/** Opens the app's database as the maker does it, and makes it the first time. */
export async function openApp(
  { database, maker }: Setup,
  tasks: LabTasks,
): Promise<{ readonly name: string; close(): void }> {
  switch (maker) {
    case 'library':
      throw new Error('This database is the library’s own. Open the lab with a maker to have notes in it.');
    case 'raw':
      return openRaw(database, tasks);
    case 'idb':
      return openWithIdb(database, tasks);
    case 'dexie':
      return openWithDexie(database, tasks);
  }
}

/** Opens a database that is there, past the library and with whatever version it has. */
export function openExisting(database: string): Promise<IDBDatabase> {
  return opening(indexedDB.open(database));
}

function openRaw(database: string, tasks: LabTasks): Promise<IDBDatabase> {
  const request = indexedDB.open(database, 1);
  request.addEventListener('upgradeneeded', () => {
    request.result.createObjectStore('notes', { keyPath: 'id' });
    if (request.transaction) createStores(request.transaction, tasks);
  });
  return opening(request);
}

function opening(request: IDBOpenDBRequest): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('The database did not open.')));
  });
}

function openWithIdb(database: string, tasks: LabTasks) {
  return openDB(database, 1, {
    upgrade(db, _oldVersion, _newVersion, tx) {
      db.createObjectStore('notes', { keyPath: 'id' });
      createStores(tx, tasks);
    },
  });
}

async function openWithDexie(database: string, tasks: LabTasks): Promise<Dexie> {
  const db = new Dexie(database);
  db.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
  return db.open();
}
