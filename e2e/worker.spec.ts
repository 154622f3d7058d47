import { cp, readdir, rename, rm } from 'node:fs/promises';
import path from 'node:path';

import type { Browser, Page } from '@playwright/test';

import { add, addAll, expect, openLab, rows, test, until, untilDrained, untilLed, workerTargets } from './fixture.ts';

function workerErrors(page: Page) {
  return page.evaluate(() => window.lab.errors());
}

/** What the page was told, once it was told something. */
async function firstError(page: Page) {
  const [error] = await until(
    () => workerErrors(page),
    (errors) => errors.length > 0,
    'an error of the worker',
  );
  return error;
}

const broken = [
  {
    worker: '404',
    title: 'a worker whose script is not there',
    problem: 'failed',
    // No browser says which it was.
    says: /could not be started: the browser does not say why: its script is missing \(404\)/,
  },
  {
    worker: 'throws',
    title: 'a worker whose script throws when it is imported',
    problem: 'failed',
    says: /could not be started: .*As told: this worker throws while it starts\./,
  },
  {
    worker: 'html',
    title: 'a worker in whose place the server sends a page, as many do for a file that a deploy took away',
    problem: 'failed',
    says: /could not be started: the browser does not say why/,
  },
  {
    worker: 'other',
    title: 'a worker of another basket',
    problem: 'mismatch',
    says: /another basket's: it serves "taskbasket:another-/,
  },
  { worker: 'silent', title: 'a worker that never answers', problem: 'silent', says: /does not answer/ },
] as const;

test('scenario 42: a worker that does not start or is another one: a typed error says what is known, and adding goes on', async ({
  page,
  server,
  database,
}) => {
  for (const { worker, title, problem, says } of broken) {
    await test.step(title, async () => {
      server.reset();
      const options = { database: `${database}-${worker}` };
      await openLab(page, { ...options, worker });

      const error = await firstError(page);
      expect(error).toMatchObject({ name: 'WorkerError', code: 'worker', problem });
      expect(error?.message).toMatch(says);
      expect(error?.message).toContain('Tasks are added and kept');

      const ids = await addAll(page, [{ name: 'first' }, { name: 'second' }]);
      expect((await rows(page)).map(({ id }) => id)).toEqual(ids);
      expect(server.ledger()).toEqual([]);

      // A tab whose worker starts, after the next deploy say, runs them.
      await openLab(page, options);
      await untilDrained(server, page, 2);
    });
  }
});

test('a worker that the content security policy blocks: a typed error, and adding goes on; sent once it is allowed', async ({
  page,
  server,
  database,
}) => {
  await page.route('**/lab.html', async (route) => {
    const response = await route.fetch();
    const policy = `${response.headers()['content-security-policy'] ?? ''}; worker-src 'none'`;
    await route.fulfill({ response, headers: { ...response.headers(), 'content-security-policy': policy } });
  });
  await openLab(page, { database });

  const error = await firstError(page);
  expect(error).toMatchObject({ code: 'worker', problem: 'failed' });
  expect(error?.message).toMatch(/blocked \(content security policy\).*Tasks are added and kept/);
  const ids = await addAll(page, [{ name: 'first' }, { name: 'second' }]);
  expect((await rows(page)).map(({ id }) => id)).toEqual(ids);
  expect(server.ledger()).toEqual([]);

  await page.unroute('**/lab.html');
  await openLab(page, { database });
  await untilDrained(server, page, 2);
});

/** With a copy of the built lab, whose files a test may take away. */
const deploy = test.extend({
  dist: async ({ dist }, use, info) => {
    const copy = info.outputPath('dist');
    await cp(dist, copy, { recursive: true });
    await use(copy);
    await rm(copy, { recursive: true });
  },
});

deploy(
  'a deploy took the hashed file of the worker away: an error, once; when it is there again, the same page gets it',
  async ({ page, server, database, dist }) => {
    const assets = path.join(dist, 'assets');
    const name = (await readdir(assets)).find((file) => /^lab\.worker-.*\.js$/.test(file)) ?? '';
    const script = path.join(assets, name);
    await rename(script, `${script}.gone`);
    await openLab(page, { database });

    expect(await firstError(page)).toMatchObject({ code: 'worker', problem: 'failed' });
    const id = await add(page, 'send', { name: 'report' });
    expect(await rows(page)).toMatchObject([{ id, attempts: 0 }]);

    await rename(`${script}.gone`, script);
    expect(await untilDrained(server, page, 1)).toMatchObject([{ key: id }]);
    expect(await workerErrors(page)).toHaveLength(1);
  },
);

