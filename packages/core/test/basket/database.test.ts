import { openDB } from 'idb';
import { describe, expect, test } from 'vitest';

import type { TaskbasketError } from '../../src/pure/errors.js';
import type { Connection } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores, dexieStores } from '../../src/store/setup.js';
import { contentsOf, databases, endOf, freshName, openRaw, rowsOf, runnerOf } from '../support/database.js';
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

describe('a database without our stores, and no open, is left as it was', () => {
  test.each<[string, string[]]>([
    ['an empty one, which an app has just begun', []],
    ['one with a store that is named as one of ours', ['app.tasks']],
    ['one with a whole bucket of ours and a store of the app', ['a.tasks', 'a.payloads', 'a.outcomes', 'a.state', 'x']],
  ])('%s: stores-missing, and the app opens it in its own version', async (_, stores) => {
    const tasks = notesApp(freshName());
    const upgrade = (_tx: IDBTransaction, db: IDBDatabase): void =>
      stores.forEach((name) => void db.createObjectStore(name));
    (await openRaw(tasks.name, 1, upgrade)).close();

    expect(await failureOf(createWorld().open(tasks).basket.add('ping'))).toMatchObject({ code: 'stores-missing' });
    const db = await openRaw(tasks.name, 1);
    expect([...db.objectStoreNames].sort()).toEqual([...stores].sort());
    db.close();
  });
});

describe.each([
  ['taskbasket.outcomes', 'marks'],
  ['taskbasket.tasks', 'marks'],
  ['taskbasket.tasks', '[ready+seq]'],
])('an index of ours is missing (of %s: %s)', (store, index) => {
  const withoutIndex = (name: string): Promise<IDBDatabase> =>
    openRaw(name, 1, (transaction, db) => {
      createStores(transaction, defineTasks(name, {}));
      transaction.objectStore(store).deleteIndex(index);
      expect(db.objectStoreNames).toHaveLength(5);
    });

  test("in the app's database: stores-missing says what to call and that the version has to be raised", async () => {
    const name = freshName();
    const tasks = notesApp(name, { open: () => withoutIndex(name) });

    const failure = await failureOf(createWorld().open(tasks).basket.add('ping'));
    expect(failure.code).toBe('stores-missing');
    expect(failure.message).toMatch(/lacks object stores or indexes.*createStores\(tx, tasks\).*raise its version/);
  });

  test('in a database of our own: it is made', async () => {
    const tasks = notesApp(freshName());
    (await withoutIndex(tasks.name)).close();

    await createWorld().open(tasks).basket.add('ping');
    expect(await versionOf(tasks.name)).toBe(2);
    const db = await openRaw(tasks.name);
    expect(db.transaction(store).objectStore(store).indexNames).toContain(index);
    db.close();
  });
});

describe('the database is deleted under us', () => {
  const deleted = (name: string): Promise<void> =>
    new Promise((resolve, reject) => {
      const request = indexedDB.deleteDatabase(name);
      request.addEventListener('success', () => resolve());
      request.addEventListener('error', () => reject(request.error ?? new Error('not deleted')));
    });

  test('scenario 53: it is made anew, empty, with no call in between; each tab says so once, and the runner leads on', async () => {
    const tasks = appWithNotes(freshName());
    const world = createWorld();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    const heard: string[] = [];
    page.context.hub.hear(({ kind }) => heard.push(kind));
    const ran: string[] = [];
    worker.run({ saveNote: ({ id }) => void ran.push(id), ping: () => undefined });
    await page.basket.add('saveNote', { ...note, id: 'before' });
    await world.settle();

    await deleted(tasks.name);
    await world.settle();
    expect(await versionOf(tasks.name)).toBe(3);
    expect(await rowsOf(tasks)).toEqual([]);
    expect(heard.filter((kind) => kind === 'lost').length).toBe(1);

    await page.basket.add('saveNote', { ...note, id: 'after' });
    await world.advance(60_000);
    expect(ran).toEqual(['before', 'after']);
    // No crash loop: nothing was made anew a second time.
    expect(heard.filter((kind) => kind === 'lost').length).toBeLessThanOrEqual(2);
    const { count } = (await runnerOf(tasks)).epoch;
    await world.advance(10 * 60_000);
    expect((await runnerOf(tasks)).epoch.count).toBe(count);
  });

  test('it is said to be lost also if the app was quicker to make it anew', async () => {
    const tasks = appWithNotes(freshName());
    const world = createWorld();
    const { basket, context } = world.open(tasks);
    const heard: string[] = [];
    context.hub.hear(({ kind }) => heard.push(kind));
    await basket.add('saveNote', { ...note, id: 'before' });
    await world.settle();

    // The app's own open is queued right behind its deletion.
    const gone = deleted(tasks.name);
    const made = tasks.open?.();
    await gone;
    (await made)?.close();
    await basket.add('saveNote', { ...note, id: 'after' });
    await world.settle();
    expect(await rowsOf(tasks)).toMatchObject([{ seq: 1 }]);
    expect(heard).toContain('lost');
  });

  test('a new tab that finds none makes it, and says nothing: nothing is known to be lost', async () => {
    const tasks = notesApp(freshName());
    const world = createWorld();
    const tab = world.open(tasks);
    const heard: string[] = [];
    tab.context.hub.hear(({ kind }) => heard.push(kind));

    await tab.basket.add('ping');
    await world.settle();
    expect(heard).toEqual(['look']);
  });
});

