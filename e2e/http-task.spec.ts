/** Requests as tasks, in a real browser against a real server, judged by the server's ledger. */
import { createHash } from 'node:crypto';
import { rm } from 'node:fs/promises';

import type { Page } from '@playwright/test';

import { needBlobs } from './engine.js';
import { expect, killWorker, test as base, until } from './fixture.js';
import { type RequestServer, startRequestServer } from './request-server.js';
import type { RequestSetup } from './lab/request-tasks.js';
import { type OwnBrowser, startOwnBrowser } from './own-browser.js';

const test = base.extend<{ readonly http: RequestServer }>({
  http: async ({ dist }, use) => {
    const http = await startRequestServer(dist);
    await use(http);
    await http.close();
  },

  baseURL: async ({ http }, use) => {
    await use(http.url);
  },
});

async function openRequests(
  page: Page,
  http: RequestServer,
  setup: Partial<RequestSetup> & { readonly database: string },
): Promise<void> {
  await page.goto(`${http.url}/requests.html`);
  await page.evaluate(async (given) => window.requests.open(given), { timeout: 120_000, ...setup });
}

/** Starts the browser of a profile, and opens the lab in it. */
async function startLab(profile: string, http: RequestServer, database: string): Promise<OwnBrowser> {
  const browser = await startOwnBrowser(profile);
  await openRequests(browser.page, http, { database });

  return browser;
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
function untilSent(http: RequestServer, count: number): Promise<unknown> {
  return until(
    () => http.ledger.map(({ method, url, size }) => [method, url, size]),
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

/** What is in the stores of a database, beside the reserve. */
function recordsOf(page: Page, database: string): Promise<{ readonly bodies: number; readonly text: string }> {
  return page.evaluate(async (name) => {
    const opening = indexedDB.open(name);
    const db = await new Promise<IDBDatabase>((resolve) => {
      opening.addEventListener('success', () => resolve(opening.result));
    });
    const tx = db.transaction([...db.objectStoreNames]);
    const reads = [...db.objectStoreNames].map((store) => tx.objectStore(store).getAll() as IDBRequest<unknown[]>);
    const bodies = tx.objectStore('taskbasket.bodies').count();
    await new Promise((resolve) => tx.addEventListener('complete', resolve));
    db.close();

    return { bodies: bodies.result, text: JSON.stringify(reads.map(({ result }) => result)) };
  }, database);
}

test('scenario 34: a form with two files and names in all scripts is the same, byte for byte, before and after the browser is killed', async ({
  http,
  database,
}, info) => {
  needBlobs();
  const profile = info.outputPath('profile');
  http.answer = () => ({ status: 503, headers: { 'Retry-After': '3600' } });

  const first = await startLab(profile, http, database);
  const { page } = first;
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

  http.answer = () => ({ status: 201 });
  const second = await startLab(profile, http, database);
  const { page: again } = second;
  await again.evaluate(async (one) => window.requests.basket.retry(one), id);
  await untilSent(http, 2);
  await untilEmpty(again);

  const [before, after] = http.ledger;
  expect(after).toMatchObject({ method: 'POST', url: '/reports', key: id, size: before?.size, digest: before?.digest });
  expect(after?.headers['content-type']).toBe(before?.headers['content-type']);
  const read = await new Response(new Uint8Array(after?.body ?? []), {
    headers: { 'Content-Type': String(after?.headers['content-type']) },
  }).formData();
  const [photo, note] = read.getAll('photo') as File[];
  expect([photo?.name, photo?.type, photo?.size]).toEqual(['Dach – 屋根.jpg', 'image/jpeg', 100_000]);
  expect(new Uint8Array((await photo?.arrayBuffer()) ?? [])).toEqual(new Uint8Array(100_000).map((_, at) => at % 251));
  expect([note?.name, await note?.text()]).toEqual(['ملاحظة.txt', 'ملاحظة']);
  expect(read.get('Überschrift')).toBe('Ein "Zitat"\r\nund eine Zeile');

  second.kill();
  await second.ended;
  await rm(profile, { recursive: true, force: true });
});

test('scenario 64: an answer is lost, and the person edits: the server has both saves, once each, in order', async ({
  page,
  http,
  database,
}) => {
  const effects = new Map<string, string>();
  http.answer = ({ key, body }) => {
    const isNew = !effects.has(key);
    effects.set(key, String(body));

    return isNew && effects.size === 1 ? 'drop' : { status: 200 };
  };
  await openRequests(page, http, { database });
  const save = (text: string): Promise<string> =>
    page.evaluate(async (json) => window.requests.basket.add('api', { method: 'PUT', url: '/notes/1', json }), {
      text,
    });
  const one = await save('first');
  await untilSent(http, 1);
  const other = await save('second');
  await untilEmpty(page);

  expect([...effects]).toEqual([
    [one, '{"text":"first"}'],
    [other, '{"text":"second"}'],
  ]);
  expect(new Set(http.ledger.map(({ key }) => key)).size).toBe(2);
});

test('the id that the server gives is filled into the requests that wait for it, and into nothing else', async ({
  page,
  http,
  database,
}) => {
  http.answer = ({ url }) => (url === '/notes' ? { status: 201, body: '{"id":"ä/7"}' } : { status: 201 });
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

  expect(http.ledger.map(({ method, url, body }) => [method, url, String(body)])).toEqual([
    ['POST', '/notes', '{"text":"{noteId}"}'],
    ['POST', '/notes/%C3%A4%2F7/marks', '{"text":"my {noteId}","of":"ä/7"}'],
  ]);
});

test('a path and a Request to the app’s own server wait behind one gate, which is its origin', async ({
  page,
  http,
  database,
}) => {
  http.answer = () => ({ status: 503, headers: { 'Retry-After': '3600' } });
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

test('what is stored has no secret, and the scanner finds one that is planted; every body arrives as it was', async ({
  page,
  http,
  database,
}) => {
  http.answer = ({ url }) => ({ status: url === '/refused' ? 422 : 200, body: '{}' });
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
  const arrived = http.ledger.map(({ url, headers, digest: of }) => [url, headers['content-type'], of]);
  expect([...arrived].sort(([one = ''], [other = '']) => (one < other ? -1 : 1))).toEqual([
    ['/blob', 'text/x', digest('ä')],
    ['/bytes', undefined, digest(new Uint8Array([2, 3]))],
    ['/parameters', 'application/x-www-form-urlencoded;charset=UTF-8', digest('a=%C3%A4+b')],
    ['/refused', 'text/plain;charset=UTF-8', digest('x')],
    ['/request', 'text/plain;charset=UTF-8', digest('ä')],
    ['/text', 'text/plain;charset=UTF-8', digest('ä')],
  ]);
  expect(new Set(http.ledger.map(({ headers }) => headers.authorization))).toEqual(new Set(['Bearer secret-1']));

  const refused = await page.evaluate(async () =>
    window.requests.basket.add('api', { url: '/x', headers: { Authorization: 'secret-1' } }).catch(String),
  );
  expect(refused).toContain('A stored header must be no secret');
  expect((await recordsOf(page, database)).text).not.toContain('secret-');
  await page.evaluate(async () =>
    window.requests.basket.add('api', { url: '/x?of=secret-planted' }, { runAt: Date.now() + 3_600_000 }),
  );
  expect((await recordsOf(page, database)).text.match(/secret-\w+/g)).toEqual(['secret-planted']);
});

test('an upload tells how far it is; a worker that dies during it sends it again, from what is stored', async ({
  page,
  http,
  database,
}) => {
  needBlobs();
  const size = 8_000_000;
  let isHeld = true;
  let release: (() => void) | undefined;
  // The first request is read only a little, until its worker is gone.
  http.before = async (request) => {
    if (!isHeld) return;
    request.once('data', () => request.pause());
    await new Promise<void>((resolve) => {
      release = resolve;
      request.once('close', resolve);
    });
  };
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

  isHeld = false;
  await killWorker(page, { url: http.url } as Parameters<typeof killWorker>[1]);
  release?.();
  await untilSent(http, 2);
  await untilEmpty(page);

  const part = new Uint8Array(size / 4).map((_, at) => (at * 7) % 256);
  const hash = createHash('sha256');
  for (let times = 0; times < 4; times += 1) hash.update(part);
  expect(http.ledger.filter(({ whole }) => whole)).toMatchObject([{ key: id, size, digest: hash.digest('hex') }]);
  expect((await recordsOf(page, database)).bodies).toBe(0);
});

test('an upload on a connection that stands still is aborted, and sent again', async ({ page, http, database }) => {
  needBlobs();
  let begun = 0;
  http.before = async (request) => {
    begun += 1;
    if (begun > 1) return;
    request.once('data', () => request.pause());
    await new Promise((resolve) => request.once('close', resolve));
  };
  await openRequests(page, http, { database, timeout: 3_000 });
  const id = await page.evaluate(async () =>
    window.requests.basket.add('api', { method: 'PUT', url: '/files/1', body: new Blob(['x'.repeat(8_000_000)]) }),
  );
  await untilEmpty(page);

  expect(http.ledger.filter(({ whole }) => whole)).toMatchObject([{ key: id, size: 8_000_000 }]);
  expect(begun).toBeGreaterThan(1); // The first one was never read.
});

test(
  'scenario 35: an upload of 200 MB survives a kill of the browser, is not copied by retries, and leaves nothing behind',
  { tag: '@long' },
  async ({ http, database }, info) => {
    needBlobs();
    test.setTimeout(600_000);
    const parts = 20;
    const part = new Uint8Array(10_000_000).map((_, at) => (at * 31) % 256);
    const hash = createHash('sha256');
    for (let times = 0; times < parts; times += 1) hash.update(part);
    const digest = hash.digest('hex');
    const profile = info.outputPath('profile');
    const usage = (page: Page): Promise<number> =>
      page.evaluate(async () => (await navigator.storage.estimate()).usage ?? 0);
    http.answer = () => ({ status: 500 });

    const first = await startLab(profile, http, database);
    const { page } = first;
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

    http.answer = () => ({ status: 201 });
    const second = await startLab(profile, http, database);
    const { page: again } = second;
    await again.evaluate(async (one) => window.requests.basket.retry(one), id);
    await untilEmpty(again);
    const whole = http.ledger.filter((one) => one.whole);
    expect(new Set(whole.map((one) => `${one.key} ${one.size} ${one.digest}`))).toEqual(
      new Set([`${id} 200000000 ${digest}`]),
    );
    expect((await recordsOf(again, database)).bodies).toBe(0);

    second.kill();
    await second.ended;
    await rm(profile, { recursive: true, force: true });
  },
);
