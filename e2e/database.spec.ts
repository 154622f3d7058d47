import type { Page } from '@playwright/test';
import { readdir, writeFile } from 'node:fs/promises';
import path from 'node:path';

import {
  type DemoServer,
  add,
  addAll,
  crash,
  dump,
  expect,
  namesOf,
  openLab,
  rows,
  test,
  until,
  untilDrained,
  untilLed,
  untilLedger,
  views,
} from './fixture.js';
import { cannot, chromiumSession, engine } from './engine.js';

declare global {
  interface Window {
    /** How often it was said that the database was lost. */
    lost: number;
  }
}

/** From now on the page counts how often it is told that the database was lost. */
async function countLost(page: Page): Promise<void> {
  await page.evaluate(() => {
    window.lost = 0;
    window.lab.basket.on('lost', () => {
      window.lost += 1;
    });
  });
}

function lostOf(page: Page): Promise<number> {
  return page.evaluate(() => window.lost);
}

/** How often a runner has taken over, in the database that is there now. */
async function terms(page: Page): Promise<number> {
  const stores = await page.evaluate(async () => window.lab.dump());
  const runner = (stores['taskbasket.state'] ?? []).find(
    (one) => typeof one === 'object' && one !== null && 'epoch' in one,
  ) as { readonly epoch: { readonly count: number } } | undefined;
  return runner?.epoch.count ?? 0;
}

/** What a page's own version of the app says. */
function code(failing: Promise<unknown>): Promise<string> {
  return failing.then(
    () => 'it succeeded',
    (error: unknown) => String((error as { code?: unknown }).code ?? error),
  );
}

for (const maker of ['raw', 'idb', 'dexie'] as const) {
  test(`scenario 60: the next version of the app's database, made with ${maker}, keeps every queued task: each is sent, once`, async ({
    page,
    server,
    database,
  }) => {
    await openLab(page, { database, maker, worker: 'none' });
    const text = 'x'.repeat(20_000);
    const ids = [...(await addAll(page, [{ name: 'small' }, { name: 'large', text }, { name: 'last', lane: 'one' }]))];
    // WebKit is tested in private windows, which store no Blobs: decision 0012.
    if (engine !== 'webkit') ids.push(await page.evaluate(async () => window.lab.addBlob('blob', 50_000)));
    const before = await rows(page);

    await openLab(page, { database, maker, version: 2, worker: 'none' });
    expect(await rows(page)).toEqual(before);
    expect(Object.keys(await page.evaluate(async () => window.lab.dump()))).toContain('photos');

    await openLab(page, { database, maker, version: 2 });
    const effects = await untilDrained(server, page, ids.length);
    expect(new Set(effects.map(({ key }) => key))).toEqual(new Set(ids));
    expect(server.ledger()).toHaveLength(ids.length);
  });
}

test('scenario 46: a tab is opened on a newer version: the older one lets go at once, and every call under way there succeeds', async ({
  page,
  context,
  server,
  database,
}) => {
  await openLab(page, { database, maker: 'idb' });
  await untilLed(page);
  const calling = page.evaluate(async () => {
    const ends: PromiseSettledResult<unknown>[] = [];
    const end = Date.now() + 2_000;
    for (let round = 0; Date.now() < end; round += 1) {
      const { basket } = window.lab;
      const calls = [basket.add('send', { name: `${round}` }), basket.list(), basket.count(), basket.cancel('none')];
      ends.push(...(await Promise.allSettled(calls)));
    }
    return ends.map((one) => (one.status === 'fulfilled' ? 'ok' : String(one.reason)));
  });

  const newer = await context.newPage();
  for (const version of [2, 3, 4]) await openLab(newer, { database, maker: 'idb', version, worker: 'none' });

  const ends = await calling;
  expect(ends.filter((one) => one !== 'ok')).toEqual([]);
  await untilDrained(server, page, ends.length / 4);
  expect(server.effects()).toHaveLength(ends.length / 4);
});

