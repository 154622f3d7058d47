/** How a task ended, asked by its id: in another tab, and after a reload. */
import type { Page } from '@playwright/test';
import { type LabPayload, add, expect, openLab, test, until, views } from './fixture.js';

/** Begins to wait for the end of a task in a page; the answer is fetched later. */
async function ask(page: Page, id: string): Promise<() => Promise<unknown>> {
  await page.evaluate((asked) => {
    Object.assign(window, { [`asked ${asked}`]: window.lab.basket.settled(asked) });
  }, id);
  return () =>
    page.evaluate(async (asked) => (window as unknown as Record<string, Promise<unknown>>)[`asked ${asked}`], id);
}

test('scenario 47: a task of tab 1 that a worker of tab 2 runs is settled in tab 1, and after a reload by its id', async ({
  page: tab1,
  context,
  server,
  database,
}) => {
  await openLab(tab1, { database, worker: 'none' });
  const id = await add(tab1, 'ask', { name: 'note' });
  const inTab1 = await ask(tab1, id);
  const without = await add(tab1, 'send', { name: 'plain' });
  const plain = await ask(tab1, without);

  const tab2 = await context.newPage();
  await openLab(tab2, { database });

  const done = { state: 'done', result: { name: 'note' } };
  expect(await inTab1()).toEqual(done);
  expect(await plain()).toEqual({ state: 'done' });
  expect(server.effects()).toHaveLength(2);

  await openLab(tab1, { database, worker: 'none' });
  expect(await (await ask(tab1, id))()).toEqual(done);
  expect(await (await ask(tab2, id))()).toEqual(done);
  // A success without a result leaves nothing behind.
  expect(await (await ask(tab1, without))()).toEqual({ state: 'gone' });
});

test('what is refused is settled as dead with the reason, what is cancelled as cancelled, in every tab and after a reload', async ({
  page,
  context,
  server,
  database,
}) => {
  server.setMood('4xx', { status: 422, match: 'refused' });
  await openLab(page, { database });
  const other = await context.newPage();
  await openLab(other, { database, worker: 'none' });
  const refused = await add(page, 'send', { name: 'refused' });
  const late: LabPayload = { name: 'late', ms: 60_000 };
  const cancelled = await add(page, 'slow', late);
  const answers = [await ask(other, refused), await ask(other, cancelled)];

  await until(
    () => views(page),
    (list) => list.some(({ state }) => state === 'dead') && list.some(({ running }) => running),
    'a dead task and a running one',
  );
  await page.evaluate(async (id) => window.lab.basket.cancel(id), cancelled);

  const dead = { state: 'dead', because: 'permanent', error: { status: 422 } };
  expect(await answers[0]?.()).toMatchObject(dead);
  expect(await answers[1]?.()).toEqual({ state: 'cancelled' });

  await openLab(page, { database });
  expect(await (await ask(page, refused))()).toMatchObject(dead);
  expect(await (await ask(page, cancelled))()).toEqual({ state: 'cancelled' });
});
