import { beforeAll, describe, expect, test, vi } from 'vitest';

import type { Basket } from '../../src/index.js';
import { createStores, defineTasks } from '../../src/index.js';
import type { Main } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';
import type { AppServer } from './server.js';

let server: AppServer;

beforeAll(async () => {
  ({ server } = await createBrowser({ sharedWorker: true }));
});

test('a basket that closes itself at a hot reload opens like any other', async () => {
  const { basket } = await laidOut('hot').run<Main>('basket-with-hot-reload.js');

  expect(await basket.count()).toEqual({ count: 0, more: false });
  basket.close();
});

test('three lines show in the console of the page what failed in the worker', async () => {
  const { run } = laidOut('mirror');
  const { basket, save } = await run<Main>('basket.ts');
  const shown = vi.spyOn(console, 'error').mockImplementation(() => undefined);
  const { stopMirroring } = await run<{ stopMirroring: () => void }>('mirror.ts');
  server.answer(() => 500);
  const id = await save({ id: 'mirrored', text: '' });

  await until(() => expect(shown).toHaveBeenCalledWith(`saveNote ${id}: Error: The server answered 500.`));
  stopMirroring();
  server.answer(() => 200);
  await basket.cancel({});
  basket.close();
});

test.each([
  [204, 'done'],
  [422, 'dead'],
  [503, 'away'],
  [500, 'counted, and tried again'],
])('the test of one handler says what becomes of an answer of %i', async (status, end) => {
  const { endOf } = await laidOut('one-handler').run<{ endOf: (status: number) => Promise<string> }>('handler.test.ts');

  expect(await endOf(status)).toBe(end);
});

test('the test of one handler needs nothing of the other test, and does not hide a mistake', async () => {
  vi.stubGlobal('location', undefined);
  const { endOf } = await laidOut('one-handler-alone').run<{ endOf: (status: number) => Promise<string> }>(
    'handler.test.ts',
  );
  expect(await endOf(422)).toBe('dead');

  vi.stubGlobal('location', undefined);
  await expect(endOf(422)).rejects.toMatchObject({ name: 'TaskbasketError' });
  vi.stubGlobal('location', new URL(server.origin));
});

describe('a codec that reads two forms', () => {
  test('gives the new form of a task that an old build added, and stores what an old handler can read', async () => {
    const { tasks } = await laidOut('both-forms').run<{
      tasks: {
        readonly types: {
          readonly saveNote: { readonly codec: Record<'encode' | 'decode', (value: unknown) => unknown> };
        };
      };
    }>('both-forms.ts');
    const { encode, decode } = tasks.types.saveNote.codec;

    expect(decode({ id: 'n1', text: 'Old' })).toEqual({ id: 'n1', title: '', body: 'Old' });
    const note = { id: 'n1', title: 'Cellar', body: 'It is dry.' };
    expect(encode(note)).toMatchObject({ id: 'n1', text: 'Cellar\nIt is dry.' });
    expect(decode(encode(note))).toEqual(note);
  });
});

test('a photo is stored together with its report, and the worker sends it byte for byte', async () => {
  const { run } = laidOut('photos-with-report');
  const db = await new Promise<IDBDatabase>((resolve, reject) => {
    const request = indexedDB.open('photos', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('reports', { keyPath: 'id' });
      createStores(request.transaction as IDBTransaction, defineTasks('photos', {}));
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
  const { keepWithReport } = await run<{
    keepWithReport: (db: IDBDatabase, report: { id: string }, photo: Blob) => Promise<string>;
  }>('photos-with-report.ts');
  const { basket } = await run<{ basket: Basket<never> }>('photos.ts');
  const text = 'photo '.repeat(60_000);
  const id = await keepWithReport(db, { id: 'r1' }, new Blob([text]));
  expect(await basket.list()).toMatchObject([{ id, payload: { report: 'r1' } }]);
  db.close();

  const before = server.received.length;
  await run('photos.worker.ts');
  await until(async () => expect(await basket.list()).toEqual([]));
  expect(server.received.slice(before)).toMatchObject([{ path: '/reports/r1/photos', key: `"${id}"`, body: text }]);
  basket.close();
});
