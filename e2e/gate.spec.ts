/** What a gate does, the tests of the runner show on a virtual clock. Here it meets a real server's words. */
import { addAll, expect, openLab, test, until, untilDrained, views } from './fixture.js';

const payloads = Array.from({ length: 20 }, (_, index) => ({ name: `report ${index}` }));

/** So many attempts run at once; they can all be on their way before the first one learns that the server is away. */
const atOnce = 6;

test('a server that is away is asked little: the gate closes, is seen, and a retry brings its probe forward', async ({
  page,
  server,
  database,
}) => {
  const hour = 3_600_000;
  server.setMood('503', { retryAfter: hour / 1_000 });
  await openLab(page, { database });
  const began = Date.now();
  const ids = await addAll(page, payloads);

  const closed = await until(
    () => views(page),
    (tasks) => tasks.every(({ gate, running }) => gate.closedUntil !== undefined && !running),
    'a closed gate with nothing running',
  );
  const { closedUntil = 0, reason } = closed[0]?.gate ?? {};
  // The stored time is the runner's; the page reads it in the milliseconds of the wall clock, which rounds.
  expect(closedUntil).toBeGreaterThanOrEqual(began + hour - 2);
  expect(reason).toBe('The server answered 503.');
  expect(closed).toHaveLength(20);
  // A server that is away does not count as a failure of the task.
  expect(new Set(closed.map(({ failures }) => failures))).toEqual(new Set([0]));
  const before = server.ledger().length;
  expect(before).toBeLessThanOrEqual(atOnce);

  // One probe; the server is still away, so the gate closes again.
  await page.evaluate(async (id) => window.lab.basket.retry(id), ids[0] ?? '');
  await until(
    () => views(page),
    (tasks) =>
      tasks.reduce((sum, { attempts }) => sum + attempts, 0) === before + 1 &&
      tasks.every(({ running }) => !running) &&
      (tasks[0]?.gate.closedUntil ?? closedUntil) !== closedUntil,
    'a gate that closed again',
  );
  expect(server.ledger()).toHaveLength(before + 1);

  server.setMood('up');
  await page.evaluate(async (id) => window.lab.basket.retry(id), ids[0] ?? '');
  await untilDrained(server, page, 20);
  expect(new Set(server.effects().map(({ key }) => key))).toEqual(new Set(ids));
  expect(server.ledger()).toHaveLength(before + 1 + 20);
});