test("scenario 61: the version is raised while an old tab has a half-written report open and a task runs: the old tab still adds, the new tab's runner runs it", async ({
  page,
  context,
  server,
  database,
}) => {
  server.setMood('slow', { delay: 1_000 });
  await openLab(page, { database, maker: 'raw', build: 1 });
  await add(page, 'send', { name: 'running' });
  await untilLedger(server, (ledger) => ledger.length > 0, 'a request');
  await page.evaluate(() => document.body.append(Object.assign(document.createElement('textarea'), { value: 'Half' })));

  const next = await context.newPage();
  await openLab(next, { database, maker: 'raw', build: 2, version: 2 });
  await page.locator('textarea').pressSequentially(' a report');
  const text = await page.locator('textarea').inputValue();
  expect(text).toBe('Half a report');
  const written = await page.evaluate(
    async (value) =>
      window.lab.write('raw', {
        note: { id: 'report', text: value },
        adds: [{ name: 'report', text: value }],
        end: 'commit',
      }),
    text,
  );
  expect(written.outcome).toBe('complete');
  await add(page, 'send', { name: 'later' });

  await untilDrained(server, next, 3);
  expect(new Set(namesOf(server.effects()))).toEqual(new Set(['later', 'report', 'running']));
  expect((await dump(next)).notes).toMatchObject([{ id: 'report', text }]);
  // The old worker has handed over: from then on the new one sent.
  const senders = server.ledger().map(({ worker }) => worker);
  expect(senders.at(-1)).not.toBe(senders[0]);
});

/** Everything begins again, in an empty database: what is added from now on is sent, and nothing goes round and round. */
async function expectNewBeginning(page: Page, server: DemoServer): Promise<void> {
  await until(
    () => lostOf(page),
    (times) => times > 0,
    'a word of the loss',
  );
  expect((await rows(page)).map(({ payload }) => payload?.name)).toEqual([]);
  const id = await add(page, 'send', { name: 'after' });
  await until(server.effects, (effects) => effects.some(({ key }) => key === id), 'the effect');
  await untilLed(page);
  const count = await terms(page);
  await new Promise((resolve) => setTimeout(resolve, 1_500));
  expect(await terms(page)).toBe(count);
  expect(count).toBeLessThanOrEqual(2);
  // Each context says it once: the page, and the worker.
  expect(await lostOf(page)).toBeLessThanOrEqual(2);
  expect(await page.evaluate(() => window.lab.errors())).toEqual([]);
}

test('scenario 53: the database is deleted under us: an empty one takes its place, the app is told, and all goes on', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database });
  await untilLed(page);
  await add(page, 'send', { name: 'never sent' }, { runAt: Date.now() + 3_600_000 });
  await countLost(page);
  await page.evaluate(async (name) => window.lab.remove(name), database);

  await expectNewBeginning(page, server);
});

test('scenario 53: the site data is cleared under us: an empty database takes its place, the app is told, and all goes on', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database, maker: 'idb' });
  await untilLed(page);
  await add(page, 'send', { name: 'never sent' }, { runAt: Date.now() + 3_600_000 });
  await countLost(page);
  const session = await chromiumSession(page);
  await session.send('Storage.clearDataForOrigin', { origin: server.url, storageTypes: 'indexeddb' });

  await expectNewBeginning(page, server);
});