test('scenario 52: without IndexedDB each call fails with no-database, in a sentence', async () => {
  const { basket } = createWorld().open(notesApp(freshName()));
  const { indexedDB: factory } = globalThis;
  Reflect.set(globalThis, 'indexedDB', undefined);
  try {
    for (const failing of [basket.add('ping'), basket.list(), basket.cancel('some id')]) {
      expect(await failureOf(failing)).toMatchObject({
        code: 'no-database',
        message:
          'There is no IndexedDB here: this is a server, or a frame to which the browser refuses it. Call this in a page.',
      });
    }
  } finally {
    Reflect.set(globalThis, 'indexedDB', factory);
  }
});

test.each([
  ['three', 3, 4, 2],
  ['four', 4, 5, 2],
  ['five', 5, 5, 1],
])(
  'scenario 49: the platform closes the connection %s times in a row, without a word: an add tries five times',
  async (_, times, tries, rows) => {
    const tasks = notesApp(freshName());
    await createWorld().open(tasks).basket.add('ping');
    const { basket } = createWorld().open(tasks);
    const open = indexedDB.open.bind(indexedDB);
    let opened = 0;
    indexedDB.open = (...asked) => {
      const request = open(...asked);
      opened += 1;
      if (opened <= times) request.addEventListener('success', () => request.result.close());

      return request;
    };
    const end = await basket.add('ping').then(
      () => 'added',
      (error: TaskbasketError) => error.code,
    );
    Reflect.deleteProperty(indexedDB, 'open');

    expect([end, opened]).toEqual([rows === 2 ? 'added' : 'no-database', tries]);
    expect(await rowsOf(tasks)).toHaveLength(rows);
  },
);

test('an app has several connections of its own open at once: all add, and none blocks an upgrade', async () => {
  const tasks = appWithNotes(freshName());
  const world = createWorld();
  const [one, other] = [await openNotes(tasks.name, tasks), await openNotes(tasks.name, tasks)];
  const { basket } = world.open(tasks);

  await basket.add('ping');
  for (const db of [one, other]) {
    const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
    basket.addTx(tx, 'saveNote', note);
    expect(await endOf(tx)).toBe('complete');
  }
  (await openRaw(tasks.name, 9)).close();
  await basket.add('ping');
  expect(await rowsOf(tasks)).toHaveLength(4);
});

describe('another tab raises the version', () => {
  test('scenario 46: three times in a row, while calls of the older tab are under way: all of them succeed', async () => {
    const tasks = appWithNotes(freshName());
    const { basket } = createWorld().open(tasks);
    await basket.add('saveNote', note);

    const calls: Promise<unknown>[] = [];
    for (const version of [7, 8, 9]) {
      for (let call = 0; call < 5; call += 1) calls.push(basket.add('ping'), basket.list());
      calls.push(openRaw(tasks.name, version, (transaction) => createStores(transaction, tasks)));
      await new Promise((resolve) => setImmediate(resolve));
      calls.push(basket.add('ping'));
    }

    expect((await Promise.allSettled(calls)).filter(({ status }) => status === 'rejected')).toEqual([]);
    expect(await rowsOf(tasks)).toHaveLength(1 + 3 * 6);
    expect(await versionOf(tasks.name)).toBe(9);
  });

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

  test('scenario 60: with Dexie, whose next schema names our stores again: the queue is kept, and the older tab still adds', async () => {
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
    await basket.add('saveNote', { id: 'n2', text: 'x'.repeat(20_000) });
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
