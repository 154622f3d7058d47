/** The service workers of docs/recipes/service-worker.md, in the place of an app's own. The server's ledger judges. */
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Page } from '@playwright/test';
import { build } from 'esbuild';

import { blocks, laidOut } from '../packages/core/test/manual/blocks.js';
import { chromiumSession, needChromiumProtocol } from './engine.js';
import {
  addAll,
  type DemoServer,
  expect,
  namesOf,
  openLab,
  testWithCopy as test,
  until,
  untilDrained,
  untilLed,
  views,
} from './fixture.js';
import { filesOf, startHttpServer } from './http-server.js';

const here = fileURLToPath(new URL('.', import.meta.url));

/** The code of a service worker of the manual. Each change is a text that stands in it, and what takes its place. */
function codeOf(name: string, changes: readonly (readonly [from: string, to: string])[]): string {
  const code = blocks.find((block) => block.name === name)?.code ?? '';

  return changes.reduce((text, [from, to]) => {
    if (!text.includes(from)) throw new Error(`${name} has no "${from}".`);

    return text.replaceAll(from, to);
  }, code);
}

/** Bundles the script with the real Workbox, and registers it. Resolves when it controls the pages that load now. */
async function register(page: Page, dist: string, script: string, folder = here): Promise<void> {
  needChromiumProtocol(); // The test tells the queue over it that the network is back.
  const { outputFiles } = await build({
    stdin: { contents: script, resolveDir: folder },
    nodePaths: [path.join(here, 'node_modules')],
    bundle: true,
    format: 'iife',
    define: { 'process.env.NODE_ENV': '"production"' },
    write: false,
  });
  await writeFile(path.join(dist, 'sw.js'), outputFiles[0]?.text ?? '');
  await page.goto('/lab.html');
  await page.evaluate(async () => {
    const controlled = new Promise((resolve) => {
      navigator.serviceWorker.addEventListener('controllerchange', resolve, { once: true });
    });
    await navigator.serviceWorker.register('/sw.js');
    await controlled;
  });
}

test('a page opens offline from the service worker of the manual, and what it adds is sent by the SharedWorker, once', async ({
  page,
  server,
  database,
  dist,
}) => {
  const assets = (await readdir(path.join(dist, 'assets'))).filter((file) => file.endsWith('.js'));
  const files = ['/lab.html', ...assets.map((file) => `/assets/${file}`)];
  const script = codeOf('sw-shell.js', [
    ["['/', '/assets/index.js', '/assets/tasks.worker.js']", JSON.stringify(files)],
    ["'/'", "'/lab.html'"],
    ["'/notes/'", "'/api/'"],
  ]);
  await register(page, dist, script);

  server.down();
  await openLab(page, { database, session: true });
  await page.evaluate(async () => window.lab.signIn('ann', ['secret-of-ann']));
  await untilLed(page);
  await addAll(page, [{ name: 'first' }, { name: 'second' }]);
  await until(
    () => views(page),
    (tasks) => tasks.some(({ gate }) => gate.reason !== undefined),
    'an attempt that found the server away',
  );
  expect(server.ledger()).toEqual([]);

  server.up();
  await untilDrained(server, page, 2);
  expect([...namesOf(server.ledger())].sort()).toEqual(['first', 'second']);
});

test('the service worker of the manual shows the new page after a deploy, also while the cache of the last one is there', async ({
  page,
  context,
  dist,
}) => {
  const deploy = async (shell: string): Promise<string> => {
    await writeFile(path.join(dist, 'shell.html'), `<!doctype html><title>${shell}</title>`);

    return codeOf('sw-shell.js', [
      ["['/', '/assets/index.js', '/assets/tasks.worker.js']", "['/shell.html']"],
      ["'/'", "'/shell.html'"],
      ["'shell-1'", `'${shell}'`],
    ]);
  };
  await register(page, dist, await deploy('shell-1'));
  await page.goto('/');
  await expect(page).toHaveTitle('shell-1');

  await writeFile(path.join(dist, 'sw.js'), await deploy('shell-2'));
  await page.evaluate(async () => {
    const registration = await navigator.serviceWorker.ready;
    await registration.update();
  });
  // The new service worker waits until no page of the old one is open, so none stays open here.
  await page.close();
  await expect(async () => {
    const next = await context.newPage();
    await next.goto('/');
    const title = await next.title();
    await next.close();
    expect(title).toBe('shell-2');
  }).toPass();
});

