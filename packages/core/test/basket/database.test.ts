import { openDB } from 'idb';
import { describe, expect, test } from 'vitest';

import type { Connection } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores, dexieStores } from '../../src/store/setup.js';
import { contentsOf, databases, freshName, openRaw, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';
import { appWithNotes, createDexie, failureOf, note, notesApp, openNotes } from './app.js';

async function versionOf(name: string): Promise<number> {
  const db = await openRaw(name);
  db.close();

  return db.version;
}

describe("the app's database is not there yet", () => {
  test("the app's open is called once for many adds at the same time, and the version is the app's", async () => {
    const name = freshName();
    let opened = 0;
    const tasks = notesApp(name, {
      open() {
        opened += 1;

        return openNotes(name, tasks);
      },
    });
    const { basket } = createWorld().open(tasks);

    await Promise.all([basket.add('saveNote', note), basket.add('ping'), basket.list()]);
    await basket.add('ping');

    expect(opened).toBe(1);
    expect(await versionOf(name)).toBe(3);
    expect(await rowsOf(tasks)).toMatchObject([{ type: 'saveNote' }, { type: 'ping' }, { type: 'ping' }]);
  });

  test('what open gave and nobody can listen to is closed: the app upgrades its database, and nothing blocks it', async () => {
    const name = freshName();
    let closed = 0;
    const tasks = notesApp(name, {
      // A connection that does not close on `versionchange`, as apps often have it.
      async open(): Promise<Connection> {
        const db = await openDB(name, 1, { upgrade: (_db, _from, _to, tx) => createStores(tx, tasks) });

        return {
          name,
          close() {
            closed += 1;
            db.close();
          },
        };
      },
    });
    const { basket } = createWorld().open(tasks);
    await basket.add('ping');
    expect(closed).toBe(1);

    (await openRaw(name, 2)).close();
    await basket.add('ping');
    expect(await rowsOf(tasks)).toHaveLength(2);
  });

  test('its open is not called while the database is there with our stores', async () => {
    const name = freshName();
    const tasks = notesApp(name, { open: () => Promise.reject(new Error('It is there already.')) });
    (await openNotes(name, tasks)).close();

    await createWorld().open(tasks).basket.add('ping');
    expect(await rowsOf(tasks)).toHaveLength(1);
  });

  test.each([
    ['rejects', () => Promise.reject(new Error('the disk is on fire'))],
    [
      'throws',
      () => {
        throw new Error('the disk is on fire');
      },
    ],
  ])(
    'its open %s: no-database with its cause, no empty database is left behind, and a later add tries again',
    async (_, fail) => {
      const name = freshName();
      let works = false;
      const tasks = notesApp(name, { open: () => (works ? openNotes(name, tasks) : fail()) });
      const { basket } = createWorld().open(tasks);
      const before = await databases();

      const failure = await failureOf(basket.add('ping'));
      expect(failure).toMatchObject({ code: 'no-database', cause: { message: 'the disk is on fire' } });
      expect(failure.message).toContain(name);
      expect(failure.message).toContain('the disk is on fire');
      expect(await databases()).toEqual(before);

      works = true;
      await basket.add('ping');
      expect(await versionOf(name)).toBe(3);
      expect(await rowsOf(tasks)).toHaveLength(1);
    },
  );

  test('its open makes a database without our stores: stores-missing says what to call', async () => {
    const name = freshName();
    const tasks = notesApp(name, { open: () => openRaw(name, 5, (_tx, db) => db.createObjectStore('notes')) });

    const failure = await failureOf(createWorld().open(tasks).basket.add('ping'));
    expect(failure.code).toBe('stores-missing');
    expect(failure.message).toMatch(
      new RegExp(`"${name}".*"taskbasket".*createStores\\(tx, tasks\\).*dexieStores.*open`),
    );
    expect(await versionOf(name)).toBe(5);
  });

  test('its open opens a database of another name: stores-missing, and none of the right name comes to be', async () => {
    const [name, other] = [freshName(), freshName()];
    const tasks = notesApp(name, { open: () => openRaw(other, 1) });

    expect(await failureOf(createWorld().open(tasks).basket.add('ping'))).toMatchObject({ code: 'stores-missing' });
    expect(await databases()).not.toContain(name);
  });

  test('its open is called for a database that is there in an older version, without our stores', async () => {
    const name = freshName();
    (await openRaw(name, 2, (_tx, db) => db.createObjectStore('notes', { keyPath: 'id' }))).close();
    const tasks = appWithNotes(name);

    await createWorld().open(tasks).basket.add('ping');
    expect(await versionOf(name)).toBe(3);
    expect(await rowsOf(tasks)).toHaveLength(1);
  });
});

describe('a database of the basket’s own', () => {
  test('is made by the first add, and by none before', async () => {
    const tasks = notesApp(freshName());
    const { basket } = createWorld().open(tasks);
    expect(await databases()).not.toContain(tasks.name);

    await basket.add('ping');
    expect(await versionOf(tasks.name)).toBe(1);
    expect((await contentsOf(tasks)).tasks).toHaveLength(1);
  });

  test('is made once, by two tabs at the same time', async () => {
    const tasks = notesApp(freshName());
    const world = createWorld();
    const [one, other] = [world.open(tasks), world.open(tasks)];

    await Promise.all([one.basket.add('ping'), other.basket.add('saveNote', note)]);
    expect(await versionOf(tasks.name)).toBe(1);
    expect((await rowsOf(tasks)).map((row) => row.type).sort()).toEqual(['ping', 'saveNote']);
  });

  test('is made in a later version by a quicker tab, between our two looks: it is used as it is', async () => {
    const tasks = notesApp(freshName());
    const { basket } = createWorld().open(tasks);

    const listing = basket.list();
    const quicker = openRaw(tasks.name, 5, (transaction) => createStores(transaction, tasks));
    expect(await listing).toEqual([]);
    (await quicker).close();
    await basket.add('ping');
    expect(await versionOf(tasks.name)).toBe(5);
  });

  test('takes a second bucket: its version is raised, the rows of the first stay, and its open basket goes on', async () => {
    const name = freshName();
    const first = defineTasks(name, { save: task<number>() }, { bucket: 'first' });
    const second = defineTasks(name, { save: task<number>() }, { bucket: 'second' });
    const world = createWorld();
    const [one, other] = [world.open(first), world.open(second)];
    await one.basket.add('save', 1);
    const before = await contentsOf(first);

    await other.basket.add('save', 2);
    expect(await versionOf(name)).toBe(2);
    expect(await contentsOf(first)).toEqual(before);

    await one.basket.add('save', 3);
    await other.basket.add('save', 4);
    expect((await rowsOf(first)).map((row) => row.payload)).toEqual([1, 3]);
    expect((await rowsOf(second)).map((row) => row.payload)).toEqual([2, 4]);
  });

  test('takes two more buckets at the same time: neither is lost', async () => {
    const name = freshName();
    const buckets = ['one', 'two', 'three'].map((bucket) => defineTasks(name, { save: task<string>() }, { bucket }));
    const world = createWorld();

    await Promise.all(buckets.map((tasks) => world.open(tasks).basket.add('save', tasks.bucket)));
    for (const tasks of buckets) expect(await rowsOf(tasks)).toMatchObject([{ payload: tasks.bucket }]);
  });
});

test('a database with stores that are not ours, and no open: stores-missing, and it is left as it was', async () => {
  const tasks = notesApp(freshName());
  (await openRaw(tasks.name, 4, (_tx, db) => db.createObjectStore('notes'))).close();

  const { basket } = createWorld().open(tasks);
  for (const failing of [basket.add('ping'), basket.list(), basket.cancel('some id')]) {
    expect(await failureOf(failing)).toMatchObject({
      code: 'stores-missing',
      message: expect.stringContaining('createStores(tx, tasks)') as string,
    });
  }

  const db = await openRaw(tasks.name);
  expect([db.version, [...db.objectStoreNames]]).toEqual([4, ['notes']]);
  db.close();
});

describe('another tab raises the version', () => {
  test('the tab with the older schema still adds, reads and cancels, with nothing blocked', async () => {
    const tasks = appWithNotes(freshName());
    const { basket } = createWorld().open(tasks);
    const first = await basket.add('saveNote', note);

    const raised = await openRaw(tasks.name, 7, (transaction, db) => {
      db.createObjectStore('photos');
      createStores(transaction, tasks);
    });

    await basket.add('ping');
    expect(await basket.cancel(first)).toBe(1);
    expect(await basket.list()).toMatchObject([{ type: 'ping' }]);
    expect(raised.version).toBe(7);
    raised.close();
  });

  test('with Dexie, whose next schema names our stores again: the queue is kept, and the older tab still adds', async () => {
    const name = freshName();
    const open = async (): Promise<Connection> => {
      const db = createDexie(name);
      db.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
      await db.open();

      return db;
    };
    const tasks: ReturnType<typeof notesApp> = notesApp(name, { open });
    const { basket } = createWorld().open(tasks);
    await basket.add('saveNote', note);
    await basket.add('saveNote', { id: 'n2', text: 'x'.repeat(2_000) });
    const before = await contentsOf(tasks);
    // Dexie counts in tens.
    expect(await versionOf(name)).toBe(10);

    const next = createDexie(name);
    next.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
    next.version(2).stores({ notes: 'id, text', photos: 'id', ...dexieStores(tasks) });
    await next.open();
    next.close();

    expect(await versionOf(name)).toBe(20);
    expect(await contentsOf(tasks)).toEqual(before);
    await basket.add('ping');
    expect(await basket.list()).toHaveLength(3);
  });
});
