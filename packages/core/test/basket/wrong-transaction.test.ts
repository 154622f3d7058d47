import { openDB } from 'idb';
import { afterEach, expect, test } from 'vitest';

import type { AppTransaction } from '../../src/store/app-transaction.js';
import { dexieStores } from '../../src/store/setup.js';
import { contentsOf, endOf, freshName, openRaw } from '../support/database.js';
import { createWorld } from '../support/world.js';
import type { Note } from './app.js';
import { appWithNotes, createDexie, failureOf, note, openNotes, otherCopyOfIdb, written } from './app.js';

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const db of toClose.splice(0)) db.close();
});

async function opened() {
  const tasks = appWithNotes(freshName());
  const { basket } = createWorld().open(tasks);
  const db = await openNotes(tasks.name, tasks);
  toClose.push(db);

  return {
    tasks,
    db,
    basket,
    /** From code without types anything may come. */
    addTx: (tx: unknown, payload = note) => basket.addTx(tx as AppTransaction<string>, 'saveNote', payload),
  };
}

const nothing = { notes: [], tasks: [], payloads: 0 };
const large = { id: 'n1', text: 'x'.repeat(20_000) };

test('a transaction whose scope lacks our stores is refused with what to name, and nothing was written', async () => {
  const { tasks, db, addTx } = await opened();
  const tx = db.transaction(['notes'], 'readwrite');
  const end = endOf(tx);

  expect(await failureOf(() => addTx(tx))).toMatchObject({
    code: 'transaction',
    message: expect.stringMatching(
      /object store "taskbasket.tasks".*\.\.\.tasks\.stores.*Nothing was written/,
    ) as string,
  });
  expect(await end).toBe('complete');
  expect(await written(tasks)).toEqual(nothing);
});

test('a scope that has our tasks and lacks our payloads is refused, also for a small payload', async () => {
  const { tasks, db, addTx } = await opened();
  const tx = db.transaction(['taskbasket.tasks'], 'readwrite');

  expect(await failureOf(() => addTx(tx))).toMatchObject({
    code: 'transaction',
    message: expect.stringContaining('"taskbasket.payloads"') as string,
  });
  await endOf(tx);
  expect(await written(tasks)).toEqual(nothing);
});

test('a read-only transaction is refused, with how to begin it', async () => {
  const { tasks, db, addTx } = await opened();
  const tx = db.transaction(['notes', ...tasks.stores]);

  expect(await failureOf(() => addTx(tx))).toMatchObject({
    code: 'transaction',
    message: expect.stringMatching(/read-only.*"readwrite"/) as string,
  });
  expect(await written(tasks)).toEqual(nothing);
});

test.each([
  ['a small payload', note],
  ['a large payload', large],
])('a transaction that has completed is refused for %s, with when to call', async (_, payload) => {
  const { tasks, db, addTx } = await opened();
  const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
  expect(await endOf(tx)).toBe('complete');

  const failure = await failureOf(() => addTx(tx, payload));
  expect(failure).toMatchObject({
    code: 'transaction',
    message: expect.stringMatching(/has finished, or is not active.*before anything but.*before commit\(\)/) as string,
  });
  expect(failure.cause).toBeInstanceOf(DOMException);
  expect(await written(tasks)).toEqual(nothing);
});

test.each<[string, () => typeof import('idb')]>([
  ['idb', () => ({ openDB }) as typeof import('idb')],
  ['another copy of idb', otherCopyOfIdb],
])('a transaction of %s that ended while the app awaited something else is refused', async (_, idb) => {
  const { tasks, addTx } = await opened();
  const db = await idb().openDB(tasks.name);
  toClose.push(db);
  const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
  await tx.objectStore('notes').put(note);
  await tx.done;

  expect(await failureOf(() => addTx(tx))).toMatchObject({ code: 'transaction' });
  expect(await written(tasks)).toEqual({ ...nothing, notes: ['n1'] });
});

test('a transaction after its commit(), and after its abort(), is refused', async () => {
  const { tasks, db, addTx } = await opened();
  const committed = db.transaction(['notes', ...tasks.stores], 'readwrite');
  committed.commit();
  expect(await failureOf(() => addTx(committed))).toMatchObject({ code: 'transaction' });
  await endOf(committed);

  const aborted = db.transaction(['notes', ...tasks.stores], 'readwrite');
  aborted.abort();
  expect(await failureOf(() => addTx(aborted))).toMatchObject({ code: 'transaction' });
  expect(await written(tasks)).toEqual(nothing);
});