/** Behind a server that redirects the file of the page to its folder, as many hosts do. */
const testWithRedirect = test.extend({
  baseURL: async ({ dist, secrets }, use) => {
    const fileOf = filesOf(dist);
    const http = await startHttpServer(secrets, (name) =>
      name === '/index.html' ? undefined : fileOf(name === '/' ? '/index.html' : name),
    );
    http.treat = ({ path: asked }) =>
      asked === '/index.html' ? { status: 308, headers: { Location: '/' } } : { status: 404 };
    await use(http.url);
    await http.close();
  },
});

testWithRedirect(
  'the page opens from the service worker of the manual, although the server redirects /index.html to /',
  async ({ page, dist }) => {
    await writeFile(path.join(dist, 'index.html'), '<!doctype html><title>The app</title>');
    // No other file of the list is there. The page stays in the list under the name that the manual gives it.
    await register(page, dist, codeOf('sw-shell.js', [[", '/assets/index.js', '/assets/tasks.worker.js'", '']]));

    const opened = await page.goto('/');
    expect(opened?.fromServiceWorker()).toBe(true);
    await expect(page).toHaveTitle('The app');
  },
);

/** A service worker that adds each write of the page as a task. The requests of the tasks themselves have a key, and pass. */
const adding = (database: string): string => `
import { openBasket } from 'taskbasket';
import { requestTasks } from './lab/request-tasks.ts';

self.addEventListener('install', () => self.skipWaiting());
self.addEventListener('activate', (event) => event.waitUntil(self.clients.claim()));

const basket = openBasket(requestTasks({ database: '${database}', timeout: 60_000 }));

self.addEventListener('fetch', (event) => {
  const { method, headers } = event.request;
  if (method === 'GET' || headers.has('idempotency-key')) return;
  const added = basket.add('api', event.request, { owner: 'ann' });
  event.respondWith(added.then(() => new Response('added'), (error) => new Response(error.message)));
});
`;

test('a service worker adds its event.request itself, and a page sends it, once', async ({
  page,
  server,
  database,
  dist,
}) => {
  await register(page, dist, adding(database));
  await page.goto('/requests.html');
  await page.evaluate(async (name) => window.requests.open({ database: name, timeout: 60_000 }), database);
  const answer = await page.evaluate(async () =>
    (await fetch('/api/echo/first', { method: 'POST', body: '{"text":"ä"}' })).text(),
  );
  expect(answer).toBe('added');

  await until(server.effects, (effects) => effects.length > 0, 'an effect');
  await until(
    () => page.evaluate(async () => window.requests.basket.count()),
    ({ count }) => count === 0,
    'an empty basket',
  );
  expect(server.ledger()).toMatchObject([{ method: 'POST', path: '/api/echo/first', body: '{"text":"ä"}' }]);
});

/** Sends a request without a key: for such requests the service worker has its queue. It finds no network. */
function like(page: Page, name: string): Promise<unknown> {
  return page.evaluate(async (url) => fetch(url, { method: 'POST', body: '{}' }).catch(String), `/api/echo/${name}`);
}

/** How many requests Workbox keeps. */
function kept(page: Page): Promise<number> {
  return page.evaluate(async () => {
    const opening = indexedDB.open('workbox-background-sync');
    await new Promise((resolve) => opening.addEventListener('success', resolve));
    const counting = opening.result.transaction('requests').objectStore('requests').count();
    await new Promise((resolve) => counting.addEventListener('success', resolve));
    opening.result.close();

    return counting.result;
  });
}

