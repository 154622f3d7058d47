import { beforeAll, beforeEach, describe, expect, test } from 'vitest';

import { endOf, openRaw } from '../support/database.js';
import type { Main, Note } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';
import type { AppServer } from './server.js';

const { run } = laidOut('first-task');
let server: AppServer;
let basket: Main['basket'];
let save: Main['save'];

/** Waits until everything was sent, or discarded. */
function allSent(): Promise<void> {
  return until(async () => expect(await basket.list()).toEqual([]));
}

beforeAll(async () => {
  ({ server } = await createBrowser({ sharedWorker: true }));
  ({ basket, save } = await run<Main>('basket.ts'));
});

beforeEach(async () => {
  server.answer(() => 200);
  await basket.cancel({});
  await allSent();
});

describe('the first task, in whose SharedWorker a stand-in runs its script', () => {
  test('is stored while the server is away, and arrives with its key once that is back', async () => {
    server.down();
    const id = await save({ id: 'cellar', text: 'It is dry.' });
    expect(await basket.list()).toMatchObject([{ id, state: 'queued' }]);

    server.up();
    await allSent();
    expect(server.received).toEqual([
      {
        method: 'PUT',
        path: '/notes/cellar',
        key: `"${id}"`,
        body: '{"id":"cellar","text":"It is dry."}',
        status: 200,
      },
    ]);
  });

  test('of one note, what was saved first arrives first, also if the server fails in between', async () => {
    let failing = 1;
    server.answer(({ body }) => (body.includes('first') && failing-- > 0 ? 500 : 200));
    const before = server.received.length;
    await Promise.all(['first', 'second', 'third'].map((text) => save({ id: 'order', text })));
    await allSent();

    const texts = server.received.slice(before).map(({ body }) => (JSON.parse(body) as Note).text);
    expect(texts).toEqual(['first', 'first', 'second', 'third']);
  });
});

test('if nothing arrives because Vite answered 404 itself, the list says so, and retry sends it and what it held back', async () => {
  server.answer(() => 404);
  const before = server.received.length;
  await save({ id: 'proxy', text: 'first' });
  await until(async () =>
    expect(await basket.list()).toMatchObject([
      { state: 'dead', lastError: { message: 'The server answered 404.', status: 404 } },
    ]),
  );
  await save({ id: 'proxy', text: 'second' });
  expect(await basket.list()).toHaveLength(2);

  server.answer(() => 200);
  await basket.retry({});
  await allSent();
  expect(server.received.slice(before).map(({ status }) => status)).toEqual([404, 200, 200]);
});

describe('the four calls', () => {
  interface FourCalls {
    readonly stop: () => void;
    readonly saveAndTell: (note: Note) => Promise<string>;
    readonly saveWith: (tx: IDBTransaction, note: Note) => string;
  }

  test('watch shows in the title what is unsent, until it is stopped', async () => {
    const { stop } = await run<FourCalls>('four-calls.ts');
    await until(() => expect(document.title).toBe('All is sent'));

    server.answer(() => 422);
    const id = await save({ id: 'title', text: '' });
    await until(() => expect(document.title).toBe('1 unsent'));

    stop();
    await basket.cancel(id);
    expect(document.title).toBe('1 unsent');
  });

  test('settled tells that a note was sent, and that one was refused', async () => {
    const { saveAndTell } = await run<FourCalls>('four-calls.ts');

    expect(await saveAndTell({ id: 'settled', text: 'Fine.' })).toBe('done');
    server.answer(() => 422);
    expect(await saveAndTell({ id: 'settled', text: '' })).toBe('Refused: The server answered 422.');
  });

  test('addTx stores both or neither, also with a commit at once', async () => {
    const { saveWith } = await run<FourCalls>('four-calls.ts');
    server.answer(() => 422); // So that they stay.
    const before = await openRaw('field-notes');
    before.close();
    const db = await openRaw('field-notes', before.version + 1, (_, made) => {
      made.createObjectStore('notes', { keyPath: 'id' });
    });
    const begin = (): IDBTransaction => db.transaction(['notes', ...db.objectStoreNames], 'readwrite');

    const committed = begin();
    const id = saveWith(committed, { id: 'both', text: '' });
    committed.commit();
    expect(await endOf(committed)).toBe('complete');

    const aborted = begin();
    saveWith(aborted, { id: 'neither', text: '' });
    aborted.abort();
    expect(await endOf(aborted)).toBe('abort');

    const refused = begin();
    expect(() => saveWith(refused, { id: 'refused', text: 'a'.repeat(300_000) })).toThrow('prepare');
    refused.commit();
    await endOf(refused);

    expect((await basket.list()).map((task) => task.id)).toEqual([id]);
    const notes = db.transaction('notes').objectStore('notes').getAllKeys();
    await endOf(notes.transaction as IDBTransaction);
    expect(notes.result).toEqual(['both']);
    db.close();
  });
});
