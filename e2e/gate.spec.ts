import type { Page } from '@playwright/test';

import {
  add,
  addAll,
  expect,
  namesOf,
  openLab,
  rows,
  test,
  until,
  untilDrained,
  untilLedger,
  views,
} from './fixture.ts';

const payloads = Array.from({ length: 20 }, (_, index) => ({ name: `report ${index}` }));

/** So many attempts run at once; they can all be on their way before the first one learns that the server is away. */
const atOnce = 6;

test('a server that is away is asked little: the gate closes, is seen, and a retry brings its probe forward', async ({
  page,
  server,
  database,
}) => {
  const minute = 60_000;
  server.setMood('503');
  await openLab(page, { database, base: minute, cap: minute });
  const ids = await addAll(page, payloads);

  const closed = await until(
    () => views(page),
    (tasks) => tasks.every(({ gate, running }) => gate.closedUntil !== undefined && !running),
    'a closed gate with nothing running',
  );
  const { closedUntil = 0, reason } = closed[0]?.gate ?? {};
  expect(closedUntil).toBeGreaterThan(Date.now() + minute / 2 - 20_000);
  expect(closedUntil).toBeLessThanOrEqual(Date.now() + minute);
  expect(reason).toBe('The server answered 503.');
  expect(closed).toHaveLength(20);
  // Being away is no failure of a task.
  expect(new Set(closed.map(({ failures }) => failures))).toEqual(new Set([0]));
  const before = server.ledger().length;
  expect(before).toBeLessThanOrEqual(atOnce);

  // One probe; the server is still away, so the gate closes again.
  await page.evaluate(async (id) => window.lab.basket.retry(id), ids[0] ?? '');
  await until(
    () => views(page),
    (tasks) =>
      tasks.reduce((sum, { attempts }) => sum + attempts, 0) === before + 1 &&
      (tasks[0]?.gate.closedUntil ?? 0) > Date.now() + minute / 2 - 20_000,
    'a gate that closed again',
  );
  expect(server.ledger()).toHaveLength(before + 1);

  server.setMood('up');
  await page.evaluate(async (id) => window.lab.basket.retry(id), ids[0] ?? '');
  await untilDrained(server, page, 20);
  expect(new Set(server.effects().map(({ key }) => key))).toEqual(new Set(ids));
  expect(server.ledger()).toHaveLength(before + 1 + 20);
});

test('a server that is away is probed by one request at a time, ever more rarely, and all is sent once when it is back', async ({
  page,
  server,
  database,
}) => {
  server.setMood('503');
  await openLab(page, { database, base: 200, cap: 1_000 });
  const ids = await addAll(page, payloads);

  await untilLedger(server, (ledger) => ledger.length >= atOnce + 4, 'a fourth probe');
  server.setMood('up');
  await untilDrained(server, page, 20);

  const ledger = server.ledger();
  const away = ledger.filter(({ status }) => status === 503);
  // Whatever comes after those that were on their way at once is a probe: after half of 200, 400, 800, 1,000 ms at least.
  for (const [place, least] of [100, 200, 400, 500].entries()) {
    const [before, probe] = away.slice(atOnce - 1 + place);
    expect((probe?.at ?? 0) - (before?.endedAt ?? 0)).toBeGreaterThanOrEqual(least - 2);
  }
  expect(new Set(namesOf(server.effects()))).toEqual(new Set(payloads.map(({ name }) => name)));
  expect(server.effects()).toHaveLength(20);
  expect(ledger.filter(({ status }) => status === 200)).toHaveLength(20);
  expect(new Set(ledger.map(({ key }) => key))).toEqual(new Set(ids));
});

test('a closed gate holds up no other one', async ({ page, server, database }) => {
  server.setMood('503', { match: 'away' });
  await openLab(page, { database, base: 60_000, cap: 60_000 });
  await add(page, 'send', { name: 'away', gate: 'one' });
  await until(
    () => views(page),
    ([task]) => task?.gate.closedUntil !== undefined,
    'a closed gate',
  );

  await add(page, 'send', { name: 'there', gate: 'another' });

  await untilLedger(server, (ledger) => ledger.some(({ status }) => status === 200), 'a request that got through');
  expect(namesOf(server.ledger())).toEqual(['away', 'there']);
});

