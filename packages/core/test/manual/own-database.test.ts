import 'fake-indexeddb/auto'; // First: Dexie looks for it when it is imported.

import { beforeAll, describe, expect, test } from 'vitest';

import { defineTasks } from '../../src/pure/registry.js';
import { runBasket } from '../../src/worker.js';
import { written } from '../basket/app.js';
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
