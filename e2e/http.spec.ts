/** What becomes of the tasks of a handler that sends with `taskbasket/http`, judged by the ledger of a real server. */
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

import type { Page } from '@playwright/test';

import { expect, test as base, until } from './fixture.js';
import type { Asked, HttpServer, Treatment } from './http-server.js';
import { filesOf, good, startHttpServer } from './http-server.js';
import type { Call } from './lab/http-tasks.js';
import { storedOf } from './secrets.js';

const root = fileURLToPath(new URL('..', import.meta.url));

/** `app` serves the page. `other` is another origin. `forbidden` is one that the app's policy does not name. */
const test = base.extend<Record<'app' | 'other' | 'forbidden', HttpServer>>({
  other: async ({ secrets }, use) => {
    const server = await startHttpServer(secrets);
    await use(server);
    await server.close();
  },
  forbidden: async ({ secrets }, use) => {
    const server = await startHttpServer(secrets);
    await use(server);
    await server.close();
  },
  app: async ({ other, dist, secrets }, use) => {
    const server = await startHttpServer(secrets, filesOf(dist));
    server.headers = { 'Content-Security-Policy': `default-src 'self'; connect-src 'self' ${other.url}` };
    await use(server);
    await server.close();
  },
  baseURL: async ({ app }, use) => {
    await use(app.url);
  },
});

async function openHttpLab(page: Page, app: HttpServer, tokens: readonly string[]): Promise<void> {
  await page.goto(`${app.url}/http.html`);
  await page.evaluate(async (all) => window.http.signIn('ann', all), tokens);
}

function add(page: Page, type: 'call' | 'short', call: Call): Promise<string> {
  return page.evaluate(async ([name, payload]) => window.http.basket.add(name, payload), [type, call] as const);
}

type View = Awaited<ReturnType<Window['http']['basket']['list']>>[number];

function views(page: Page): Promise<readonly View[]> {
  return page.evaluate(async () => window.http.basket.list({ limit: 1_000 }));
}

/** What must be seen of a task. `undefined` as a view: it is done. */
type Seen = (view: View | undefined, asked: readonly Asked[]) => boolean;

interface Row {
  /** The first cell of its row in docs/handlers.md. */
  readonly cell: string;
  readonly name: string;
  /** What the server does with its requests, until all servers are good. */
  readonly treat?: (asked: Asked) => Treatment;
  readonly call?: Partial<Call>;
  readonly type?: 'short';
  readonly seen: Seen;
}

const always = (status: number, headers: Record<string, string> = {}, body = '') => ({
  treat: (): Treatment => ({ status, headers, body, effect: status < 300 && !('Location' in headers) }),
});
const html = { 'Content-Type': 'text/html' };
const json = { 'Content-Type': 'application/json' };

const isDone: Seen = (view) => view === undefined;
/** It waits and nothing was counted. It is seen between its attempts. */
const waits =
  (status?: number): Seen =>
  (view) =>
    view?.state === 'queued' &&
    view.failures === 0 &&
    view.lastError?.status === status &&
    view.lastError !== undefined;
const isCounted =
  (name: string): Seen =>
  (view) =>
    view?.state === 'queued' && view.failures > 0 && view.lastError?.name === name;
const isDead =
  (status: number): Seen =>
  (view, asked) => {
    const detail = view?.lastError?.detail as { status: number; body: unknown } | undefined;

    return view?.state === 'dead' && asked.length === 1 && detail?.status === status && detail.body === `why ${status}`;
  };

const cells = {
  done: '2xx without HTML, or with the content that `expect` names; 2xx without content; 304',
  redirect: 'a redirect; an answer that scripts cannot read',
  html: '2xx with HTML, or with another content than `expect` names',
  away: 'no network; 407, 408, 425, 429, 502, 503, 504, 511, 520 to 527',
  signedOut: '401',
  conflict: '409 on a later attempt',
  dead: '409 on the first attempt; 403, 404, 410, 412, 422 and any other 4xx',
  counted: '500 and any other status',
  timeout: 'the attempt takes longer than its `timeout`',
  policy: 'a content security policy refuses the request',
  cors: 'CORS blocks the request or its answer',
};

