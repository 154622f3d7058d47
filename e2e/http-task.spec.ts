/** Requests as tasks, in a real browser against a real server, judged by the server's ledger. */
import { createHash } from 'node:crypto';

import type { Page } from '@playwright/test';

import { needBlobs } from './engine.js';
import { expect, killWorker, test as base, until } from './fixture.js';
import { filesOf, type HttpServer, good, startHttpServer } from './http-server.js';
import type { RequestSetup } from './lab/request-tasks.js';

const test = base.extend<{ readonly http: HttpServer }>({
  http: async ({ dist, secrets }, use) => {
    const http = await startHttpServer(secrets, filesOf(dist));
    await use(http);
    await http.close();
  },

  baseURL: async ({ http }, use) => {
    await use(http.url);
  },
});

async function openRequests(
  page: Page,
  http: HttpServer,
  setup: Partial<RequestSetup> & { readonly database: string },
): Promise<void> {
  await page.goto(`${http.url}/requests.html`);
  await page.evaluate(async (given) => window.requests.open(given), { timeout: 120_000, ...setup });
}

interface Told {
  readonly loaded: number;
  readonly total: number;
}

declare global {
  interface Window {
    /** The progress that was told in this page. */
    told: Told[];
  }
}

/** The ledger, once it has so many entries. */
function untilSent(http: HttpServer, count: number): Promise<unknown> {
  return until(
    () => http.ledger.map(({ method, path, size }) => [method, path, size]),
    (ledger) => ledger.length >= count,
    `as many as ${count} requests`,
  );
}

function untilEmpty(page: Page): Promise<unknown> {
  return until(
    () => page.evaluate(async () => window.requests.basket.list({ limit: 10 })),
    (left) => left.length === 0,
    'an empty basket',
  );
}

/** How many heavy bodies a database has. */
function bodiesIn(page: Page, database: string): Promise<number> {
  return page.evaluate(async (name) => {
    const opening = indexedDB.open(name);
    const db = await new Promise<IDBDatabase>((resolve) => {
      opening.addEventListener('success', () => resolve(opening.result));
    });
    const counting = db.transaction('taskbasket.bodies').objectStore('taskbasket.bodies').count();
    await new Promise((resolve) => counting.addEventListener('success', resolve));
    db.close();

    return counting.result;
  }, database);
}

test('scenario 34: a form with two files and names in all scripts is the same, byte for byte, before and after the browser is killed', async ({
  http,
  database,
  startBrowser,
}) => {
  needBlobs();
  http.treat = () => ({ status: 503, headers: { 'Retry-After': '3600' } });

  const first = await startBrowser();
  const { page } = first;
  await openRequests(page, http, { database });
  const id = await page.evaluate(async () => {
    const form = new FormData();
    form.append('Überschrift', 'Ein "Zitat"\nund eine Zeile');
    form.append(
      'photo',
      new File([new Uint8Array(100_000).map((_, at) => at % 251)], 'Dach – 屋根.jpg', { type: 'image/jpeg' }),
    );
    form.append('photo', new File(['ملاحظة'], 'ملاحظة.txt', { type: 'text/plain' }));

    return window.requests.basket.add('api', { method: 'POST', url: '/reports', body: form });
  });
  await untilSent(http, 1);
  await until(
    () => page.evaluate(async (one) => window.requests.basket.get(one), id),
    (task) => task?.running === false,
    'an attempt that has ended',
  );
  first.kill();
  await first.ended;

  http.treat = () => ({ status: 201 });
  const { page: again } = await startBrowser();
  await openRequests(again, http, { database });
  await again.evaluate(async (one) => window.requests.basket.retry(one), id);
  await untilSent(http, 2);
  await untilEmpty(again);

  const [before, after] = http.ledger;
  expect(after).toMatchObject({ method: 'POST', path: '/reports', key: `"${id}"`, size: before?.size });
  expect(after?.digest).toBe(before?.digest);
  expect(after?.headers['content-type']).toBe(before?.headers['content-type']);
  const read = await new Response(new Uint8Array(after?.body ?? []), {
    headers: { 'Content-Type': String(after?.headers['content-type']) },
  }).formData();
  const [photo, note] = read.getAll('photo') as File[];
  expect([photo?.name, photo?.type, photo?.size]).toEqual(['Dach – 屋根.jpg', 'image/jpeg', 100_000]);
  expect(new Uint8Array((await photo?.arrayBuffer()) ?? [])).toEqual(new Uint8Array(100_000).map((_, at) => at % 251));
  expect([note?.name, await note?.text()]).toEqual(['ملاحظة.txt', 'ملاحظة']);
  expect(read.get('Überschrift')).toBe('Ein "Zitat"\r\nund eine Zeile');
});

