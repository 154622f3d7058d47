import 'fake-indexeddb/auto'; // First: Dexie looks for it when it is imported.

import type { Dexie } from 'dexie';
import { beforeAll, describe, expect, test } from 'vitest';

import { openBasket } from '../../src/index.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks } from '../../src/pure/registry.js';
import { runBasket } from '../../src/worker.js';
import { written } from '../basket/app.js';
import { endOf, openRaw } from '../support/database.js';
import type { Main, Note } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

const { run } = laidOut('own-database');
const note: Note = { id: 'n1', text: 'Buy bread' };

beforeAll(() => createBrowser({ sharedWorker: false }));

describe.each([
  ['Dexie', 'dexie-save.ts', 'notes-dexie'],
  ['idb', 'idb-save.ts', 'notes-idb'],
  ['IndexedDB itself', 'raw-db.ts', 'notes-raw'],
])('with %s', (_, file, name) => {
  test('save stores the note and its task, in a database that is made by whoever comes first', async () => {
    const { save, basket } = await run<Main>(file);
    expect(await basket.list()).toEqual([]); // The basket comes first, and has the app's database made.

    await save(note);
    expect(await written(defineTasks(name, {}))).toEqual({ notes: ['n1'], tasks: ['saveNote'], payloads: 0 });
    expect(await basket.list()).toMatchObject([{ type: 'saveNote', payload: note, lane: 'n1' }]);
  });

  test('a note that cannot be stored leaves no task', async () => {
    const { save } = await run<Main>(file);
    const wrong = { id: 'n2', text: (() => undefined) as unknown as string };

    await expect(save(wrong)).rejects.toThrow(/clone/);
    expect(await written(defineTasks(name, {}))).toEqual({ notes: ['n1'], tasks: ['saveNote'], payloads: 0 });
  });

  test('the task is run, in the lane of its note', async () => {
    const { save, basket } = await run<Main>(file);
    await save({ id: 'n1', text: 'Buy butter' });
    const sent: Note[] = [];
    const handlers = { saveNote: (one: Note) => void sent.push(one) } as never;
    const stop = new AbortController();
    const stopped = runBasket(basket, handlers, { signal: stop.signal });

    await until(async () => expect(await basket.list()).toEqual([]));
    stop.abort();
    await stopped;
    expect(sent.map(({ text }) => text)).toEqual(['Buy bread', 'Buy butter']);
  });
});

test('Dexie gives a database that is in use the stores with a new version, and keeps what is in it', async () => {
  const before = await openRaw('notes-in-use', 10, (_, made) => made.createObjectStore('notes', { keyPath: 'id' }));
  const filling = before.transaction('notes', 'readwrite');
  filling.objectStore('notes').put({ id: 'old' });
  await endOf(filling);
  before.close();

  const { tasks, db } = await run<{ tasks: AnyRegistry; db: Dexie }>('dexie-upgrade.ts');
  const basket = openBasket(tasks);
  await basket.add('saveNote', { id: 'new' });
  expect(await basket.count()).toEqual({ count: 1, more: false });
  expect(await db.table('notes').toArray()).toEqual([{ id: 'old' }]);
  basket.close();
  db.close();
});