/** Tells the service worker that the network is back, as the browser does, until its queue is empty. */
async function replay(page: Page, server: DemoServer, queue = 'likes'): Promise<void> {
  const session = await chromiumSession(page);
  const registered = new Promise<string>((resolve) => {
    session.on('ServiceWorker.workerRegistrationUpdated', ({ registrations }) => {
      const [found] = registrations;
      if (found !== undefined) resolve(found.registrationId);
    });
  });
  await session.send('ServiceWorker.enable');
  const registrationId = await registered;
  const tag = `workbox-background-sync:${queue}`;
  await until(
    async () => {
      const event = { origin: server.url, registrationId, tag, lastChance: false };
      await session.send('ServiceWorker.dispatchSyncEvent', event);

      return kept(page);
    },
    (count) => count === 0,
    'an empty queue of Workbox',
  );
  await session.detach();
}

const condition = " && !request.headers.has('idempotency-key')";

for (const { title, without } of [
  { title: 'each write reaches the server once', without: [] },
  { title: 'without the condition of the manual some reach it twice', without: [[condition, ''] as const] },
]) {
  test(
    `scenario 68: a service worker queues writes, and a runner's requests pass through it: ${title}`,
    { tag: without.length > 0 ? '@long' : [] },
    async ({ page, server, database, dist }) => {
      const writes = ['like', 'first', 'second'];
      await register(page, dist, codeOf('sw-queue.js', [["'/likes/'", "'/api/'"], ...without]));
      await openLab(page, { database });
      await untilLed(page);
      server.down();
      await like(page, 'like');
      await addAll(page, [{ name: 'first' }, { name: 'second' }]);
      await until(
        () => views(page),
        (tasks) => tasks.some(({ attempts }) => attempts > 0),
        'an attempt that found the server away',
      );
      await until(
        () => kept(page),
        (count) => count > without.length,
        'what Workbox keeps',
      );

      server.up();
      await replay(page, server);
      await untilDrained(server, page, writes.length);
      await replay(page, server);
      const sent = [...namesOf(server.ledger())].sort();
      if (without.length === 0) expect(sent).toEqual([...writes].sort());
      else expect(sent.length).toBeGreaterThan(writes.length);
      expect([...namesOf(server.effects())].sort()).toEqual([...writes].sort()); // The key saves it in both cases.
    },
  );
}

test(
  'what the real Workbox has kept becomes tasks, once each and as it was, by the service worker of the manual',
  { tag: '@long' },
  async ({ page, server, dist }) => {
    const old = codeOf('sw-queue.js', [
      ["'/likes/'", "'/api/'"],
      ["'likes'", "'notes'"],
    ]);
    await register(page, dist, old);
    server.setMood('drop-before'); // The files are served, but no request of the API has an answer.
    for (const name of ['first', 'second']) await like(page, name);
    await until(
      () => kept(page),
      (count) => count === 2,
      'what Workbox keeps',
    );

    await register(page, dist, codeOf('sw.js', []), laidOut('e2e-move').folder);
    await replay(page, server, 'notes');
    const tasks = await page.evaluate(async () => {
      const opening = indexedDB.open('field-app');
      await new Promise((resolve) => opening.addEventListener('success', resolve));
      const reading = opening.result.transaction('taskbasket.tasks').objectStore('taskbasket.tasks').getAll();
      await new Promise((resolve) => reading.addEventListener('success', resolve));

      return (reading.result as { readonly payload: { readonly url: string; readonly body: ArrayBuffer } }[]).map(
        ({ payload: { body, ...request } }) => ({ ...request, body: new TextDecoder().decode(body) }),
      );
    });
    expect(tasks).toMatchObject(
      ['first', 'second'].map((name) => ({ url: `${server.url}/api/echo/${name}`, method: 'POST', body: '{}' })),
    );
    expect(server.effects()).toEqual([]);
  },
);