test('scenario 64: an answer is lost, and the person edits: the server has both saves, once each, in order', async ({
  page,
  http,
  database,
}) => {
  http.treat = ({ before }) => (before === 0 ? { effect: true } : good);
  await openRequests(page, http, { database });
  const save = (text: string): Promise<string> =>
    page.evaluate(async (json) => window.requests.basket.add('api', { method: 'PUT', url: '/notes/1', json }), {
      text,
    });
  const one = await save('first');
  await untilSent(http, 1);
  const other = await save('second');
  await untilEmpty(page);

  expect([...http.effects].map(([key, { body }]) => [key, String(body)])).toEqual([
    [`"${one}"`, '{"text":"first"}'],
    [`"${other}"`, '{"text":"second"}'],
  ]);
  expect(new Set(http.ledger.map(({ key }) => key)).size).toBe(2);
});

test('the id that the server gives is filled into the requests that wait for it, and into nothing else', async ({
  page,
  http,
  database,
}) => {
  http.treat = ({ path }) => ({ ...good, status: 201, ...(path === '/notes' ? { body: '{"id":"ä/7"}' } : {}) });
  await openRequests(page, http, { database });
  await page.evaluate(async () => {
    const { basket } = window.requests;
    const note = await basket.add('api', { method: 'POST', url: '/notes', json: { text: '{noteId}' } });
    const fill = { noteId: [0, 'id'], '/of': [0, 'id'] } as const;
    const json = { text: 'my {noteId}', of: '' };
    await basket.add('api', { method: 'POST', url: '/notes/{noteId}/marks', json, fill }, { after: note });
  });
  await untilSent(http, 2);
  await untilEmpty(page);

  expect(http.ledger.map(({ method, path, body }) => [method, path, String(body)])).toEqual([
    ['POST', '/notes', '{"text":"{noteId}"}'],
    ['POST', '/notes/%C3%A4%2F7/marks', '{"text":"my {noteId}","of":"ä/7"}'],
  ]);
});

test('a path and a Request to the app’s own server wait behind one gate, which is its origin', async ({
  page,
  http,
  database,
}) => {
  http.treat = () => ({ status: 503, headers: { 'Retry-After': '3600' } });
  await openRequests(page, http, { database });
  const ids = await page.evaluate(async () => {
    const { basket } = window.requests;
    const first = await basket.add('api', { method: 'PUT', url: '/notes/1', json: 1 });

    return [first, await basket.add('api', new Request('/notes/2', { method: 'PUT', body: 'x' }))];
  });
  const gates = await until(
    () => page.evaluate(async (all) => Promise.all(all.map((id) => window.requests.basket.explain(id))), ids),
    (all) => all.every((reasons) => reasons.some(({ reason }) => reason === 'gate')),
    'a gate that keeps both',
  );
  expect(gates).toMatchObject([
    [{ reason: 'gate', gate: http.url, status: 503 }],
    [{ reason: 'gate', gate: http.url, status: 503 }],
  ]);
});

test('every body arrives as it was, with a token that no add takes', async ({ page, http, database }) => {
  http.treat = ({ path }) => ({ ...good, status: path === '/refused' ? 422 : 200 });
  await openRequests(page, http, { database });
  const sizes = await page.evaluate(async () => {
    const { basket } = window.requests;
    const bodies = {
      '/text': 'ä',
      '/parameters': new URLSearchParams({ a: 'ä b' }),
      '/bytes': new Uint8Array([1, 2, 3]).subarray(1),
      '/blob': new Blob(['ä'], { type: 'text/x' }),
      '/refused': 'x',
    };
    for (const [url, body] of Object.entries(bodies)) await basket.add('api', { method: 'PUT', url, body });
    await basket.add('api', new Request('/request', { method: 'PUT', body: 'ä', headers: { 'If-Match': '"1"' } }));

    return Object.keys(bodies).length + 1;
  });
  await untilSent(http, sizes);
  await until(
    () => page.evaluate(async () => (await window.requests.basket.list()).map(({ dead }) => dead?.reason)),
    (left) => left.length === 1 && left[0] !== undefined,
    'nothing but the request that was refused',
  );

  const digest = (of: string | Uint8Array): string => createHash('sha256').update(of).digest('hex');
  const arrived = http.ledger.map(({ path, headers, digest: of }) => [path, headers['content-type'], of]);
  expect([...arrived].sort(([one = ''], [other = '']) => (one < other ? -1 : 1))).toEqual([
    ['/blob', 'text/x', digest('ä')],
    ['/bytes', undefined, digest(new Uint8Array([2, 3]))],
    ['/parameters', 'application/x-www-form-urlencoded;charset=UTF-8', digest('a=%C3%A4+b')],
    ['/refused', 'text/plain;charset=UTF-8', digest('x')],
    ['/request', 'text/plain;charset=UTF-8', digest('ä')],
    ['/text', 'text/plain;charset=UTF-8', digest('ä')],
  ]);
  expect(new Set(http.ledger.map(({ token }) => token))).toEqual(new Set(['Bearer secret-1']));

  const refused = await page.evaluate(async () =>
    window.requests.basket.add('api', { url: '/x', headers: { Authorization: 'secret-1' } }).catch(String),
  );
  expect(refused).toContain('A header that may hold a secret must be set in authorize of sendHttp');
});