test('a transaction that is not active at this instant is refused, and goes on without the task', async () => {
  const { tasks, db, addTx } = await opened();
  const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
  const end = endOf(tx);
  const failures: Promise<unknown>[] = [];
  // While a value is cloned, its transaction is inactive.
  tx.objectStore('notes').put({
    id: 'n1',
    get text() {
      failures.push(failureOf(() => addTx(tx)));

      return '';
    },
  });

  expect(await Promise.all(failures)).toMatchObject([{ code: 'transaction' }]);
  expect(await end).toBe('complete');
  expect(await written(tasks)).toEqual({ ...nothing, notes: ['n1'] });
});

test('a transaction that the codec itself commits is refused, and nothing was written', async () => {
  let end = (): void => undefined;
  const encode = (payload: Note): Note => {
    end();

    return payload;
  };
  const tasks = appWithNotes(freshName(), { codec: { encode, decode: (stored) => stored as Note } });
  const { basket } = createWorld().open(tasks);
  const db = await openNotes(tasks.name, tasks);
  toClose.push(db);
  const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
  const ended = endOf(tx);
  end = () => tx.commit();

  expect(await failureOf(() => basket.addTx(tx, 'saveNote', note))).toMatchObject({
    code: 'transaction',
    message: expect.stringContaining('has finished, or is not active') as string,
  });
  expect(await ended).toBe('complete');
  expect(await written(tasks)).toEqual(nothing);
});

test("another database's transaction is refused, and both names are told", async () => {
  const { tasks, addTx } = await opened();
  const other = appWithNotes(freshName());
  const db = await openNotes(other.name, other);
  toClose.push(db);
  const tx = db.transaction(['notes', ...other.stores], 'readwrite');
  const end = endOf(tx);

  const { code, message } = await failureOf(() => addTx(tx));
  expect(code).toBe('transaction');
  expect(message).toContain(`"${tasks.name}"`);
  expect(message).toContain(`"${other.name}"`);
  await end;
  expect(await written(tasks)).toEqual(nothing);
  expect(await written(other)).toEqual(nothing);
});

test.each([
  ['nothing', undefined],
  ['null', null],
  ['a text', 'readwrite'],
  ['a plain object', {}],
  ['an object that only looks like a transaction', { mode: 'readwrite', objectStore: () => undefined }],
  ['Dexie’s transaction before it has one', { idbtrans: null }],
  ['a promise of a transaction', Promise.resolve({})],
])('%s is refused, with what is taken', async (_, given) => {
  const { tasks, addTx } = await opened();

  expect(await failureOf(() => addTx(given))).toMatchObject({
    code: 'transaction',
    message: expect.stringMatching(/IndexedDB, idb or Dexie.*must be the first argument/) as string,
  });
  expect(await written(tasks)).toEqual(nothing);
});

test('a database, and an object store, in place of a transaction are refused', async () => {
  const { tasks, db, addTx } = await opened();
  const store = db.transaction(['notes'], 'readwrite').objectStore('notes');

  for (const given of [db, store]) {
    expect(await failureOf(() => addTx(given))).toMatchObject({ code: 'transaction' });
  }
  expect(await written(tasks)).toEqual(nothing);
});

test("Dexie's transactions are refused for the same reasons", async () => {
  const tasks = appWithNotes(freshName());
  const db = createDexie(tasks.name);
  db.version(1).stores({ notes: 'id', ...dexieStores(tasks) });
  await db.open();
  toClose.push(db);
  const { basket } = createWorld().open(tasks);
  const refusal = (add: () => unknown) => failureOf(add).then(({ code, message }) => [code, message]);

  const readonly = await db.transaction('r', ['notes', ...tasks.stores], (tx) =>
    refusal(() => basket.addTx(tx, 'ping')),
  );
  const narrow = await db.transaction('rw', ['notes'], (tx) => refusal(() => basket.addTx(tx, 'ping')));
  const kept = await db.transaction('rw', ['notes', ...tasks.stores], (tx) => tx);
  const finished = await refusal(() => basket.addTx(kept, 'ping'));

  expect([readonly, narrow, finished]).toEqual([
    ['transaction', expect.stringContaining('"readwrite"')],
    ['transaction', expect.stringContaining('...tasks.stores')],
    ['transaction', expect.stringContaining('has finished')],
  ]);
  expect((await contentsOf(tasks)).tasks).toEqual([]);
});

test('an upgrade is a transaction like any other: a task can be added in it', async () => {
  const { tasks, db, addTx } = await opened();
  db.close();

  (await openRaw(tasks.name, 4, (transaction) => void addTx(transaction))).close();
  expect(await written(tasks)).toEqual({ ...nothing, tasks: ['saveNote'] });
});
