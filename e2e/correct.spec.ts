/** A request that the server refuses is corrected in its place, and what waited behind it follows. */
import { add, expect, namesOf, openLab, test, until, untilDrained, views } from './fixture.js';

test('a 422 is corrected under a new key, and its later edits, which waited, follow in order', async ({
  page,
  server,
  database,
}) => {
  server.setMood('4xx', { status: 422, match: 'untitled' });
  await openLab(page, { database });
  const lane = 'report';
  const id = await add(page, 'send', { name: 'first', lane, text: 'untitled' });
  await add(page, 'send', { name: 'second', lane });
  await add(page, 'send', { name: 'third', lane });
  await add(page, 'send', { name: 'elsewhere', lane: 'another' });

  const list = await until(
    () => views(page),
    (left) => left.length === 3 && left[0]?.state === 'dead',
    'a refused task with two behind it',
  );
  expect(list.map(({ payload }) => payload?.name)).toEqual(['first', 'second', 'third']);
  const behind = list[1]?.id ?? '';
  expect(await page.evaluate(async (waiting) => window.lab.basket.explain(waiting), behind)).toMatchObject([
    { reason: 'lane', lane, behind: id, dead: true },
  ]);

  const corrected = { name: 'first', lane, text: 'a title' };
  const updated = await page.evaluate(async ([which, payload]) => window.lab.basket.update(which, payload), [
    id,
    corrected,
  ] as const);
  expect(updated).toBe(true);
  const effects = await untilDrained(server, page, 4);

  const sent = server.ledger().filter(({ path }) => !path.includes('elsewhere'));
  expect(namesOf(sent)).toEqual(['first', 'first', 'second', 'third']);
  expect(sent.map(({ key }) => key).slice(0, 2)).toEqual([id, `${id}.1`]);
  expect(effects.find(({ key }) => key === `${id}.1`)?.body).toContain('a title');
  expect(effects.some(({ body }) => body?.includes('untitled') ?? false)).toBe(false);
});

test('what was never sent is edited in its place, as often as one likes, and is sent once, as it was last', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database, worker: 'none' });
  const id = await add(page, 'send', { name: 'note', text: 'one' });
  for (const text of ['two', 'three']) {
    const payload = { name: 'note', text };
    await page.evaluate(async ([which, edited]) => window.lab.basket.update(which, edited), [id, payload] as const);
  }

  await openLab(page, { database });
  const effects = await untilDrained(server, page, 1);
  expect(effects.map(({ key, body }) => [key, (JSON.parse(body ?? '') as { text: string }).text])).toEqual([
    [id, 'three'],
  ]);
  expect(server.ledger()).toHaveLength(1);
});

test('scenario 64: what was sent, and may have arrived, is not edited: the call says so, and another task follows behind it', async ({
  page,
  server,
  database,
}) => {
  server.setMood('drop-after', { times: 1, match: 'first' });
  await openLab(page, { database });
  const id = await add(page, 'send', { name: 'first', lane: 'a' });
  await until(
    () => server.effects().length,
    (count) => count === 1,
    'an effect of which the answer was lost',
  );

  const refused = await page.evaluate(async (which) => {
    try {
      return await window.lab.basket.update(which, { name: 'other', lane: 'a' });
    } catch (error) {
      return (error as { code: string }).code;
    }
  }, id);
  expect(['started', false]).toContain(refused); // False: it was sent again meanwhile, and is done.
  await add(page, 'send', { name: 'second', lane: 'a' });

  const effects = await untilDrained(server, page, 2);
  expect(namesOf(effects)).toEqual(['first', 'second']);
});