function rowsFor(other: HttpServer, forbidden: HttpServer): readonly Row[] {
  return [
    { cell: cells.done, name: 'json', ...always(200, json, '{}'), seen: isDone },
    { cell: cells.done, name: 'broken-json', ...always(201, json, '{"a":'), seen: isDone },
    { cell: cells.done, name: 'text', ...always(202, { 'Content-Type': 'text/plain' }, 'ok'), seen: isDone },
    { cell: cells.done, name: 'html', ...always(200, html, '<p>'), call: { expect: 'html' }, seen: isDone },
    {
      cell: cells.done,
      name: 'csv',
      ...always(200, { 'Content-Type': 'text/csv' }, 'a'),
      call: { expect: 'text/csv' },
      seen: isDone,
    },
    { cell: cells.done, name: 'empty', ...always(200, html), seen: isDone },
    { cell: cells.done, name: '204', ...always(204), seen: isDone },
    { cell: cells.done, name: '304', ...always(304), seen: isDone },
    ...[301, 302, 303, 307, 308].map((status) => ({
      cell: cells.redirect,
      name: `${status}`,
      ...always(status, { Location: '/signed-in-elsewhere' }),
      seen: waits(0),
    })),
    { cell: cells.html, name: 'sign-in', ...always(200, html, '<h1>Sign in</h1>'), seen: waits(200) },
    {
      cell: cells.html,
      name: 'no-json',
      ...always(200, { 'Content-Type': 'text/plain' }, 'x'),
      call: { expect: 'json' },
      seen: waits(200),
    },
    { cell: cells.away, name: 'no-network', treat: () => ({}), seen: waits() },
    // Chromium takes a 407 that no proxy sent for a lost network.
    { cell: cells.away, name: '407', ...always(407), seen: (...given) => waits()(...given) || waits(407)(...given) },
    ...[408, 425, 429, 502, 503, 504, 511, 520, 527].map((status) => ({
      cell: cells.away,
      name: `${status}`,
      ...always(status),
      seen: waits(status),
    })),
    {
      cell: cells.away,
      name: 'retry-after',
      ...always(503, { 'Retry-After': '3600' }),
      seen: (view, asked) => waits(503)(view, asked) && (view?.gate.closedUntil ?? 0) > Date.now() + 3_000_000,
    },
    {
      cell: cells.signedOut,
      name: '401',
      treat: ({ token }) => (token === 'Bearer secret-2' ? good : { status: 401 }),
      seen: (view, asked) => view === undefined && String(asked.map(({ status }) => status)) === '401,200',
    },
    {
      cell: cells.conflict,
      name: 'in-progress',
      treat: ({ before }) => [{ effect: true }, { status: 409 }][before] ?? good,
      seen: (view, asked) => view === undefined && String(asked.map(({ status }) => status)) === 'dropped,409,200',
    },
    ...[400, 402, 403, 404, 405, 409, 410, 412, 413, 415, 422, 451].map((status) => ({
      cell: cells.dead,
      name: `${status}`,
      ...always(status, { 'Content-Type': 'text/plain' }, `why ${status}`),
      seen: isDead(status),
    })),
    ...[500, 501, 505, 599].map((status) => ({
      cell: cells.counted,
      name: `${status}`,
      ...always(status),
      seen: isCounted('Error'),
    })),
    {
      cell: cells.timeout,
      name: 'slow',
      type: 'short',
      treat: () => ({ hang: true }),
      seen: isCounted('TimeoutError'),
    },
    {
      cell: cells.policy,
      name: 'policy',
      call: { base: forbidden.url },
      seen: (view, asked) =>
        isCounted('Blocked')(view, asked) &&
        view?.lastError?.message.includes('connect-src') === true &&
        forbidden.ledger.length === 0,
    },
    {
      cell: cells.cors,
      name: 'cors',
      call: { base: other.url },
      seen: (view, asked) =>
        isCounted('Blocked')(view, asked) &&
        view?.lastError?.message.includes('CORS') === true &&
        other.effects.size === 0,
    },
  ];
}

