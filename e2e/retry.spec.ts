import type { Page } from '@playwright/test';

import {
  type DemoServer,
  add,
  addAll,
  expect,
  openLab,
  rows,
  test,
  until,
  untilDrained,
  untilLedger,
  views,
  workerTargets,
} from './fixture.ts';

/** Long enough to leave and come back before the next attempt is due, which is after 2 to 4 s. */
const patient = { base: 4_000, cap: 4_000 };

/** Adds a task that the server fails once; resolves with the stored time of its next attempt. */
async function failOnce(page: Page, server: DemoServer): Promise<{ readonly id: string; readonly dueAt: number }> {
  server.setMood('500', { times: 1 });
  const id = await add(page, 'send', { name: 'report' });
  const [view] = await until(
    () => views(page),
    ([task]) => task?.failures === 1 && !task.running,
    'a counted failure',
  );
  expect(view).toMatchObject({ id, attempts: 1, failures: 1, lastError: { status: 500 } });
  const dueAt = view?.dueAt ?? 0;
  expect(dueAt).toBeGreaterThan(Date.now());
  return { id, dueAt };
}

/** The second request came at the stored time: not before it, and not long after. */
async function expectRetryAt(server: DemoServer, page: Page, id: string, dueAt: number): Promise<void> {
  const openedAt = Date.now();
  const [first, second] = await untilLedger(server, (ledger) => ledger[1]?.status === 200, 'a second request');
  // The stored time is the runner's; the page reads it in the milliseconds of the wall clock, which rounds.
  expect(second?.at).toBeGreaterThanOrEqual(dueAt - 2);
  expect(second?.at).toBeLessThan(Math.max(dueAt, openedAt) + 3_000);
  expect(second).toMatchObject({ key: id, attempt: 2, recovered: false });
  expect(second?.worker).not.toBe(first?.worker);
  expect(first?.key).toBe(id);
  expect(await untilDrained(server, page, 1)).toHaveLength(1);
  expect(server.ledger()).toHaveLength(2);
}

test('retries go on over a reload, at the stored time', async ({ page, server, database }) => {
  await openLab(page, { database, ...patient });
  const { id, dueAt } = await failOnce(page, server);

  await page.reload();
  await page.evaluate(async (options) => void (await window.lab.open(options)), { database, ...patient });

  const [view] = await views(page);
  expect(view).toMatchObject({ id, failures: 1, attempts: 1 });
  // Shown by the wall clock, kept by the runner's, of which the new runner has another reading.
  expect(Math.abs((view?.dueAt ?? 0) - dueAt)).toBeLessThan(2);
  await expectRetryAt(server, page, id, dueAt);
});

test('retries go on when the last tab was closed and a new one is opened, at the stored time', async ({
  browser,
  context,
  page,
  server,
  database,
}) => {
  await openLab(page, { database, ...patient });
  const { id, dueAt } = await failOnce(page, server);

  await page.close();
  await until(
    () => workerTargets(browser, server),
    (alive) => alive.length === 0,
    'an end of the worker',
  );
  const another = await context.newPage();
  await openLab(another, { database, ...patient });

  await expectRetryAt(server, another, id, dueAt);
});

test('retries go on over a navigation, at the stored time', async ({ browser, page, server, database }) => {
  await openLab(page, { database, ...patient });
  const { id, dueAt } = await failOnce(page, server);

  await page.goto('/elsewhere.svg');
  await until(
    () => workerTargets(browser, server),
    (alive) => alive.length === 0,
    'an end of the worker',
  );
  await openLab(page, { database, ...patient });

  await expectRetryAt(server, page, id, dueAt);
});

test('a failure that the handler counted with save is stored, and a new runner goes on from it', async ({
  page,
  server,
  database,
}) => {
  server.setMood('500');
  const options = { database, worker: 'page', base: 50, cap: 100 } as const;
  await openLab(page, options);
  await add(page, 'count', { name: 'report' });
  await until(
    () => rows(page),
    ([row]) => (row?.failures ?? 0) >= 2,
    'a second failure',
  );

  await page.evaluate(() => window.lab.stop());
  const [stored] = await rows(page);
  const failures = stored?.payload?.failures ?? 0;
  expect(failures).toBeGreaterThanOrEqual(2);

  server.setMood('up');
  await page.reload();
  await page.evaluate(async (given) => void (await window.lab.open(given)), options);

  const effects = await untilDrained(server, page, 1);
  expect(effects.map(({ body }) => JSON.parse(body ?? '') as unknown)).toEqual([{ name: 'report', failures }]);
  expect(await rows(page)).toEqual([]);
});

test('scenario 10: ten reloads while the server is away leave the number of rows as it was', async ({
  page,
  server,
  database,
}) => {
  server.setMood('refuse');
  await openLab(page, { database });
  const ids = await addAll(
    page,
    Array.from({ length: 10 }, (_, index) => ({ name: `report ${index}` })),
  );

  for (let reload = 1; reload <= 10; reload += 1) {
    await page.reload();
    await page.evaluate(async (given) => void (await window.lab.open({ database: given })), database);
    expect((await rows(page)).map(({ id }) => id)).toEqual(ids);
  }

  // Being away from the network is not a failure.
  expect((await rows(page)).map(({ failures }) => failures)).toEqual(ids.map(() => 0));
  server.setMood('up');
  await untilDrained(server, page, ids.length);
  expect(server.effects().map(({ key }) => key)).toHaveLength(ids.length);
  expect(new Set(server.effects().map(({ key }) => key))).toEqual(new Set(ids));
});

test('a task that fails as often as its type allows is dead and asks the server no more; a retry sends it', async ({
  page,
  server,
  database,
}) => {
  server.setMood('500');
  await openLab(page, { database, base: 20, cap: 40, failureLimit: 3, jitter: 'full' });
  const id = await add(page, 'send', { name: 'report' });

  const [dead] = await until(
    () => views(page),
    ([task]) => task?.state === 'dead',
    'a dead task',
  );
  expect(dead).toMatchObject({ failures: 3, attempts: 3, dead: { reason: 'limit' }, lastError: { status: 500 } });
  // Another one comes and goes meanwhile: the dead one is not asked for again.
  server.setMood('up');
  await add(page, 'send', { name: 'another' });
  await untilLedger(server, (ledger) => ledger.some(({ status }) => status === 200), 'a request that got through');
  expect(server.ledger().filter(({ key }) => key === id)).toHaveLength(3);

  await page.evaluate(async (task) => window.lab.basket.retry(task), id);
  expect(await untilDrained(server, page, 2)).toHaveLength(2);
  expect(server.ledger().filter(({ key }) => key === id)).toHaveLength(4);
});