test('scenario 53: the browser finds the database damaged and deletes it by itself: the app is told', async ({
  server,
  database,
  startBrowser,
}) => {
  if (engine !== 'chromium') cannot(12, 'Only Chromium says that it deleted a database');
  const first = await startBrowser();
  const { page: before } = first;
  await openLab(before, { database, worker: 'none' }, server);
  await add(before, 'send', { name: 'lost' });
  await first.context.close();
  await first.ended;

  const folder = path.join(first.profile, 'Default/IndexedDB');
  const name = (await readdir(folder)).find((one) => one.endsWith('.leveldb')) ?? '';
  const store = path.join(folder, name);
  const manifest = (await readdir(store)).find((one) => one.startsWith('MANIFEST')) ?? '';
  await writeFile(path.join(store, manifest), 'no manifest');

  const { page } = await startBrowser();
  await page.goto(`${server.url}/lab.html`);
  await page.evaluate(async (given) => {
    window.lost = 0;
    const basket = await window.lab.open({ database: given });
    basket.on('lost', () => {
      window.lost += 1;
    });
  }, database);
  await until(
    () => lostOf(page),
    (times) => times > 0,
    'a word of the loss',
  );
  const id = await add(page, 'send', { name: 'after' });
  expect(await untilDrained(server, page, 1)).toMatchObject([{ key: id }]);
});

test('scenario 52: a browser without IndexedDB: every call fails with no-database, in a sentence', async ({
  page,
  database,
}) => {
  await page.addInitScript(() => void Reflect.deleteProperty(window, 'indexedDB'));
  await openLab(page, { database, worker: 'none' });
  const failures = await page.evaluate(async () => {
    const { basket } = window.lab;
    const calls = [basket.add('send', { name: 'x' }), basket.list(), basket.retry('x'), basket.health()];
    return (await Promise.allSettled(calls)).map((one) => {
      if (one.status === 'fulfilled') return 'it succeeded';
      const { code: why, message } = one.reason as { readonly code: string; readonly message: string };
      return `${why}: ${message}`;
    });
  });
  expect(new Set(failures)).toEqual(
    new Set([
      'no-database: There is no IndexedDB here: this is a server, or a frame to which the browser refuses it. Call this in a page.',
    ]),
  );
});

test('scenario 51: no room at the add: a typed error and no task; what is there is safe, and small ones and later ones go', async ({
  page,
  server,
  database,
}) => {
  server.setMood('503');
  // Before anything is written: the browser remembers for a while how much room there was.
  const session = await chromiumSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: 2_000_000 });
  await openLab(page, { database });
  const first = await add(page, 'send', { name: 'first' });

  const refused = await page.evaluate(async () => {
    try {
      return `${await window.lab.basket.add('send', { name: 'large', text: 'x'.repeat(8_000_000) })}: it succeeded`;
    } catch (error) {
      const { name, code: why, message } = error as Error & { readonly code: string };
      return `${name} ${why} ${message}`;
    }
  });
  expect(refused).toMatch(/^TaskbasketError quota .*send/);
  const small = await add(page, 'send', { name: 'small' });
  expect((await rows(page)).map(({ id }) => id)).toEqual([first, small]);

  await session.send('Storage.overrideQuotaForOrigin', { origin: server.url });
  const second = await add(page, 'send', { name: 'second', text: 'x'.repeat(8_000_000) });
  server.setMood('up');
  await page.evaluate(async (id) => window.lab.basket.retry(id), first);
  const effects = await untilDrained(server, page, 3);
  expect(new Set(effects.map(({ key }) => key))).toEqual(new Set([first, small, second]));
});