test('scenario 69: each row of the table of verdicts, and what waits or was blocked is sent once its cause is gone', async ({
  page,
  app,
  other,
  forbidden,
}) => {
  const rows = rowsFor(other, forbidden);
  const manual = readFileSync(`${root}docs/handlers.md`, 'utf8');
  const [, table = ''] = /^## send\n[^]*?^\| --- \| --- \|\n([^]*?)\n\n/m.exec(manual) ?? [];
  expect(table.split('\n').map((line) => line.split(' | ')[0]?.slice(2))).toEqual(Object.values(cells));
  expect(new Set(rows.map(({ cell }) => cell))).toEqual(new Set(Object.values(cells)));

  const treatments = new Map(rows.map(({ name, treat }) => [`/api/${name}`, treat]));
  app.treat = (asked) => treatments.get(asked.path)?.(asked) ?? good;
  await openHttpLab(page, app, ['secret-1', 'secret-2']);
  const ids = new Map<string, string>();
  for (const { name, type = 'call', call } of rows)
    ids.set(name, await add(page, type, { name, path: `/api/${name}`, ...call }));

  // A row counts once it was seen: what waits goes on.
  const left = new Map(rows.map((row) => [row.name, row]));
  const look = async (): Promise<readonly string[]> => {
    const all = await views(page);
    for (const { name, seen } of left.values()) {
      const view = all.find(({ id }) => id === ids.get(name));
      if (
        seen(
          view,
          app.ledger.filter(({ path: at }) => at === `/api/${name}`),
        )
      )
        left.delete(name);
    }

    return all.filter(({ payload }) => left.has(payload?.name ?? '')).map((view) => JSON.stringify(view));
  };
  await until(look, () => left.size === 0, 'each verdict');
  // A policy stands in the headers of the worker's script, so no retry helps a task that it blocks.
  await page.evaluate(async (id) => window.http.basket.cancel(id ?? ''), ids.get('policy'));

  other.headers = {
    'Access-Control-Allow-Origin': app.url,
    'Access-Control-Allow-Methods': 'PUT',
    'Access-Control-Allow-Headers': 'Authorization, Content-Type, Idempotency-Key',
  };
  app.treat = () => good;
  await until(
    () => other.effects.size,
    (count) => count === 1,
    'an effect of the task that CORS had blocked',
  );
  await page.evaluate(async () => window.http.basket.retry({}));
  await until(
    () => views(page),
    (all) => all.length === 0,
    'an empty basket',
  );

  const sent = rows.filter(({ name }) => !['cors', 'policy'].includes(name));
  // 304 does no work.
  const worked = sent.filter(({ name }) => name !== '304');
  expect([...app.effects.keys()].sort()).toEqual(worked.map(({ name }) => `"${ids.get(name)}"`).sort());
  for (const { name } of sent) {
    const keys = app.ledger.filter(({ path: at }) => at === `/api/${name}`).map(({ key }) => key);
    expect(new Set(keys)).toEqual(new Set([`"${ids.get(name)}"`]));
  }
  expect(app.ledger.filter(({ path: at }) => at === '/signed-in-elsewhere')).toEqual([]);
});

