import { openDB } from 'idb';
import { afterEach, describe, expect, test } from 'vitest';

import type { Basket, Prepared } from '../../src/basket/basket.js';
import type { Codec } from '../../src/pure/codec.js';
import { dexieStores } from '../../src/store/setup.js';
import { byHand, contentsOf, endOf, freshName, openRaw } from '../support/database.js';
import { createWorld } from '../support/world.js';
import type { Note } from './app.js';
import { appWithNotes, createDexie, note, openNotes, otherCopyOfIdb, written } from './app.js';

type App = ReturnType<typeof appWithNotes>;

/** A transaction of the app over its notes and the basket's stores, and what the app does with it. */
interface Begun {
  readonly addTask: (payload?: Note) => string;
  readonly addPrepared: (prepared: Prepared<'saveNote'>) => string;
  readonly putNote: () => unknown;
  readonly addNote: () => unknown;
  readonly commit: () => void;
  readonly abort: () => void;
  readonly end: Promise<'complete' | 'abort'>;
}

type Begin = (tasks: App, basket: Basket<App>) => Promise<Begun>;

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const db of toClose.splice(0)) db.close();
});

const beginRaw: Begin = async (tasks, basket) => {
  const db = await openNotes(tasks.name, tasks);
  toClose.push(db);
  const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');

  return {
    addTask: (payload = note) => basket.addTx(tx, 'saveNote', payload),
    addPrepared: (prepared) => basket.addTx(tx, prepared),
    putNote: () => tx.objectStore('notes').put(note),
    addNote: () => tx.objectStore('notes').add(note),
    commit: () => tx.commit(),
    abort: () => tx.abort(),
    end: endOf(tx),
  };
};

function beginWith(idb: typeof import('idb')): Begin {
  return async (tasks, basket) => {
    (await openNotes(tasks.name, tasks)).close();
    const db = await idb.openDB(tasks.name);
    toClose.push(db);
    const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
    // What an app does not await, it must not leave unseen.
    const seen = (request: Promise<unknown>): void => void request.catch(() => undefined);

    return {
      addTask: (payload = note) => basket.addTx(tx, 'saveNote', payload),
      addPrepared: (prepared) => basket.addTx(tx, prepared),
      putNote: () => seen(tx.objectStore('notes').put(note)),
      addNote: () => seen(tx.objectStore('notes').add(note)),
      commit: () => tx.commit(),
      abort: () => tx.abort(),
      end: tx.done.then(
        () => 'complete' as const,
        () => 'abort' as const,
      ),
    };
  };
}

/** An asynchronous one, as encryption is. */
const later: Codec<Note> = {
  encode: async (plain) => Promise.resolve(JSON.stringify(plain)),
  decode: async (stored) => Promise.resolve(JSON.parse(stored as string) as Note),
};

const both = { notes: ['n1'], tasks: ['saveNote'], payloads: 0 };
const neither = { notes: [], tasks: [], payloads: 0 };

