import {
  type LabPayload,
  addAll,
  expect,
  namesOf,
  openLab,
  test,
  until,
  untilDrained,
  untilLedger,
  views,
} from './fixture.js';

function inLane(lane: string, ...names: readonly string[]): LabPayload[] {
  return names.map((name) => ({ name, lane }));
}

test('a lane stays behind its failing head, in order, while others drain', async ({ page, server, database }) => {
  server.setMood('500', { match: 'a1', times: 3 });
  await openLab(page, { database });
  await addAll(page, [...inLane('a', 'a1', 'a2', 'a3'), ...inLane('b', 'b1', 'b2', 'b3')]);

  await untilDrained(server, page, 6);

  const requests = namesOf(server.ledger());
  expect(requests.filter((name) => name.startsWith('a'))).toEqual(['a1', 'a1', 'a1', 'a1', 'a2', 'a3']);
  expect(requests.filter((name) => name.startsWith('b'))).toEqual(['b1', 'b2', 'b3']);
  // The others did not wait: all of them were done before the head's second attempt, after 100 ms at least.
  expect(requests.indexOf('b3')).toBeLessThan(requests.indexOf('a2'));
  // One at a time: each was answered before the next one came.
  const lane = server.ledger().filter(({ path }) => path.includes('/a'));
  for (const [place, { at }] of lane.entries()) {
    if (place > 0) expect(at).toBeGreaterThanOrEqual(lane[place - 1]?.endedAt ?? Infinity);
  }
});

test('scenario 14: the head of a lane waits for an hour: the other lane drains at once', async ({
  page,
  server,
  database,
}) => {
  const hour = 3_600_000;
  server.setMood('500', { match: 'a1' });
  await openLab(page, { database, base: 2 * hour, cap: 2 * hour });
  const [head = ''] = await addAll(page, inLane('a', 'a1', 'a2', 'a3'));
  const [failed] = await until(
    () => views(page),
    ([task]) => task?.failures === 1 && !task.running,
    'a failed head',
  );
  expect(failed?.dueAt).toBeGreaterThanOrEqual(Date.now() + hour - 60_000);

  await addAll(page, inLane('b', 'b1', 'b2', 'b3'));
  await untilLedger(server, (ledger) => ledger.filter(({ status }) => status === 200).length === 3, 'a drained lane');

  expect(namesOf(server.ledger())).toEqual(['a1', 'b1', 'b2', 'b3']);
  expect((await views(page)).filter(({ lane }) => lane === 'a').map(({ attempts }) => attempts)).toEqual([1, 0, 0]);

  // "Try now", once the server is mended, and the lane follows its head.
  server.setMood('up');
  await page.evaluate(async (id) => window.lab.basket.retry(id), head);
  await untilDrained(server, page, 6);
  expect(namesOf(server.ledger()).slice(4)).toEqual(['a1', 'a2', 'a3']);
});

test('scenario 12: adds of two tabs in the same millisecond have one order, in both tabs, after a reload, and when they run', async ({
  context,
  page,
  server,
  database,
}) => {
  const another = await context.newPage();
  const tabs = [page, another];
  for (const tab of tabs) {
    await tab.addInitScript(() => void (Date.now = () => 1_700_000_000_000));
    await openLab(tab, { database, worker: 'none' });
  }

  const ids = await Promise.all(
    tabs.map((tab, number) =>
      addAll(tab, inLane('lane', ...Array.from({ length: 20 }, (_, index) => `${number}-${index}`))),
    ),
  );

  const [order = [], other] = await Promise.all(tabs.map((tab) => views(tab)));
  expect(new Set(order.map(({ addedAt }) => addedAt)).size).toBe(1);
  expect(new Set(order.map(({ id }) => id))).toEqual(new Set(ids.flat()));
  expect(order).toHaveLength(40);
  const seqs = order.map(({ seq }) => seq);
  expect(new Set(seqs).size).toBe(40);
  expect(seqs).toEqual([...seqs].sort((a, b) => a - b));
  expect(other?.map(({ id }) => id)).toEqual(order.map(({ id }) => id));
  for (const own of ids) expect(order.map(({ id }) => id).filter((id) => own.includes(id))).toEqual(own);

  await page.reload();
  await page.evaluate(async (name) => void (await window.lab.open({ database: name, worker: 'none' })), database);
  expect((await views(page)).map(({ id }) => id)).toEqual(order.map(({ id }) => id));

  await openLab(another, { database });
  await untilDrained(server, another, 40);
  expect(server.effects().map(({ key }) => key)).toEqual(order.map(({ id }) => id));
});