test('scenarios 31, 33 and 67: after a 401 the values are asked for once for all tasks; if they are refused too, the tasks wait and it is told once; no token is stored', async ({
  page,
  app,
}) => {
  const accepted = new Set(['Bearer secret-2']);
  app.treat = ({ token = '' }) => (accepted.has(token) ? good : { status: 401 });
  await openHttpLab(page, app, ['secret-1', 'secret-2']);
  const names = ['one', 'two', 'three', 'four'];
  for (const name of names) await add(page, 'call', { name: 'api', path: `/api/${name}` });
  await until(
    () => app.effects.size,
    (count) => count === 4,
    'four effects',
  );
  expect(await page.evaluate(() => window.http.asked())).toBe(2);
  expect(new Set([...app.effects.values()].map(({ token }) => token))).toEqual(accepted);

  accepted.clear();
  for (const name of names) await add(page, 'call', { name: 'api', path: `/api/again-${name}` });
  const told = await until(
    () => page.evaluate(() => window.http.told()),
    (all) => JSON.stringify(all).includes('signed-out'),
    'an event that nobody is signed in',
  );
  expect(told.filter((one) => JSON.stringify(one) === '["signed-out","ann"]')).toHaveLength(1);
  const reasons = (): Promise<readonly string[]> =>
    page.evaluate(async () => {
      const ids = (await window.http.basket.list()).map(({ id }) => id);

      return (await Promise.all(ids.map((id) => window.http.basket.explain(id)))).flatMap((all) =>
        all.map(({ reason }) => reason),
      );
    });
  await until(reasons, (all) => all.length === 4 && all.every((one) => one === 'signed-out'), 'four tasks that wait');
  const before = app.ledger.length;
  expect((await views(page)).map(({ failures }) => failures)).toEqual([0, 0, 0, 0]);

  accepted.add('Bearer secret-3');
  await page.evaluate(async () => window.http.signIn('ann', ['secret-3']));
  await until(
    () => app.effects.size,
    (count) => count === 8,
    'eight effects',
  );
  expect(app.ledger.slice(before).map(({ token }) => token)).toEqual(names.map(() => 'Bearer secret-3'));
});

test('the search for secrets finds what an app stores by itself: in a payload, a header, a body, an outcome and beside the tasks', async ({
  page,
  app,
  secrets,
}) => {
  app.treat = ({ path: at }) => (at === '/api/planted' ? good : { status: 500 });
  await openHttpLab(page, app, ['secret-1']);
  await page.evaluate(async () => {
    const { basket } = window.http;
    const call = { name: 'planted', path: '/api/planted' };
    await basket.settled(await basket.add('call', { ...call, result: 'secret-outcome' }));
    const headers = { Authorization: 'Bearer secret-header' };
    await basket.add('call', { ...call, path: '/api/secret-payload', headers } as never);
    await basket.add('call', { ...call, path: '/api/1', blob: new Blob(['secret-body ', 'x'.repeat(300_000)]) });
    localStorage.setItem('planted', 'secret-local');
    sessionStorage.setItem('planted', 'secret-session');
    await (await caches.open('planted')).put('/planted', new Response('secret-cache'));
  });
  for (const place of ['outcome', 'header', 'payload', 'body', 'local', 'session', 'cache'])
    secrets.planted.add(`secret-${place}`);
});

test('scenario 36: a body of some megabytes whose upload breaks off is whole at the next attempt, and is kept until the answer', async ({
  page,
  app,
}) => {
  let release = (): void => undefined;
  const hold = new Promise<void>((resolve) => (release = resolve));
  app.treat = ({ before }) => (before === 0 ? { dropAfter: 1_000_000 } : { ...good, hold });
  await openHttpLab(page, app, ['secret-1']);
  const part = '0123456789abcdef';
  const digest = createHash('sha256').update(part.repeat(500_000)).digest('hex');
  await page.evaluate(async (text) => {
    const blob = new Blob([text.repeat(500_000)]);
    await window.http.basket.add('call', { name: 'photo', path: '/api/photo', blob });
  }, part);
  await until(
    () => app.ledger.length,
    (count) => count >= 2,
    'a second upload',
  );
  const isStored = (): Promise<boolean> => page.evaluate(storedOf, [part]).then(({ length }) => length > 0);
  expect(await isStored()).toBe(true);
  expect(await views(page)).toMatchObject([{ running: true, failures: 0 }]);

  release();
  await until(isStored, (still) => !still, 'an end of the stored body');
  expect(app.ledger.map(({ status, digest: seen }) => [status, seen])).toEqual([
    ['dropped', undefined],
    [200, digest],
  ]);
  expect(app.effects.size).toBe(1);
  expect(await views(page)).toEqual([]);
});