describe.each<[string, Begin]>([
  ['a raw transaction', beginRaw],
  ["idb's transaction", beginWith({ openDB } as typeof import('idb'))],
  ['the transaction of another copy of idb', beginWith(otherCopyOfIdb())],
])('scenario 59: a task and a note in %s', (_, begin) => {
  async function begun(): Promise<Begun & { readonly tasks: App; readonly basket: Basket<App> }> {
    const tasks = appWithNotes(freshName());
    const { basket } = createWorld().open(tasks);

    return { ...(await begin(tasks, basket)), tasks, basket };
  }

  test('that ends by itself: both are there, and the id is the one that was given', async () => {
    const { tasks, basket, addTask, putNote, end } = await begun();
    const id = addTask();
    putNote();

    expect(await end).toBe('complete');
    expect(await written(tasks)).toEqual(both);
    expect(await basket.get(id)).toMatchObject({ id, type: 'saveNote', payload: note });
  });

  test('that is committed on the next line: both are there', async () => {
    const { tasks, addTask, putNote, commit, end } = await begun();
    putNote();
    addTask();
    commit();

    expect(await end).toBe('complete');
    expect(await written(tasks)).toEqual(both);
  });

  test('that is committed on the next line after a large payload: note, row and payload are there', async () => {
    const { tasks, basket, addTask, putNote, commit, end } = await begun();
    const large = { id: 'n1', text: 'x'.repeat(20_000) };
    putNote();
    const id = addTask(large);
    commit();

    expect(await end).toBe('complete');
    expect(await written(tasks)).toEqual({ ...both, payloads: 1 });
    expect(await basket.get(id)).toMatchObject({ payload: large });
  });

  test('that is aborted: neither is there, nor the payload that lay apart', async () => {
    const { tasks, addTask, putNote, abort, end } = await begun();
    addTask({ id: 'n1', text: 'x'.repeat(20_000) });
    putNote();
    abort();

    expect(await end).toBe('abort');
    expect(await written(tasks)).toEqual(neither);
  });

  test.each([
    [note, 0],
    [{ id: 'n1', text: 'x'.repeat(20_000) }, 1],
  ])('that is committed right after a task whose codec is asynchronous: both are there', async (payload, payloads) => {
    const tasks = appWithNotes(freshName(), { codec: later });
    const { basket } = createWorld().open(tasks);
    const prepared = await basket.prepare('saveNote', payload);
    const { addPrepared, putNote, commit, end } = await begin(tasks, basket);
    putNote();
    const id = addPrepared(prepared);
    commit();

    expect(await end).toBe('complete');
    expect(await written(tasks)).toEqual({ ...both, payloads });
    expect(await basket.get(id)).toMatchObject({ id: prepared.id, payload });
  });

  test('that is aborted right after a task whose codec is asynchronous: neither is there', async () => {
    const tasks = appWithNotes(freshName(), { codec: later });
    const { basket } = createWorld().open(tasks);
    const prepared = await basket.prepare('saveNote', note);
    const { addPrepared, putNote, abort, end } = await begin(tasks, basket);
    putNote();
    addPrepared(prepared);
    abort();

    expect(await end).toBe('abort');
    expect(await written(tasks)).toEqual(neither);
  });

  test("in which the app's code throws and aborts: neither is there", async () => {
    const { tasks, addTask, abort, end } = await begun();
    try {
      addTask();
      throw new Error('The note is not valid.');
    } catch {
      abort();
    }

    expect(await end).toBe('abort');
    expect(await written(tasks)).toEqual(neither);
  });

  test("in which the app's own write fails: neither is there", async () => {
    const { tasks, addTask, addNote, end } = await begun();
    addTask();
    addNote();
    addNote();

    expect(await end).toBe('abort');
    expect(await written(tasks)).toEqual(neither);
  });

  test('in which our write fails: neither is there', async () => {
    const tasks = appWithNotes(freshName());
    const { basket } = createWorld().open(tasks);
    await basket.add('ping');
    // The last number that the database can give: the next add fails, after it was placed.
    await byHand(tasks, (stores) => stores.tasks.put({ seq: 2 ** 53 }));
    const { addTask, putNote, end } = await begin(tasks, basket);
    putNote();
    addTask();

    expect(await end).toBe('abort');
    expect((await written(tasks)).notes).toEqual([]);
  });

  test('is told to other tabs once it has committed, and not if it aborts', async () => {
    const tasks = appWithNotes(freshName());
    const world = createWorld();
    const { basket } = world.open(tasks);
    const heard: string[] = [];
    world.open(tasks).context.hub.hear(({ kind }) => void heard.push(kind));

    const aborted = await begin(tasks, basket);
    aborted.addTask();
    aborted.abort();
    await aborted.end;
    await world.settle();
    expect(heard).toEqual([]);

    const committed = await begin(tasks, basket);
    committed.addTask();
    expect(heard).toEqual([]);
    await committed.end;
    await world.settle();
    expect(heard).toEqual(['look']);
  });
});