test('scenario 62: of a hundred tasks one always resets its connection: the other 99 are sent within one cap, and the one backs off by itself', async ({
  page,
  server,
  database,
}) => {
  const cap = 10_000;
  server.setMood('drop-before', { match: 'poison' });
  await openLab(page, { database, base: 200, cap });
  const began = Date.now();
  await addAll(page, [{ name: 'poison' }, ...Array.from({ length: 99 }, (_, index) => ({ name: `report ${index}` }))]);

  const effects = await until(server.effects, (sent) => sent.length === 99, 'as many as 99 effects');
  expect(Date.now() - began).toBeLessThan(cap);
  expect(new Set(namesOf(effects)).size).toBe(99);

  // A gate that is closed by one alone is found open by the next: so the one waits, and no failure is counted.
  const [row] = await until(
    () => rows(page),
    (left) => left.length === 1 && ((left[0] as { blames?: number }).blames ?? 0) > 0,
    'one task that was to blame',
  );
  expect(row).toMatchObject({ payload: { name: 'poison' }, failures: 0 });

  server.setMood('up');
  await page.evaluate(async (id) => window.lab.basket.retry(id), row?.id ?? '');
  expect(await untilDrained(server, page, 100)).toHaveLength(100);
});

test('an outage that a hundred running tasks meet is one failure of their gate, and each is sent once when it is over', async ({
  page,
  server,
  database,
}) => {
  const minute = 60_000;
  server.setMood('503');
  await openLab(page, { database, base: minute, cap: minute, concurrency: 100 });
  const ids = await page.evaluate(
    async (values) => Promise.all(values.map((name) => window.lab.basket.add('slow', { name, ms: 500 }))),
    Array.from({ length: 100 }, (_, index) => `report ${index}`),
  );

  await untilLedger(server, (ledger) => ledger.length === 100, 'a hundred requests');
  const met = await until(
    () => views(page),
    (tasks) => tasks.every(({ running, attempts }) => !running && attempts === 1),
    'a hundred ended attempts',
  );
  expect(new Set(met.map(({ failures }) => failures))).toEqual(new Set([0]));
  expect(await gatesOf(page)).toMatchObject([{ name: 'slow', step: 1 }]);

  server.setMood('up');
  await page.evaluate(async (id) => window.lab.basket.retry(id), ids[0] ?? '');
  await untilDrained(server, page, 100);
  expect(server.effects()).toHaveLength(100);
  expect(server.ledger()).toHaveLength(200);
  expect(new Set(server.effects().map(({ key }) => key))).toEqual(new Set(ids));
});

test('a page that is back online brings the probe forward: what would have waited for minutes is sent within seconds', async ({
  context,
  page,
  server,
  database,
}) => {
  const minute = 60_000;
  server.setMood('503');
  await openLab(page, { database, base: 10 * minute, cap: 10 * minute });
  await addAll(page, payloads);
  await until(
    () => views(page),
    (tasks) => tasks.every(({ gate, running }) => gate.closedUntil !== undefined && !running),
    'a closed gate with nothing running',
  );
  const before = server.ledger().length;

  server.setMood('up');
  await context.setOffline(true);
  await context.setOffline(false);
  const since = Date.now();
  const effects = await untilDrained(server, page, 20);
  expect(Date.now() - since).toBeLessThan(10_000);
  expect(effects).toHaveLength(20);
  expect(server.ledger()).toHaveLength(before + 20);
});

/** The stored records of gates. */
async function gatesOf(page: Page): Promise<readonly unknown[]> {
  const stores = await page.evaluate(async () => window.lab.dump());

  return (stores['taskbasket.state'] ?? []).filter(
    (value) => typeof value === 'object' && value !== null && 'until' in value,
  );
}