test('scenario 51: the quota is used up: what was added before is sent, and a cancel works also when the reserve is gone; then room returns', async ({
  server,
  database,
  startBrowser,
}) => {
  // Until its date no task is tried, so no turn uses the reserve while the disk is filled.
  server.setMood('503', { retryAfter: 3_600 });
  // On disk, because Chromium keeps what is stored in a private window in another way.
  const { page } = await startBrowser();
  const session = await chromiumSession(page);
  await session.send('Storage.overrideQuotaForOrigin', { origin: server.url, quotaSize: 8_000_000 });
  await openLab(page, { database }, server);
  await addAll(
    page,
    Array.from({ length: 40 }, (_, number) => ({ name: `small ${number}` })),
  );
  for (const name of ['heavy 1', 'heavy 2']) await page.evaluate(async (one) => window.lab.addBlob(one, 300_000), name);
  const inAnHour = { runAt: Date.now() + 3_600_000 };
  const later = [];
  for (const name of ['later 1', 'later 2', 'later 3']) later.push(await add(page, 'send', { name }, inAnHour));
  const hasReserve = (): Promise<boolean> => page.evaluate(async () => window.lab.hasReserve());
  await until(hasReserve, Boolean, 'a reserve');
  await untilLedger(server, (ledger) => ledger.length > 0, 'a request');
  const idle = async (): Promise<boolean> => (await views(page)).every(({ running }) => !running);
  await until(idle, Boolean, 'an end of each attempt');

  // What is deleted meanwhile makes room again, so that an add may find some after all.
  const addToFull = async (): Promise<string> => {
    await page.evaluate(async () => window.lab.fill());

    return code(add(page, 'send', { name: 'one too many' }));
  };
  await until(addToFull, (said) => said.includes('no room'), 'a refused add');
  server.setMood('up');
  await page.evaluate(async () => window.lab.basket.retry({ state: 'queued' }));
  const ofThese = () => server.effects().filter((effect) => namesOf([effect])[0] !== 'one too many');
  const sent = await until(ofThese, (effects) => effects.length >= 42, 'an effect of each task that is due');
  expect(new Set(namesOf(sent)).size).toBe(42);
  const left = () => views(page);
  await until(left, (found) => found.length === 3, 'an end of each task that was sent');
  expect(await hasReserve()).toBe(false);

  await page.evaluate(async () => window.lab.fill());
  const cancel = (id: string): Promise<number> => page.evaluate(async (one) => window.lab.basket.cancel(one), id);
  expect([await cancel(later[0] ?? ''), await cancel(later[1] ?? '')]).toEqual([1, 1]);
  expect((await left()).map(({ id }) => id)).toEqual([later[2]]);
  const { warnings } = await page.evaluate(async () => window.lab.basket.health());
  expect(warnings).toEqual([expect.stringContaining('no room for this site')]);

  await session.send('Storage.overrideQuotaForOrigin', { origin: server.url });
  await add(page, 'send', { name: 'after' });
  await until(
    server.effects,
    (effects) => namesOf(effects).includes('after'),
    'an effect of a task that is added later',
  );
});

for (const how of ['is closed', 'crashes'] as const) {
  test(`scenario 41: the tab that made the worker ${how} while another stays: what ran and what waits is sent within seconds`, async ({
    page,
    context,
    server,
    database,
  }) => {
    server.setMood('slow', { delay: 800 });
    await openLab(page, { database, concurrency: 1 });
    await untilLed(page);
    const other = await context.newPage();
    await openLab(other, { database, concurrency: 1 });
    const ids = [...(await addAll(page, [{ name: 'one' }, { name: 'two' }, { name: 'three' }]))];
    await untilLedger(server, (ledger) => ledger.length > 0, 'a request');

    if (how === 'is closed') await page.close();
    else await crash(page);
    ids.push(await add(other, 'send', { name: 'four' }));

    const effects = await untilDrained(server, other, 4);
    expect(new Set(effects.map(({ key }) => key))).toEqual(new Set(ids));
    expect(effects).toHaveLength(4);
    expect(await other.evaluate(() => window.lab.errors())).toEqual([]);
  });
}

test('the app opens its database several times, before the basket and after: all go on, and no version is blocked', async ({
  page,
  context,
  server,
  database,
}) => {
  await openLab(page, { database, maker: 'raw' });
  for (const how of ['raw', 'idb', 'dexie'] as const) {
    const written = await page.evaluate(
      async (kind) => window.lab.write(kind, { note: { id: kind, text: kind }, adds: [{ name: kind }] }),
      how,
    );
    expect(written.outcome).toBe('complete');
  }
  const other = await context.newPage();
  await openLab(other, { database, maker: 'idb', version: 2, worker: 'none' });
  await add(other, 'send', { name: 'other' });
  await untilDrained(server, page, 4);
  expect(await code(add(page, 'send', { name: 'again' }))).toBe('it succeeded');
  await untilDrained(server, page, 5);
});