describe("scenario 59: a task and a note in Dexie's transaction", () => {
  async function opened() {
    const name = freshName();
    const open = async () => {
      const made = createDexie(name);
      made.version(1).stores({ notes: 'id', ...dexieStores(tasks) });

      return made.open();
    };
    const tasks: App = appWithNotes(name, { open });
    const db = createDexie(name);
    db.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
    await db.open();
    toClose.push(db);
    const { basket } = createWorld().open(tasks);

    return { tasks, db, basket, notes: db.table<Note, string>('notes'), stores: ['notes', ...tasks.stores] };
  }

  test('that ends by itself: both are there', async () => {
    const { tasks, db, basket, notes, stores } = await opened();
    const id = await db.transaction('rw', stores, async (tx) => {
      await notes.put(note);

      return basket.addTx(tx, 'saveNote', note);
    });

    expect(await written(tasks)).toEqual(both);
    expect(await basket.get(id)).toMatchObject({ payload: note });
  });

  test('within another of its transactions, which is the one that counts: both are there, or neither', async () => {
    const { tasks, db, basket, notes, stores } = await opened();
    const inner = (): PromiseLike<unknown> =>
      db.transaction('rw', stores, async (tx) => {
        basket.addTx(tx, 'saveNote', note);
        await notes.put(note);
      });

    await expect(
      db.transaction('rw', stores, async () => {
        await inner();
        throw new Error('outside');
      }),
    ).rejects.toThrow('outside');
    expect(await written(tasks)).toEqual(neither);

    await db.transaction('rw', stores, async () => void (await inner()));
    expect(await written(tasks)).toEqual(both);
  });

  test("in which the app's code throws: neither is there", async () => {
    const { tasks, db, basket, notes, stores } = await opened();

    await expect(
      db.transaction('rw', stores, async (tx) => {
        basket.addTx(tx, 'saveNote', { id: 'n1', text: 'x'.repeat(20_000) });
        await notes.put(note);
        throw new Error('The note is not valid.');
      }),
    ).rejects.toThrow('The note is not valid.');
    expect(await written(tasks)).toEqual(neither);
  });

  test('that is aborted: neither is there', async () => {
    const { tasks, db, basket, notes, stores } = await opened();

    await expect(
      db.transaction('rw', stores, async (tx) => {
        basket.addTx(tx, 'saveNote', note);
        await notes.put(note);
        tx.abort();
      }),
    ).rejects.toThrow('Transaction');
    expect(await written(tasks)).toEqual(neither);
  });

  test('that is committed right after a task that was prepared: both are there', async () => {
    const { tasks, db, basket, notes, stores } = await opened();
    const prepared = await basket.prepare('saveNote', note);
    await db.transaction('rw', stores, (tx) => {
      void notes.put(note);
      basket.addTx(tx, prepared);
      tx.idbtrans.commit();
    });

    expect(await written(tasks)).toEqual(both);
  });

  test('that is committed on the next line: both are there', async () => {
    const { tasks, db, basket, notes, stores } = await opened();
    await db.transaction('rw', stores, (tx) => {
      void notes.put(note);
      basket.addTx(tx, 'saveNote', note);
      tx.idbtrans.commit();
    });

    expect(await written(tasks)).toEqual(both);
  });
});

test('scenario 59: an exception in a request’s handler aborts a raw transaction: neither task nor note is there', async () => {
  const tasks = appWithNotes(freshName());
  const { basket } = createWorld().open(tasks);
  const db = await openNotes(tasks.name, tasks);
  toClose.push(db);
  const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
  basket.addTx(tx, 'saveNote', note);
  tx.objectStore('notes')
    .put(note)
    .addEventListener('success', () => {
      basket.addTx(tx, 'ping');
      throw new Error('The app stumbled.');
    });

  expect(await endOf(tx)).toBe('abort');
  expect(await written(tasks)).toEqual(neither);
});

test('tasks of one transaction run in the order of its calls, among those of others', async () => {
  const tasks = appWithNotes(freshName(), { lane: () => 'one' });
  const world = createWorld();
  const { basket, run } = world.open(tasks);
  await basket.add('saveNote', { id: '1', text: '' });
  const db = await openRaw(tasks.name);
  toClose.push(db);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  for (const id of ['2', '3', '4']) basket.addTx(tx, 'saveNote', { id, text: '' });
  await basket.add('saveNote', { id: '5', text: '' });

  const ran: string[] = [];
  run({ saveNote: ({ id }) => void ran.push(id), ping: () => undefined });
  await world.settle();
  expect(ran).toEqual(['1', '2', '3', '4', '5']);
  expect((await contentsOf(tasks)).tasks).toEqual([]);
});
