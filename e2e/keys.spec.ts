/** What a key does, the tests of the runner show on a virtual clock. Here a real server counts what reaches it. */
import { add, expect, namesOf, openLab, test, until, untilDrained, untilLedger } from './fixture.js';

const draft = { lane: 'draft', key: 'draft' };

test('fifty autosaves while the server is away are two requests that it takes: one had started, and one is the latest', async ({
  page,
  server,
  database,
}) => {
  server.setMood('503');
  await openLab(page, { database });
  await add(page, 'send', { name: 'save 0' }, draft);
  await untilLedger(server, (ledger) => ledger.length > 0, 'a first request');

  const ids = await page.evaluate(async (options) => {
    const added: string[] = [];
    for (let save = 1; save < 50; save += 1)
      added.push(await window.lab.basket.add('send', { name: `save ${save}`, text: 'x'.repeat(40_000) }, options));

    return added;
  }, draft);
  const counted = (): Promise<number> => page.evaluate(async () => (await window.lab.basket.count()).count);
  await until(counted, (count) => count === 2, 'a basket with two of them');

  // The earlier ones are gone from the disk too, and any tab can say which task took their place.
  await openLab(page, { database });
  const end = await page.evaluate(async (id) => window.lab.basket.settled(id), ids[0] ?? '');
  expect(end).toMatchObject({ state: 'replaced' });
  const payloads = await page.evaluate(async () => (await window.lab.dump())['taskbasket.payloads']?.length);
  expect(payloads).toBe(1);

  server.setMood('up');
  await page.evaluate(async () => window.lab.basket.retry({}));
  const effects = await untilDrained(server, page, 2);
  expect(namesOf(effects)).toEqual(['save 0', 'save 49']);
  expect(new Set(namesOf(server.ledger()))).toEqual(new Set(['save 0', 'save 49']));
});

test('fifty autosaves of a closed tab with no worker are one request of the next tab', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database, worker: 'none' });
  await page.evaluate(async (options) => {
    for (let save = 1; save <= 50; save += 1) await window.lab.basket.add('send', { name: `save ${save}` }, options);
  }, draft);

  await openLab(page, { database });
  await untilDrained(server, page, 1);
  expect(namesOf(server.ledger())).toEqual(['save 50']);
});