test('a worker that hangs in a handler is named by the page that adds, which goes on adding, by one that opens, and by health', async ({
  page,
  context,
  server,
  database,
}) => {
  await openLab(page, { database });
  await untilLed(page);
  const hanging = await add(page, 'hang', { name: 'hangs' });

  const error = await firstError(page);
  expect(error).toMatchObject({ code: 'worker', problem: 'silent' });
  expect(error?.message).toMatch(/does not answer: .*endless loop.*Tasks are added and kept/);
  expect(await page.evaluate(async () => window.lab.basket.health())).toMatchObject({
    runner: { led: true, running: [hanging] },
    worker: { state: 'failed', problem: 'silent' },
    queued: { count: 1 },
  });

  const other = await context.newPage();
  await openLab(other, { database });
  expect(await firstError(other)).toMatchObject({ problem: 'silent' });
  const ids = [await add(page, 'send', { name: 'one' }), await add(other, 'send', { name: 'two' })];
  expect((await rows(other)).map(({ id }) => id)).toEqual([hanging, ...ids]);

  // Nothing ends a loop but the last of its tabs.
  await page.evaluate(async (id) => window.lab.basket.cancel(id), hanging);
  await page.close();
  await other.goto('about:blank');
  await openLab(other, { database });
  expect(new Set((await untilDrained(server, other, 2)).map(({ key }) => key))).toEqual(new Set(ids));
});

test('health says who runs what; a worker that then hangs for a while is told, tried again by itself, and is as before', async ({
  page,
  server,
  database,
}) => {
  const health = () => page.evaluate(async () => window.lab.basket.health());
  await openLab(page, { database, build: 3 });
  await untilLed(page);
  // It leads before the page has heard its answer, which a busy machine may delay for so long that it is called silent.
  const well = await until(health, ({ worker }) => worker.state === 'running', 'an answer of the worker');
  const before = (await workerErrors(page)).length;
  expect(well).toMatchObject({
    runner: { led: true, build: 3, running: [] },
    worker: { state: 'running', build: 3, types: { send: 1, slow: 1, never: 1, hang: 1, count: 1 } },
    stalled: false,
    queued: { count: 0, more: false },
    registries: [],
    storage: { persisted: false },
  });
  expect(well.storage.quota).toBeGreaterThan(0);

  const ids = [await add(page, 'hang', { name: 'hangs', ms: 7_000 })];
  const [, error] = await until(
    async () => [{}, ...(await workerErrors(page)).slice(before)] as const,
    (told) => told.length > 1,
    'an error of the worker',
  );
  expect(error).toMatchObject({ problem: 'silent' });
  ids.push(await add(page, 'send', { name: 'behind' }));

  expect(new Set((await untilDrained(server, page, 2)).map(({ key }) => key))).toEqual(new Set(ids));
  expect(server.ledger()).toHaveLength(2);
  expect(await workerErrors(page)).toHaveLength(before + 1);
  expect(await workerTargets(page.context().browser() as Browser, server)).toHaveLength(1);
});

test('the database has no stores of the basket: the worker says so and runs none, and when they are there it runs all', async ({
  page,
  server,
  database,
}) => {
  await page.goto('/lab.html');
  await page.evaluate(async (name) => {
    const request = indexedDB.open(name, 1);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore('notes', { keyPath: 'id' }));
    await new Promise((resolve) => request.addEventListener('success', resolve));
    request.result.close();
  }, database);
  await page.evaluate(async (given) => void (await window.lab.open(given)), { database, maker: 'raw' } as const);

  const error = await firstError(page);
  expect(error).toMatchObject({ code: 'worker', problem: 'database' });
  expect(error?.message).toMatch(/can run none.*lacks object stores.*createStores\(tx, tasks\).*raise its version/);
  const refused = page.evaluate(async () => window.lab.basket.add('send', { name: 'refused' }));
  await expect(refused).rejects.toThrow(/lacks object stores/);

  // The next version of the app's page makes them; the worker of the page before finds them too.
  const next = await page.context().newPage();
  await openLab(next, { database, maker: 'raw', version: 2, worker: 'none' });
  const id = await add(next, 'send', { name: 'report' });
  expect(await untilDrained(server, next, 1)).toMatchObject([{ key: id }]);
  expect(await add(page, 'send', { name: 'later' })).not.toBe('');
  await untilDrained(server, page, 2);
  expect(await workerErrors(page)).toHaveLength(1);
});

test('scenario 42: a browser without SharedWorker: the error says so, adding goes on, and runBasket in the page runs it', async ({
  page,
  server,
  database,
}) => {
  await page.addInitScript(() => void Reflect.deleteProperty(window, 'SharedWorker'));
  await openLab(page, { database });

  const error = await firstError(page);
  expect(error).toMatchObject({ name: 'WorkerError', code: 'worker', problem: 'unsupported' });
  expect(error?.message).toContain('This browser has no SharedWorker');
  expect(error?.message).toContain('runBasket');

  const id = await add(page, 'send', { name: 'report' });
  expect(await rows(page)).toMatchObject([{ id, attempts: 0 }]);

  await page.evaluate(() => window.lab.run());
  expect(await untilDrained(server, page, 1)).toMatchObject([{ key: id }]);
});
