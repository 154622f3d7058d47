import type { Page } from '@playwright/test';

import {
  add,
  addAll,
  expect,
  openLab,
  rows,
  sendersOf,
  test,
  until,
  untilDrained,
  untilLedger,
  untilNoRunner,
  views,
} from './fixture.js';
import { cannot, engine } from './engine.js';
import { sized } from './long.js';

/** Long enough to leave before the next attempt is due, which is after 4 to 8 s, also on a busy machine. */
const patient = { base: 8_000, cap: 8_000 };

/** The stored time of the next attempt, once the task has failed so many times. */
async function untilFailed(page: Page, id: string, failures: number): Promise<number> {
  const [view] = await until(
    () => views(page),
    ([task]) => task?.failures === failures && !task.running,
    `failure ${failures}`,
  );
  expect(view).toMatchObject({ id, attempts: failures, lastError: { status: 500 } });
  expect(view?.dueAt ?? 0).toBeGreaterThan(0);
  return view?.dueAt ?? 0;
}

test('retries go on at the stored time: over a reload, over a navigation, and when the last tab was closed', async ({
  context,
  page,
  server,
  database,
}) => {
  const options = { database, ...patient };
  server.setMood('500', { times: 3 });
  await openLab(page, options);
  const id = await add(page, 'send', { name: 'report' });
  const due = [await untilFailed(page, id, 1)];

  await page.reload();
  await page.evaluate(async (given) => void (await window.lab.open(given)), options);
  due.push(await untilFailed(page, id, 2));

  await page.goto('/elsewhere.svg');
  if (engine === 'webkit') cannot(12, 'WebKit keeps the worker of a page in the back/forward cache');
  await untilNoRunner(page);
  await openLab(page, options);
  due.push(await untilFailed(page, id, 3));

  await page.close();
  const another = await context.newPage();
  await another.goto('/elsewhere.svg');
  await untilNoRunner(another);
  await openLab(another, options);
  await untilDrained(server, another, 1);

  const [, ...later] = server.ledger();
  expect(later.map(({ attempt, key, recovered }) => ({ attempt, key, recovered }))).toEqual(
    [2, 3, 4].map((attempt) => ({ attempt, key: id, recovered: false })),
  );
  // The stored time is the runner's; the page reads it in the milliseconds of the wall clock, which rounds.
  for (const [place, { at }] of later.entries()) expect(at).toBeGreaterThanOrEqual((due[place] ?? Infinity) - 2);
  expect(sendersOf(server.ledger())).toHaveLength(4);
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

const reloads = sized(4, 10);

test(
  `scenario 10: ${reloads} reloads while the server is away leave the number of rows as it was`,
  { tag: '@sized' },
  async ({ page, server, database }) => {
    server.setMood('refuse');
    await openLab(page, { database });
    const ids = await addAll(
      page,
      Array.from({ length: 10 }, (_, index) => ({ name: `report ${index}` })),
    );

    for (let reload = 1; reload <= reloads; reload += 1) {
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
  },
);

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
