import { readdir, rename } from 'node:fs/promises';
import path from 'node:path';

import type { Page } from '@playwright/test';

import { engine } from './engine.js';
import {
  add,
  addAll,
  expect,
  namesOf,
  openLab,
  rows,
  test,
  testWithCopy,
  until,
  untilDrained,
  untilLed,
  workerTargets,
} from './fixture.js';

function workerErrors(page: Page) {
  return page.evaluate(() => window.lab.errors());
}

/** What the page was told of a problem, once it was told. A busy machine may be so late that the worker is called silent first. */
async function errorOf(page: Page, problem: string) {
  const errors = await until(
    () => workerErrors(page),
    (told) => told.some((one) => one.problem === problem),
    `an error of the worker that says ${problem}`,
  );
  return errors.find((one) => one.problem === problem);
}

const broken = [
  {
    worker: '404',
    title: 'a worker whose script is not there',
    problem: 'failed',
    // No browser says which it was.
    says: /could not be started, and the browser does not say why\. After a deploy its script may be gone: reload the page/,
  },
  {
    worker: 'throws',
    title: 'a worker whose script throws when it is imported',
    problem: 'failed',
    says: /could not be started, because of ".*As told: this worker throws while it starts"\./,
  },
  {
    worker: 'html',
    title: 'a worker in whose place the server sends a page, as many do for a file that a deploy took away',
    problem: 'failed',
    says: /could not be started, and the browser does not say why/,
  },
  {
    worker: 'other',
    title: 'a worker of another basket',
    problem: 'mismatch',
    says: /serves the registry "another-[^:"]*", and this page "[^:"]*"\. Import the same one in both/,
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

      const error = await errorOf(page, problem);
      expect(error).toMatchObject({ name: 'WorkerError', code: 'worker' });
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

  const error = await errorOf(page, 'failed');
  expect(error).toMatchObject({ code: 'worker' });
  expect(error?.message).toMatch(/blocked \(content security policy\).*Tasks are added and kept/);
  const ids = await addAll(page, [{ name: 'first' }, { name: 'second' }]);
  expect((await rows(page)).map(({ id }) => id)).toEqual(ids);
  expect(server.ledger()).toEqual([]);

  await page.unroute('**/lab.html');
  await openLab(page, { database });
  await untilDrained(server, page, 2);
});

testWithCopy(
  'a deploy took the hashed file of the worker away: an error, once; when it is there again, the same page gets it',
  async ({ page, server, database, dist }) => {
    const assets = path.join(dist, 'assets');
    const name = (await readdir(assets)).find((file) => /^lab\.worker-.*\.js$/.test(file)) ?? '';
    const script = path.join(assets, name);
    await rename(script, `${script}.gone`);
    await openLab(page, { database });

    expect(await errorOf(page, 'failed')).toMatchObject({ code: 'worker' });
    const id = await add(page, 'send', { name: 'report' });
    expect(await rows(page)).toMatchObject([{ id, attempts: 0 }]);

    await rename(`${script}.gone`, script);
    expect(await untilDrained(server, page, 1)).toMatchObject([{ key: id }]);
    expect((await workerErrors(page)).filter(({ problem }) => problem === 'failed')).toHaveLength(1);
  },
);

test('a worker that hangs in a handler is named by the page that adds, which goes on adding, by one that opens, and by health', async ({
  page,
  context,
  server,
  database,
}) => {
  await openLab(page, { database, build: 3 });
  await untilLed(page);
  // It has the lock before it has written its record, and leads before the page has heard its answer.
  const well = await until(
    () => page.evaluate(async () => window.lab.basket.health()),
    ({ worker, runner }) => worker.state === 'running' && runner.build !== undefined,
    'an answer of the worker, and its record',
  );
  expect(well).toMatchObject({
    runner: { led: true, build: 3, running: [] },
    worker: { state: 'running', build: 3, types: { send: 1, slow: 1, never: 1, hang: 1, count: 1 } },
    stalled: false,
    queued: { count: 0, more: false },
    registries: [],
  });
  // WebKitGTK tells a page nothing of its storage.
  if (engine !== 'webkit') {
    expect(well.storage.persisted).toBe(false);
    expect(well.storage.quota).toBeGreaterThan(0);
  }
  const hanging = await add(page, 'hang', { name: 'hangs' });

  const error = await errorOf(page, 'silent');
  expect(error).toMatchObject({ code: 'worker' });
  expect(error?.message).toMatch(
    /does not answer\. After a deploy .*reload the page\. .*endless loop.*Tasks are added and kept/,
  );
  expect(await page.evaluate(async () => window.lab.basket.health())).toMatchObject({
    runner: { led: true, running: [hanging] },
    worker: { state: 'failed', problem: 'silent' },
    queued: { count: 1 },
  });

  const other = await context.newPage();
  await openLab(other, { database, build: 3 });
  expect(await errorOf(other, 'silent')).toMatchObject({ code: 'worker' });
  const ids = [await add(page, 'send', { name: 'one' }), await add(other, 'send', { name: 'two' })];
  expect((await rows(other)).map(({ id }) => id)).toEqual([hanging, ...ids]);

  // Nothing ends a loop but the last of its tabs.
  await page.evaluate(async (id) => window.lab.basket.cancel(id), hanging);
  await page.close();
  await other.close();
  const next = await context.newPage();
  await openLab(next, { database, build: 3 });
  expect(new Set((await untilDrained(server, next, 2)).map(({ key }) => key))).toEqual(new Set(ids));
});