test('an upload tells how far it is; a worker that dies during it sends it again, from what is stored', async ({
  page,
  http,
  database,
}) => {
  needBlobs();
  const size = 8_000_000;
  // The first request is never read, so it is in progress until its worker is gone.
  http.treat = ({ before }) => (before === 0 ? { unread: true } : good);
  await openRequests(page, http, { database });
  const id = await page.evaluate(async (bytes) => {
    const { basket } = window.requests;
    window.told = [];
    basket.on('progress', ({ value }) => window.told.push(value as Told));
    const part = new Uint8Array(bytes / 4).map((_, at) => (at * 7) % 256);

    return basket.add('api', { method: 'PUT', url: '/files/1', body: new Blob([part, part, part, part]) });
  }, size);
  const [first] = await until(
    () => page.evaluate(() => window.told),
    (told) => told.length > 0,
    'a progress',
  );
  expect(first?.total).toBe(size);
  expect(first?.loaded).toBeLessThan(size);

  await killWorker(page, { url: http.url } as Parameters<typeof killWorker>[1]);
  await untilSent(http, 2);
  await untilEmpty(page);

  const part = new Uint8Array(size / 4).map((_, at) => (at * 7) % 256);
  const hash = createHash('sha256');
  for (let times = 0; times < 4; times += 1) hash.update(part);
  const whole = http.ledger.filter(({ digest }) => digest !== undefined);
  expect(whole).toMatchObject([{ key: `"${id}"`, size, digest: hash.digest('hex') }]);
  expect(await bodiesIn(page, database)).toBe(0);
});

test('an answer that names no content type is accepted with expect: json, also after a large body', async ({
  page,
  http,
  database,
}) => {
  needBlobs();
  // A second attempt gets an answer that nothing can refuse.
  http.treat = ({ before }) => (before === 0 ? { status: 200, body: '{"id":1}' } : good);
  await openRequests(page, http, { database });
  const results = await page.evaluate(async () => {
    const { basket } = window.requests;
    const sizes = { '/files/small': 10, '/files/large': 300_000 };
    const ids = await Promise.all(
      Object.entries(sizes).map(([url, size]) =>
        basket.add('api', { method: 'PUT', url, body: new Blob(['x'.repeat(size)]), expect: 'json' }),
      ),
    );

    return Promise.all(ids.map((id) => basket.settled(id)));
  });

  expect(results).toMatchObject([
    { state: 'done', result: { body: { id: 1 } } },
    { state: 'done', result: { body: { id: 1 } } },
  ]);
  expect(http.ledger).toHaveLength(2);
});

test('an upload on a connection that stands still is aborted, and sent again', async ({ page, http, database }) => {
  needBlobs();
  http.treat = ({ before }) => (before === 0 ? { unread: true } : good);
  await openRequests(page, http, { database, timeout: 3_000 });
  const id = await page.evaluate(async () =>
    window.requests.basket.add('api', { method: 'PUT', url: '/files/1', body: new Blob(['x'.repeat(8_000_000)]) }),
  );
  await untilEmpty(page);

  const [first, ...more] = http.ledger.map(({ key, size, digest }) => [key, size, digest === undefined]);
  expect(first).toEqual([`"${id}"`, 0, true]);
  // On a machine that stands still for three seconds itself, one more upload may break off.
  expect(more.filter(([, , isBroken]) => isBroken !== true)).toEqual([[`"${id}"`, 8_000_000, false]]);
  expect(more.every(([key]) => key === `"${id}"`)).toBe(true);
});

test(
  'scenario 35: an upload of 200 MB survives a kill of the browser, is not copied by retries, and leaves nothing behind',
  { tag: '@long' },
  async ({ http, database, startBrowser }) => {
    needBlobs();
    test.setTimeout(600_000);
    const parts = 20;
    const part = new Uint8Array(10_000_000).map((_, at) => (at * 31) % 256);
    const hash = createHash('sha256');
    for (let times = 0; times < parts; times += 1) hash.update(part);
    const digest = hash.digest('hex');
    const usage = (page: Page): Promise<number> =>
      page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
    http.treat = () => ({ status: 500 });

    const first = await startBrowser();
    const { page } = first;
    await openRequests(page, http, { database });
    const id = await page.evaluate(async (times) => {
      const bytes = new Uint8Array(10_000_000).map((_, at) => (at * 31) % 256);
      const body = new Blob(Array.from({ length: times }, () => bytes));

      return window.requests.basket.add('api', { method: 'PUT', url: '/files/1', body });
    }, parts);
    await untilSent(http, 1);
    const before = await usage(page);
    await untilSent(http, 4);
    expect(await usage(page)).toBeLessThan(before + 50_000_000);
    first.kill();
    await first.ended;

    http.treat = () => ({ status: 201 });
    const { page: again } = await startBrowser();
    await openRequests(again, http, { database });
    await again.evaluate(async (one) => window.requests.basket.retry(one), id);
    await untilEmpty(again);
    const whole = http.ledger.filter((one) => one.digest !== undefined);
    expect(new Set(whole.map((one) => `${one.key} ${one.size} ${one.digest}`))).toEqual(
      new Set([`"${id}" 200000000 ${digest}`]),
    );
    expect(await bodiesIn(again, database)).toBe(0);
  },
);
