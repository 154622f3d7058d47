/** The first task of the README, as it stands there, on a network that lies. A real server's ledger is the judge. */
import { readFileSync } from 'node:fs';

import type { Page } from '@playwright/test';
import { build } from 'esbuild';

import { laidOut } from '../packages/core/test/manual/blocks.js';
import { expect, test as base, until } from './fixture.js';
import type { Asked, File, HttpServer, Treatment } from './http-server.js';
import { good, startHttpServer } from './http-server.js';

/** The app's service worker: it answers whatever it cannot send with a page, as many do. The page says it is a text. */
const serviceWorker = `
  addEventListener('install', () => skipWaiting());
  addEventListener('activate', (event) => event.waitUntil(clients.claim()));
  const offline = () => new Response('<!doctype html><h1>You are offline.</h1>');
  addEventListener('fetch', (event) => {
    if (event.request.method !== 'GET') event.respondWith(fetch(event.request).catch(offline));
  });
`;

/**
 * What the README leaves to the bundler: two scripts. Its second step makes the names global.
 *
 * @param process Each process of the test run has a folder of its own, because several write at the same time.
 */
async function bundles(process: number): Promise<ReadonlyMap<string, File>> {
  const { folder } = laidOut(`first-task-in-a-browser-${process}`);
  const entry = "import { basket, save } from './basket.ts'; Object.assign(globalThis, { basket, save });";
  const bundle = async (contents: string): Promise<File> => {
    const stdin = { contents, resolveDir: folder, loader: 'ts' } as const;
    const { outputFiles } = await build({ stdin, bundle: true, format: 'esm', write: false, logLevel: 'silent' });

    return { type: 'text/javascript', text: outputFiles[0]?.text ?? '' };
  };
  const page = {
    type: 'text/html',
    text: '<!doctype html><title>App</title><script type="module" src="/main.js"></script>',
  };

  return new Map([
    ['/', page],
    ['/main.js', await bundle(entry)],
    ['/tasks.worker.ts', await bundle(readFileSync(`${folder}/tasks.worker.ts`, 'utf8'))],
    ['/empty', { type: 'text/html', text: '<!doctype html><title>Empty</title>' }],
    ['/sw.js', { type: 'text/javascript', text: serviceWorker }],
    ['/favicon.ico', { type: 'image/x-icon', text: '' }],
    ['/sign-in', { type: 'text/html', text: '<h1>Sign in</h1>' }],
  ]);
}

const test = base.extend<{ readonly app: HttpServer }, { readonly files: ReadonlyMap<string, File> }>({
  files: [
    // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs from the pattern.
    async ({}, use, { workerIndex }) => {
      await use(await bundles(workerIndex));
    },
    { scope: 'worker' },
  ],
  app: async ({ files, secrets }, use) => {
    const server = await startHttpServer(secrets, (path) => files.get(path));
    await use(server);
    await server.close();
  },

  baseURL: async ({ app }, use) => {
    await use(app.url);
  },
});

interface Globals {
  readonly basket: { list(): Promise<readonly View[]>; retry(query: object): Promise<number> };
  readonly save: (note: { id: string; text: string }) => Promise<string>;
}

interface View {
  readonly state: string;
  readonly attempts: number;
  readonly failures: number;
  readonly running: boolean;
}

const views = (page: Page): Promise<readonly View[]> =>
  page.evaluate(async () => (globalThis as unknown as Globals).basket.list());

/** Saves the note of the README. */
async function save(page: Page, app: HttpServer): Promise<string> {
  await page.goto(`${app.url}/`);

  return page.evaluate(async () => (globalThis as unknown as Globals).save({ id: 'n1', text: 'The cellar is dry.' }));
}

/** Saves a note; waits until the server, or what stands in its place, has answered. Nothing may be counted or lost. */
async function saveInVain(page: Page, app: HttpServer): Promise<string> {
  const id = await save(page, app);
  const [view] = await until(
    () => views(page),
    ([task]) => task === undefined || (task.attempts > 0 && !task.running),
    'an attempt that has ended',
  );
  expect(view).toMatchObject({ state: 'queued', failures: 0 });
  expect(app.ledger.length).toBeGreaterThan(0);

  return id;
}

/** Waits until nothing is left. The server must have done its work once, for the task of this id. */
async function expectDoneOnce(page: Page, app: HttpServer, id: string): Promise<void> {
  await until(
    () => views(page),
    (all) => all.length === 0,
    'an empty basket',
  );
  expect([...app.effects.keys()]).toEqual([`"${id}"`]);
  const effect = app.effects.get(`"${id}"`);
  expect(effect).toMatchObject({ method: 'PUT', path: '/notes/n1' });
  expect(String(effect?.body)).toBe('{"id":"n1","text":"The cellar is dry."}');
  // No redirect was followed.
  expect(new Set(app.ledger.map(({ path, key }) => `${path} ${key}`))).toEqual(new Set([`/notes/n1 "${id}"`]));
}

const html = { 'Content-Type': 'text/html' };
const ills: readonly (readonly [what: string, treat: () => Treatment])[] = [
  ['302 to a sign-in page', () => ({ status: 302, headers: { Location: '/sign-in' } })],
  ['200 with HTML', () => ({ status: 200, effect: false, headers: html, body: '<h1>Sign in</h1>' })],
  ['511 of a captive portal', () => ({ status: 511, headers: html, body: '<h1>Welcome to the train</h1>' })],
  ['an answer that is dropped after the effect', () => ({ effect: true })],
];

for (const [what, treat] of ills) {
  test(`the first task of the README survives ${what}`, async ({ page, app }) => {
    app.treat = treat;
    const id = await saveInVain(page, app);

    app.treat = () => good;
    await page.evaluate(async () => (globalThis as unknown as Globals).basket.retry({}));
    await expectDoneOnce(page, app, id);
  });
}

test('the first task of the README survives the offline page of a service worker', async ({ page, app }) => {
  await page.goto(`${app.url}/empty`);
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/sw.js');
    await navigator.serviceWorker.ready;
  });
  app.treat = () => ({});
  const id = await saveInVain(page, app);
  const [task] = await page.evaluate(async () => (globalThis as unknown as Globals).basket.list());
  expect(JSON.stringify(task)).toContain('this is an offline page');

  app.treat = () => good;
  await page.evaluate(async () => (globalThis as unknown as Globals).basket.retry({}));
  await expectDoneOnce(page, app, id);
});

test('scenario 23: the first task of the README survives a 429, and waits until its date', async ({ page, app }) => {
  let until429 = 0;
  app.treat = ({ at, before }: Asked) => {
    if (before > 0) return good;
    until429 = Math.ceil((at + 4_000) / 1_000) * 1_000;

    return { status: 429, headers: { 'Retry-After': new Date(until429).toUTCString() } };
  };
  const id = await save(page, app);
  await expectDoneOnce(page, app, id);
  expect(app.ledger.map(({ status }) => status)).toEqual([429, 200]);
  // Both times are rounded to milliseconds, and a timer may fire a millisecond early.
  expect(app.ledger[1]?.at).toBeGreaterThanOrEqual(until429 - 2);
});
