/**
 * An app that keeps notes next to the task stores, in three ways: IndexedDB itself, idb, Dexie.
 */
import { Dexie } from 'dexie';
import { openDB, unwrap } from 'idb';
import { createStores, dexieStores } from 'taskbasket';

import { type Setup } from './setup.js';
import { type LabTasks, labTasks } from './tasks.js';

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
export async function openApp(setup: Setup, tasks: LabTasks): Promise<{ readonly name: string; close(): void }> {
  switch (setup.maker) {
    case 'library':
      throw new Error('This database is the library’s own. Open the lab with a maker to have notes in it.');
    case 'raw':
      return openRaw(setup, tasks);
    case 'idb':
      return openWithIdb(setup, tasks);
    case 'dexie':
      return openWithDexie(setup, tasks);
  }
}

/** Opens a database that is there, past the library and with whatever version it has. */
export function openExisting(database: string): Promise<IDBDatabase> {
  return opening(indexedDB.open(database));
}

function openRaw({ database, version }: Setup, tasks: LabTasks): Promise<IDBDatabase> {
  const request = indexedDB.open(database, version);
  request.addEventListener('upgradeneeded', (event) => {
    if (request.transaction) upgrade(request.result, event.oldVersion, version, request.transaction, tasks);
  });
  return opening(request);
}

function upgrade(db: IDBDatabase, from: number, to: number, tx: IDBTransaction, tasks: LabTasks): void {
  if (from < 1) db.createObjectStore('notes', { keyPath: 'id' });
  if (from < 2 && to >= 2) db.createObjectStore('photos');
  createStores(tx, tasks);
}

function opening(request: IDBOpenDBRequest): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error ?? new Error('The database did not open.')));
  });
}

function openWithIdb({ database, version }: Setup, tasks: LabTasks) {
  return openDB(database, version, {
    upgrade: (db, from, _to, tx) => upgrade(unwrap(db), from, version, unwrap(tx), tasks),
  });
}

async function openWithDexie({ database, version }: Setup, tasks: LabTasks): Promise<Dexie> {
  const db = new Dexie(database);
  db.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
  if (version >= 2) db.version(version).stores({ notes: 'id', photos: '', ...dexieStores(tasks) });
  return db.open();
}