test('a worker that hangs keeps the lock: the worker of a page of the next build takes it, and sends what waits', async ({
  page,
  context,
  server,
  database,
}) => {
  await openLab(page, { database, build: 1 });
  const silent = await untilLed(page);
  const hanging = await add(page, 'hang', { name: 'hangs' });
  await until(
    () => page.evaluate(async () => (await window.lab.basket.health()).runner.running),
    (running) => running.includes(hanging),
    'a worker that hangs',
  );
  // The next worker would hang too.
  await page.evaluate(async (id) => window.lab.basket.cancel(id), hanging);
  const waits = await add(page, 'send', { name: 'waits' });

  const next = await context.newPage();
  await openLab(next, { database, build: 2 });
  const id = await add(next, 'send', { name: 'new' });
  expect((await untilDrained(server, next, 2)).map(({ key }) => key)).toEqual([waits, id]);
  expect(await untilLed(next)).not.toBe(silent);
});

test('a link to a page of the next build: it sends what it adds, also where the worker of the old page stands still with the lock', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database, build: 1 });
  await add(page, 'send', { name: 'old' });
  await untilDrained(server, page, 1);

  // WebKit keeps the old page and its worker in the back/forward cache, unless the address is the same.
  await page.goto('/lab.html?next');
  await page.evaluate(async (given) => void (await window.lab.open(given)), { database, build: 2 });
  await add(page, 'send', { name: 'new' });
  expect(namesOf(await untilDrained(server, page, 2))).toEqual(['old', 'new']);
});

/** The waits of it are played on a virtual clock, in the tests of the host; here a real worker is in a real loop. */
test(
  'a worker that hangs for a while is told, tried again by itself, and is as before',
  { tag: '@long' },
  async ({ page, server, database }) => {
    await openLab(page, { database });
    await untilLed(page);
    // A busy machine may delay the worker's answer for so long that it is called silent.
    await until(
      () => page.evaluate(async () => window.lab.basket.health()),
      ({ worker }) => worker.state === 'running',
      'an answer of the worker',
    );
    const before = (await workerErrors(page)).length;

    const ids = [await add(page, 'hang', { name: 'hangs', ms: 15_000 })];
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
    expect(await workerTargets(page, server)).toHaveLength(1);
  },
);

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

  const error = await errorOf(page, 'database');
  expect(error).toMatchObject({ code: 'worker' });
  expect(error?.message).toMatch(/can run no task.*lacks object stores.*createStores\(tx, tasks\).*raise its version/);
  const refused = page.evaluate(async () => window.lab.basket.add('send', { name: 'refused' }));
  await expect(refused).rejects.toThrow(/lacks object stores/);

  // The next version of the app's page makes them; the worker of the page before finds them too.
  const next = await page.context().newPage();
  await openLab(next, { database, maker: 'raw', version: 2, worker: 'none' });
  const id = await add(next, 'send', { name: 'report' });
  expect(await untilDrained(server, next, 1)).toMatchObject([{ key: id }]);
  expect(await add(page, 'send', { name: 'later' })).not.toBe('');
  await untilDrained(server, page, 2);
  expect((await workerErrors(page)).filter(({ problem }) => problem === 'database')).toHaveLength(1);
});

test('scenario 42: a browser without SharedWorker: the error says so, adding goes on, and runBasket in the page runs it', async ({
  page,
  server,
  database,
}) => {
  await page.addInitScript(() => void Reflect.deleteProperty(window, 'SharedWorker'));
  await openLab(page, { database });

  const error = await errorOf(page, 'unsupported');
  expect(error).toMatchObject({ name: 'WorkerError', code: 'worker' });
  expect(error?.message).toContain('This browser has no SharedWorker');
  expect(error?.message).toContain('runBasket');

  const id = await add(page, 'send', { name: 'report' });
  expect(await rows(page)).toMatchObject([{ id, attempts: 0 }]);

  await page.evaluate(() => window.lab.run());
  expect(await untilDrained(server, page, 1)).toMatchObject([{ key: id }]);
});
