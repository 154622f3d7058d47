import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Basket, TaskId } from '../../src/index.js';
import { createStores, defineTasks } from '../../src/index.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

interface Report {
  readonly id: string;
  readonly create: string;
  readonly number?: string;
}

/** What `server-ids.ts` exports. */
interface Reports {
  readonly basket: Basket<never>;
  readonly addReport: (id: string, title: string) => Promise<Report>;
  readonly editReport: (report: Report, title: string) => Promise<TaskId>;
  readonly addPhoto: (report: Report, photo: Blob) => Promise<TaskId>;
  readonly numberOf: (report: Report) => Promise<string | undefined>;
  readonly discard: (report: Report) => Promise<number>;
}

const { run } = laidOut('server-ids');
/** What the server has received, and what it does with a new report. */
const received: string[] = [];
let answer: 'number' | 'refusal' | 'nothing' = 'number';
let reports: Reports;
let db: IDBDatabase;
let addWithPhoto: (db: IDBDatabase, id: string, title: string, photo: Blob) => Promise<Report>;

/** The app's own database, which has the basket's stores too. */
function openOwn(): Promise<IDBDatabase> {
  return new Promise((resolve, reject) => {
    const request = indexedDB.open('numbered-reports', 1);
    request.onupgradeneeded = () => {
      request.result.createObjectStore('reports', { keyPath: 'id' });
      createStores(request.transaction as IDBTransaction, defineTasks('numbered-reports', {}));
    };
    request.onsuccess = () => resolve(request.result);
    request.onerror = () => reject(request.error);
  });
}

/** A server that numbers reports: a key that it has seen gets the number that it got before. */
function createServer(): typeof fetch {
  const numbers = new Map<string, string>();

  return async (input) => {
    const request = input as Request;
    if (answer === 'nothing') throw new TypeError('Failed to fetch');
    const key = request.headers.get('Idempotency-Key') ?? '';
    const path = new URL(request.url).pathname;
    received.push(`${request.method} ${path} ${await request.text()}`);
    if (path !== '/reports') return new Response(null, { status: 204 });
    if (answer === 'refusal') return new Response('', { status: 422 });
    const number = numbers.get(key) ?? `R${numbers.size + 1}`;
    numbers.set(key, number);

    return Response.json({ number });
  };
}

beforeAll(async () => {
  await createBrowser({ sharedWorker: true });
  vi.stubGlobal('fetch', createServer());
  db = await openOwn();
  reports = await run<Reports>('server-ids.ts');
  ({ addWithPhoto } = await run<{ addWithPhoto: typeof addWithPhoto }>('server-ids-at-once.ts'));
});

beforeEach(() => {
  received.length = 0;
  answer = 'number';
});

afterEach(async () => {
  await reports.basket.cancel({});
});

afterAll(() => {
  db.close();
  reports.basket.close();
});

const allSent = (): Promise<void> => until(async () => expect(await reports.basket.list()).toEqual([]));

describe('a report that is written offline', () => {
  test('is stored with its photo in one transaction, and both are sent in their order', async () => {
    answer = 'nothing';
    const { create } = await addWithPhoto(db, 'own-0', 'Roof', new Blob(['a picture']));
    expect((await reports.basket.list()).map(({ id }) => id)[0]).toBe(create);

    answer = 'number';
    await reports.basket.retry({});
    await allSent();
    expect(received).toEqual([
      'POST /reports {"title":"Roof"}',
      expect.stringMatching(/^POST .reports.R\d.photos a picture$/),
    ]);
  });

  test('gets its number first, and then its edits, in order, and its photo are sent under that number', async () => {
    answer = 'nothing';
    const report = await reports.addReport('own-1', 'Roof');
    await reports.editReport(report, 'Roof, north');
    await reports.addPhoto(report, new Blob(['a picture']));
    await reports.editReport(report, 'Roof, south');
    await until(async () => expect(await reports.basket.get(report.create as never)).toMatchObject({ attempts: 1 }));
    expect(received).toEqual([]);

    answer = 'number';
    await reports.basket.retry({});
    await allSent();
    const number = (await reports.numberOf(report)) ?? '';
    expect(number).toMatch(/^R\d+$/);
    const [first, ...others] = received;
    expect(first).toBe('POST /reports {"title":"Roof"}');
    expect([...others].sort()).toEqual([
      `POST /reports/${number}/photos a picture`,
      `PUT /reports/${number} {"title":"Roof, north"}`,
      `PUT /reports/${number} {"title":"Roof, south"}`,
    ]);
    expect(others.filter((one) => one.startsWith('PUT'))[0]).toContain('north');

    // Later, the app knows the number by itself.
    received.length = 0;
    await reports.editReport({ ...report, number, create: 'forgotten' }, 'Roof, west');
    await allSent();
    expect(received).toEqual([`PUT /reports/${number} {"title":"Roof, west"}`]);
  });

  test('that the server refuses keeps its edits and photos waiting, until it is corrected', async () => {
    answer = 'refusal';
    const report = await reports.addReport('own-2', '');
    const photo = await reports.addPhoto(report, new Blob(['picture']));
    const reasons = [{ reason: 'parent', parent: report.create, state: 'dead' }];
    await until(async () => expect(await reports.basket.explain(photo)).toEqual(reasons));

    answer = 'number';
    await reports.basket.update(report.create, { id: 'own-2', title: 'Cellar' });
    await allSent();
    expect(received.slice(1)).toEqual([
      'POST /reports {"title":"Cellar"}',
      expect.stringMatching(/^POST \/reports\/R\d+\/photos picture$/),
    ]);
  });

  test('is discarded with all that waits for it', async () => {
    answer = 'refusal';
    const report = await reports.addReport('own-3', '');
    await reports.editReport(report, 'x');
    await reports.addPhoto(report, new Blob(['y']));
    await until(async () => expect(await reports.basket.count({ state: 'dead' })).toMatchObject({ count: 1 }));

    expect(await reports.discard(report)).toBe(3);
    expect(await reports.basket.count()).toMatchObject({ count: 0 });
    expect(received).toHaveLength(1);
  });

  test('and sent is discarded with the edits and photos that were added later and not sent', async () => {
    const report = await reports.addReport('own-4', 'Attic');
    await allSent();
    answer = 'nothing';
    await reports.editReport(report, 'Attic, north');
    await reports.addPhoto(report, new Blob(['z']));

    expect(await reports.discard(report)).toBe(2);
    expect(await reports.basket.count()).toMatchObject({ count: 0 });
  });
});
