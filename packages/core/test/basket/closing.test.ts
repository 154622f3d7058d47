import { openDB } from 'idb';
import { describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { endOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

/** A page, and a runner in another tab that has nothing to do. */
async function opened() {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const page = world.open(tasks);
  const elsewhere = world.open(tasks);
  const ran: number[] = [];
  elsewhere.run({ send: (number) => void ran.push(number) });
  await page.basket.list();
  await world.settle();

  return { tasks, world, page, elsewhere, ran };
}

/** No time passes: what is not told runs at the next poll, up to a minute later. */
describe('what was committed is told, also by a basket that closes:', () => {
  test('addTx, `await tx.done`, and close on the next line', async () => {
    const { tasks, world, page, ran } = await opened();
    const db = await openDB(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    page.basket.addTx(tx, 'send', 1);
    await tx.done;
    page.basket.close();
    await world.settle();

    expect(ran).toEqual([1]);
    db.close();
  });

  test('close before the transaction of an addTx has ended', async () => {
    const { tasks, world, page, ran } = await opened();
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    page.basket.addTx(tx, 'send', 1);
    page.basket.close();
    expect(await endOf(tx)).toBe('complete');
    await world.settle();

    expect(ran).toEqual([1]);
    db.close();
  });

  test('several adds within one turn of the loop, then close', async () => {
    const { world, page, ran } = await opened();
    await page.basket.add('send', 1);
    await page.basket.add('send', 2);
    await page.basket.add('send', 3);
    page.basket.close();
    await world.settle();

    expect(ran).toEqual([1, 2, 3]);
  });

  test('an add, an addMany, an update and a cancel that are under way', async () => {
    const { tasks, world, page, elsewhere, ran } = await opened();
    const date = world.wall() + 3_600_000;
    const [edited, cancelled] = await page.basket.addMany([
      ['send', 10, { runAt: date }],
      ['send', 20, { runAt: date }],
    ]);
    await world.settle();
    const heard: string[] = [];
    for (const event of ['added', 'settled'] as const) elsewhere.basket.on(event, ({ id }) => heard.push(id));
    const ends = [
      page.basket.add('send', 1),
      page.basket.addMany([['send', 2]]),
      page.basket.update(edited, 11),
      page.basket.cancel(cancelled),
    ];
    // Their transactions have begun.
    const begin = vi.spyOn(page.context.database, 'begin');
    for (let turns = 0; turns < 3; turns += 1) await new Promise((resolve) => setImmediate(resolve));
    begin.mockRestore();
    page.basket.close();
    const settled = await Promise.allSettled(ends);
    await world.settle();

    // Each was committed and told, or was refused as closed.
    const reasons = settled.flatMap((end) => (end.status === 'rejected' ? [end.reason as unknown] : []));
    expect(reasons).toMatchObject(reasons.map(() => ({ code: 'closed' })));
    const stored = settled.slice(0, 2).filter(({ status }) => status === 'fulfilled').length;
    expect(ran).toHaveLength(stored);
    const ids = (await rowsOf(tasks)).map(({ id }) => id);
    expect(ids.includes(cancelled)).toBe(!heard.includes(cancelled));
  });

  test('and then nothing of the basket listens, and no alarm is left', async () => {
    const { tasks, world, page, elsewhere } = await opened();
    const heard = vi.fn<() => void>();
    page.basket.on('added', heard);
    const stop = page.basket.watch({}).subscribe(() => undefined);
    page.basket.settled(await page.basket.add('send', 1)).catch(() => undefined);
    page.basket.close();
    heard.mockClear();
    const db = await openRaw(tasks.name);
    await elsewhere.basket.add('send', 2);
    await world.settle();

    expect(heard).not.toHaveBeenCalled();
    stop();
    db.close();
  });
});
