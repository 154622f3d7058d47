import { Dexie } from 'dexie';
import type { IDBPDatabase } from 'idb';
import { openDB } from 'idb';
import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores, dexieStores } from '../../src/store/setup.js';
import { freshName, openRaw, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

test('an app works with one Dexie, which open opens: the library comes first, and the app goes on with it', async () => {
  const name = freshName();
  const tasks = defineTasks(name, { save: task<number>() }, { open: () => db.open() });
  const db: Dexie = new Dexie(name, { indexedDB, IDBKeyRange });
  db.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
  const { basket } = createWorld().open(tasks);

  expect(await basket.list()).toEqual([]);
  await db.transaction('rw', ['notes', ...tasks.stores], async (tx) => {
    basket.addTx(tx, 'save', 1);
    await db.table('notes').put({ id: 'a' });
  });

  expect(await rowsOf(tasks)).toHaveLength(1);
  // And it blocks no upgrade.
  (await openRaw(name, 50)).close();
});

test('an app works with one idb connection, which open opens once: the library comes first, and nothing blocks an upgrade', async () => {
  const name = freshName();
  let opened: Promise<IDBPDatabase> | undefined;
  const tasks = defineTasks(
    name,
    { save: task<number>() },
    { open: () => (opened ??= openDB(name, 1, { upgrade: (_db, _from, _to, tx) => createStores(tx, tasks) })) },
  );
  const { basket } = createWorld().open(tasks);
  expect(await basket.list()).toEqual([]);

  const db = await opened;
  const tx = db?.transaction([...tasks.stores], 'readwrite');
  if (tx === undefined) throw new Error('open was not called.');
  basket.addTx(tx, 'save', 1);
  await tx.done;

  expect(await rowsOf(tasks)).toHaveLength(1);
  (await openRaw(name, 2)).close();
});

test('an open that opens a database of another name is told which', async () => {
  const tasks = defineTasks(freshName(), { save: task<number>() }, { open: () => openRaw('another') });

  await expect(createWorld().open(tasks).basket.add('save', 1)).rejects.toMatchObject({
    code: 'stores-missing',
    message: expect.stringContaining('opened the database "another"') as string,
  });
});
