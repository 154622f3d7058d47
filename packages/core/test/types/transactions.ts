/** Which transactions `addTx` and `createStores` take: what is refused here would fail at run time. */
import type { EntityTable } from 'dexie';
import { Dexie } from 'dexie';
import type { DBSchema, IDBPDatabase } from 'idb';

import type { StoresOf, TaskId } from '../../src/index.js';
import { createStores, defineTasks, dexieStores, openBasket, task } from '../../src/index.js';
import type { Same } from './claims.js';
import { a, claim } from './claims.js';

interface Note {
  readonly id: string;
  readonly text: string;
}

interface NotesDB extends DBSchema, StoresOf {
  notes: { key: string; value: Note };
}

interface PhotosDB extends DBSchema, StoresOf<'photos'> {
  notes: { key: string; value: Note };
}

claim<Same<keyof StoresOf<'photos'>, 'photos.tasks' | 'photos.payloads' | 'photos.outcomes' | 'photos.state'>>();
claim<Same<keyof StoresOf, 'taskbasket.tasks' | 'taskbasket.payloads' | 'taskbasket.outcomes' | 'taskbasket.state'>>();

const tasks = defineTasks('field-notes', { saveNote: task<Note>(), ping: task() });
const photos = defineTasks('field-notes', { saveNote: task<Note>() }, { bucket: 'photos' });
const basket = openBasket(tasks);
const photoBasket = openBasket(photos);
const note = a<Note>();
const db = a<IDBPDatabase<NotesDB>>();
const untyped = a<IDBPDatabase>();
const raw = a<IDBDatabase>();

export function taken(): readonly TaskId[] {
  const id = basket.addTx(raw.transaction(['notes', ...tasks.stores], 'readwrite'), 'saveNote', note);
  claim<Same<typeof id, TaskId<'saveNote'>>>();

  return [
    id,
    basket.addTx(raw.transaction([...tasks.stores], 'readwrite'), 'ping'),
    basket.addTx(untyped.transaction(['notes', ...tasks.stores], 'readwrite'), 'saveNote', note, { lane: 'x' }),
    basket.addTx(db.transaction(['notes', ...tasks.stores], 'readwrite'), 'saveNote', note),
    basket.addTx(db.transaction(tasks.stores, 'readwrite'), 'ping'),
    basket.addTx(db.transaction([...db.objectStoreNames], 'readwrite'), 'saveNote', note),
    photoBasket.addTx(a<IDBPDatabase<PhotosDB>>().transaction(photos.stores, 'readwrite'), 'saveNote', note),
  ];
}

export function refused(): void {
  const readwrite = db.transaction(['notes', ...tasks.stores], 'readwrite');
  const byDefault = db.transaction(['notes', ...tasks.stores]);
  const readonly = db.transaction(['notes', ...tasks.stores], 'readonly');
  const ownOnly = db.transaction(['notes'], 'readwrite');
  const notAll = db.transaction(['notes', 'taskbasket.tasks', 'taskbasket.payloads'], 'readwrite');

  // @ts-expect-error -- read-only, which is idb's default
  basket.addTx(byDefault, 'saveNote', note);
  // @ts-expect-error -- read-only
  basket.addTx(readonly, 'saveNote', note);
  // @ts-expect-error -- none of our stores
  basket.addTx(ownOnly, 'saveNote', note);
  // @ts-expect-error -- not all of our stores
  basket.addTx(notAll, 'saveNote', note);
  // @ts-expect-error -- the stores of another bucket
  photoBasket.addTx(readwrite, 'saveNote', note);
  // @ts-expect-error -- a database is no transaction
  basket.addTx(db, 'saveNote', note);
  // @ts-expect-error -- nor is nothing
  basket.addTx(undefined, 'saveNote', note);
  // @ts-expect-error -- a wrong name
  basket.addTx(readwrite, 'savedNote', note);
  // @ts-expect-error -- a wrong payload
  basket.addTx(readwrite, 'saveNote', { id: 'note-1' });
  // @ts-expect-error -- no payload
  basket.addTx(readwrite, 'saveNote');
  // @ts-expect-error -- a payload where none is declared
  basket.addTx(readwrite, 'ping', note);
  // @ts-expect-error -- stores that the schema does not name
  db.transaction(['notes', ...photos.stores], 'readwrite');
}

const dexie = new Dexie('field-notes') as Dexie & { notes: EntityTable<Note, 'id'> };
dexie.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
claim<
  Same<
    ReturnType<typeof dexieStores<typeof tasks>>,
    {
      readonly 'taskbasket.tasks': string;
      readonly 'taskbasket.payloads': string;
      readonly 'taskbasket.outcomes': string;
      readonly 'taskbasket.state': string;
      readonly 'taskbasket.bodies': string;
    }
  >
>();

export async function withDexie(): Promise<void> {
  await dexie.transaction('rw', ['notes', ...tasks.stores], async (tx) => {
    claim<Same<ReturnType<typeof save>, TaskId<'saveNote'>>>();
    const save = () => basket.addTx(tx, 'saveNote', note);
    await dexie.notes.put({ ...note, text: save() });
    basket.addTx(Dexie.currentTransaction, 'saveNote', note);
  });
}

export function upgrades(): void {
  createStores(raw.transaction([]), tasks); // Its mode is not in its type: an error at run time.
  createStores(a<UpgradeOf<NotesDB>>(), tasks);
  createStores(a<UpgradeOf<unknown>>(), tasks);

  // @ts-expect-error -- a transaction that is no upgrade
  createStores(db.transaction(tasks.stores, 'readwrite'), tasks);
  // @ts-expect-error -- an index on an existing store cannot be made from the database alone
  createStores(db, tasks);
  // @ts-expect-error -- nor from a raw one
  createStores(raw, tasks);
  // @ts-expect-error -- which stores, the registry says
  createStores(a<UpgradeOf<NotesDB>>());
}

/** What idb hands to an upgrade. */
type UpgradeOf<Schema> = Parameters<
  NonNullable<NonNullable<Parameters<typeof import('idb').openDB<Schema>>[2]>['upgrade']>
>[3];
