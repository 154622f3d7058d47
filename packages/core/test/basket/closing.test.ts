import { openDB } from 'idb';
import { describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
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

  test('a success without a result', async () => {
    const tasks = defineTasks(freshName(), { send: task<number>() });
    const world = createWorld();
    const page = world.open(tasks);
    const elsewhere = world.open(tasks);
    const end = elsewhere.basket.settled(await elsewhere.basket.add('send', 1));
    const runner = page.run({
      send() {
        page.at('turn:requests', page.basket.close);
      },
    });
    await world.advance(5_000);

    await expect(runner.done).rejects.toMatchObject({ code: 'closed' });
    expect(await rowsOf(tasks)).toEqual([]);
    expect(await end).toEqual({ state: 'done', result: undefined });
  });

  test('what a purge has removed', async () => {
    const tasks = defineTasks(freshName(), { send: task<number>() }, { session: session() });
    const world = createWorld();
    const page = world.open(tasks);
    const elsewhere = world.open(tasks);
    await elsewhere.basket.signIn('ann');
    const end = elsewhere.basket.settled(await elsewhere.basket.add('send', 1));
    page.at('command:requests', page.basket.close);
    await expect(page.basket.purge('ann')).rejects.toMatchObject({ code: 'closed' });
    await world.advance(5_000);

    expect(await rowsOf(tasks)).toEqual([]);
    expect(await end).toEqual({ state: 'purged' });
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

/** Each call that goes on for a while, with what it needs. */
const calls: readonly (readonly [string, (basket: Opened['page']['basket'], id: string) => Promise<unknown>])[] = [
  ['add', (basket) => basket.add('send', 2)],
  [
    'addMany',
    (basket) =>
      basket.addMany([
        ['send', 2],
        ['send', 3, { lane: 'a' }],
      ]),
  ],
  ['an add of a heavy payload', (basket) => basket.add('any', new Blob(['x']), { lane: 'a' })],
  ['prepare', (basket) => basket.prepare('any', 'x'.repeat(200_000))],
  ['get', (basket, id) => basket.get(id)],
  ['list', (basket) => basket.list()],
  ['list of a type', (basket) => basket.list({ type: 'send' })],
  ['count', (basket) => basket.count({ state: 'queued' })],
  ['explain', (basket, id) => basket.explain(id)],
  ['update', (basket, id) => basket.update(id, 5)],
  ['an update with a heavy payload', (basket, id) => basket.update(id, new Blob(['y']))],
  ['cancel', (basket, id) => basket.cancel(id)],
  ['cancel of all', (basket) => basket.cancel({})],
  ['retry', (basket) => basket.retry({ type: 'send' })],
  ['settled', (basket, id) => basket.settled(id)],
  ['health', (basket) => basket.health()],
];
type Opened = Awaited<ReturnType<typeof openedWithTask>>;

async function openedWithTask() {
  const tasks = defineTasks(freshName(), { send: task<number>(), any: task<unknown>() });
  const world = createWorld();
  const page = world.open(tasks);
  const id = await page.basket.add('any', 1, { runAt: world.wall() + 3_600_000 });

  return { tasks, world, page, id };
}

test.each(calls)('%s that is under way when its basket is closed ends, and leaves no alarm', async (_, call) => {
  for (const turns of [0, 1, 2, 3, 5, 8]) {
    const { world, page, id } = await openedWithTask();
    const end = Promise.allSettled([call(page.basket, id)]);
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    page.basket.close();
    let ended = false;
    void end.then(() => (ended = true));
    await world.advance(15_000);

    expect({ turns, ended }).toEqual({ turns, ended: true });
    const [result] = await end;
    const why = result.status === 'rejected' ? (result.reason as unknown) : { code: 'closed' };
    expect(why).toMatchObject({ code: 'closed' });
    expect(world.alarms()).toBe(0);
  }
});
