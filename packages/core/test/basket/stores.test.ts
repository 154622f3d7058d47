import { openDB } from 'idb';
import { describe, expect, test } from 'vitest';

import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores, dexieStores } from '../../src/store/setup.js';
import { contentsOf, endOf, freshName, openRaw } from '../support/database.js';
import { createWorld } from '../support/world.js';
import { createDexie, failureOf, note, notesApp, otherCopyOfIdb } from './app.js';

const twoBuckets = (name: string) =>
  ({
    notes: defineTasks(name, { save: task<number>({ lane: 'one' }) }, { bucket: 'notes' }),
    photos: defineTasks(name, { save: task<string>({ lane: 'one' }) }, { bucket: 'photos' }),
  }) as const;

describe('the stores that createStores makes', () => {
  test('are five, with these keys and indexes', async () => {
    const tasks = notesApp(freshName());
    const db = await openRaw(tasks.name, 1, (transaction) => createStores(transaction, tasks));

    expect(await layoutOf(tasks)).toEqual([
      { name: 'taskbasket.bodies', keyPath: null, autoIncrement: false, indexes: [] },
      {
        name: 'taskbasket.outcomes',
        keyPath: 'n',
        autoIncrement: true,
        indexes: [{ name: 'marks', keyPath: 'marks', unique: false, multiEntry: true }],
      },
      { name: 'taskbasket.payloads', keyPath: null, autoIncrement: false, indexes: [] },
      { name: 'taskbasket.state', keyPath: null, autoIncrement: false, indexes: [] },
      {
        name: 'taskbasket.tasks',
        keyPath: 'seq',
        autoIncrement: true,
        indexes: [
          { name: '[ready+seq]', keyPath: ['ready', 'seq'], unique: false, multiEntry: false },
          { name: 'marks', keyPath: 'marks', unique: false, multiEntry: true },
        ],
      },
    ]);
    db.close();
  });

  test('are the same through idb, and through another copy of idb', async () => {
    const other = otherCopyOfIdb();
    expect(other.openDB).not.toBe(openDB);
    const [raw, wrapped, copied] = [notesApp(freshName()), notesApp(freshName()), notesApp(freshName())];

    (await openRaw(raw.name, 1, (transaction) => createStores(transaction, raw))).close();
    (await openDB(wrapped.name, 1, { upgrade: (_db, _from, _to, tx) => createStores(tx, wrapped) })).close();
    (await other.openDB(copied.name, 1, { upgrade: (_db, _from, _to, tx) => createStores(tx, copied) })).close();

    expect(await layoutOf(wrapped)).toEqual(await layoutOf(raw));
    expect(await layoutOf(copied)).toEqual(await layoutOf(raw));
  });

  test('are the same as those of dexieStores, object store by object store', async () => {
    const [raw, dexie] = [notesApp(freshName()), notesApp(freshName())];
    (await openRaw(raw.name, 1, (transaction) => createStores(transaction, raw))).close();

    const db = createDexie(dexie.name);
    db.version(1).stores(dexieStores(dexie));
    await db.open();
    db.close();

    expect(await layoutOf(dexie)).toEqual(await layoutOf(raw));
  });

  test('are left as they are by a second call in the same upgrade and in later ones: every row stays', async () => {
    const tasks = notesApp(freshName());
    const tab = createWorld().open(tasks);
    (
      await openRaw(tasks.name, 1, (transaction) => {
        createStores(transaction, tasks);
        createStores(transaction, tasks);
      })
    ).close();
    await tab.basket.add('saveNote', note);
    await tab.basket.add('saveNote', { id: 'n2', text: 'x'.repeat(20_000) });
    const [layout, before] = [await layoutOf(tasks), await contentsOf(tasks)];
    expect([before.tasks.length, before.payloads.size]).toEqual([2, 1]);

    (await openRaw(tasks.name, 2, (transaction) => createStores(transaction, tasks))).close();
    (await openDB(tasks.name, 3, { upgrade: (_db, _from, _to, tx) => createStores(tx, tasks) })).close();

    expect(await layoutOf(tasks)).toEqual(layout);
    expect(await contentsOf(tasks)).toEqual(before);
  });

  test('get an index that is missing, in a store that is there already', async () => {
    const tasks = notesApp(freshName());
    (
      await openRaw(tasks.name, 1, (_transaction, db) => {
        db.createObjectStore('taskbasket.tasks', { keyPath: 'seq', autoIncrement: true });
      })
    ).close();
    (await openRaw(tasks.name, 2, (transaction) => createStores(transaction, tasks))).close();

    const indexes = (await layoutOf(tasks)).find(({ name }) => name === 'taskbasket.tasks')?.indexes;
    expect(indexes?.map(({ name }) => name)).toEqual(['[ready+seq]', 'marks']);
  });

  test('are refused outside of an upgrade, with what to do', async () => {
    const tasks = notesApp(freshName());
    const db = await openRaw(tasks.name, 1, (transaction) => createStores(transaction, tasks));
    const transaction = db.transaction([...tasks.stores], 'readwrite');

    expect(await failureOf(() => createStores(transaction, tasks))).toMatchObject({
      code: 'transaction',
      message: expect.stringMatching(/this is readwrite.*in your database's upgrade/) as string,
    });
    // The database itself is the likely mistake: an index on a store that is there cannot be made from it.
    expect(await failureOf(() => createStores(db as unknown as IDBTransaction, tasks))).toMatchObject({
      code: 'transaction',
      message: expect.stringContaining('this is no transaction') as string,
    });
    expect(await failureOf(() => createStores(undefined as unknown as IDBTransaction, tasks))).toMatchObject({
      code: 'transaction',
    });
    db.close();
  });
});

describe('several baskets in one database', () => {
  test('have four stores each, and neither sees, cancels or runs what is in the other', async () => {
    const name = freshName();
    const { notes, photos } = twoBuckets(name);
    (
      await openRaw(name, 1, (transaction) => {
        createStores(transaction, notes);
        createStores(transaction, photos);
      })
    ).close();
    const world = createWorld();
    const [noteTab, photoTab] = [world.open(notes), world.open(photos)];

    await noteTab.basket.add('save', 7);
    const photo = await photoTab.basket.add('save', 'seven');
    expect(await noteTab.basket.list()).toMatchObject([{ payload: 7 }]);
    expect(await photoTab.basket.list()).toMatchObject([{ payload: 'seven' }]);
    expect(await noteTab.basket.get(photo)).toBeUndefined();
    expect(await noteTab.basket.cancel(photo)).toBe(0);

    const before = await contentsOf(photos);
    const ran: unknown[] = [];
    noteTab.run({ save: (payload) => void ran.push(payload) });
    await world.settle();
    expect(ran).toEqual([7]);
    expect(await noteTab.basket.list()).toEqual([]);
    expect(await contentsOf(photos)).toEqual(before);
  });

  test('each have a runner, at the same time', async () => {
    const { notes, photos } = twoBuckets(freshName());
    const world = createWorld();
    const [noteTab, photoTab] = [world.open(notes), world.open(photos)];
    const ran: unknown[] = [];
    noteTab.run({ save: (payload) => void ran.push(payload) });
    photoTab.run({ save: (payload) => void ran.push(payload) });
    await world.settle();

    await noteTab.basket.add('save', 7);
    await photoTab.basket.add('save', 'seven');
    await world.settle();
    expect(ran).toEqual([7, 'seven']);
  });
});

test('after a transaction over some of our stores has ended, createStores is still refused: only an upgrade makes stores', async () => {
  const tasks = notesApp(freshName());
  const db = await openRaw(tasks.name, 1, (transaction) => createStores(transaction, tasks));
  const transaction = db.transaction([...tasks.stores]);
  await endOf(transaction);

  expect(await failureOf(() => createStores(transaction, tasks))).toMatchObject({ code: 'transaction' });
  db.close();
});

interface StoreLayout {
  readonly name: string;
  readonly keyPath: unknown;
  readonly autoIncrement: boolean;
  readonly indexes: readonly {
    readonly name: string;
    readonly keyPath: unknown;
    readonly unique: boolean;
    readonly multiEntry: boolean;
  }[];
}

/** Every store of a database with its indexes, by name. */
async function layoutOf(registry: AnyRegistry): Promise<readonly StoreLayout[]> {
  const db = await openRaw(registry.name);
  const transaction = db.transaction([...db.objectStoreNames]);
  const stores = [...db.objectStoreNames].sort().map((name) => {
    const store = transaction.objectStore(name);
    const indexes = [...store.indexNames].sort().map((index) => {
      const { keyPath, unique, multiEntry } = store.index(index);

      return { name: index, keyPath, unique, multiEntry };
    });

    return { name, keyPath: store.keyPath, autoIncrement: store.autoIncrement, indexes };
  });
  db.close();

  return stores;
}
