import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { contentsOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';
import { failureOf } from './app.js';

interface Item {
  readonly number: number;
  readonly lane?: string;
}

async function opened() {
  const tasks = defineTasks(freshName(), {
    send: task<Item>({ lane: ({ lane }) => lane, backoff: { base: 60_000, cap: 60_000 } }),
    big: task<string>(),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  const { basket, run } = tab;
  await basket.list();

  return { tasks, world, basket, run, tab };
}

describe('cancel', () => {
  test('removes a queued task and its payload, resolves with true, and says cancelled in its outcome', async () => {
    const { tasks, world, basket } = await opened();
    const id = await basket.add('big', 'x'.repeat(20_000));
    await basket.add('big', 'stays');

    expect(await basket.cancel(id)).toBe(1);
    const { tasks: rows, payloads, outcomes } = await contentsOf(tasks);
    expect(rows).toMatchObject([{ payload: 'stays' }]);
    expect(payloads.size).toBe(0);
    expect(outcomes).toEqual([
      { n: 1, id, type: 'big', owner: null, state: 'cancelled', at: world.wall(), marks: [`I${id}`] },
    ]);
    expect(await basket.get(id)).toBeUndefined();
    expect(await basket.cancel(id)).toBe(0);
  });

  test("of a lane's head gives the next one a timed key, at once, and leaves the others as they are", async () => {
    const { tasks, basket } = await opened();
    const head = await basket.add('send', { number: 1, lane: 'a' });
    await basket.add('send', { number: 2, lane: 'b' });
    for (const number of [3, 4]) await basket.add('send', { number, lane: 'a' });
    const [, ofAnother, next, last] = await rowsOf(tasks);

    await basket.cancel(head);
    expect(next?.ready).toBe('F|send|1|send|1');
    expect(await rowsOf(tasks)).toEqual([ofAnother, { ...next, ready: '@|send|1|send|1|000000000' }, last]);
  });

  test('of the head gives a next one that has a date to come its date, and not at once', async () => {
    const { tasks, world, basket } = await opened();
    const head = await basket.add('send', { number: 1, lane: 'a' });
    const runAt = world.wall() + 60_000;
    await basket.add('send', { number: 2, lane: 'a' }, { runAt });
    const before = (await rowsOf(tasks))[1];

    await basket.cancel(head);
    expect(await rowsOf(tasks)).toEqual([before]);
    expect(await basket.list()).toMatchObject([{ dueAt: runAt }]);
  });

  test('of one behind the head changes nothing else', async () => {
    const { tasks, basket } = await opened();
    await basket.add('send', { number: 1, lane: 'a' });
    const second = await basket.add('send', { number: 2, lane: 'a' });
    await basket.add('send', { number: 3, lane: 'a' });
    const [first, , third] = await rowsOf(tasks);

    await basket.cancel(second);
    // The head is brought back whoever was removed: that it was due already does no harm.
    const [head, last] = await rowsOf(tasks);
    expect({ ...head, ready: first?.ready }).toEqual(first);
    expect(last).toEqual(third);
  });

  test('of no task is false, and changes nothing', async () => {
    const { tasks, basket } = await opened();
    await basket.add('send', { number: 1 });
    const before = await contentsOf(tasks);

    expect(await basket.cancel('no such id')).toBe(0);
    expect(await contentsOf(tasks)).toEqual(before);
  });
});

describe('retry', () => {
  test('of a dead task: it is queued again at once, with fresh counters, and runs', async () => {
    const { tasks, world, basket, run } = await opened();
    let refuses = true;
    const ran: number[] = [];
    run({
      send({ number }) {
        if (refuses) throw new PermanentFailure('The server refused it.', { status: 422 });
        ran.push(number);
      },
      big: () => undefined,
    });
    const id = await basket.add('send', { number: 1, lane: 'a' });
    await basket.add('send', { number: 2, lane: 'a' });
    await world.advance(600_000);
    expect(await basket.get(id)).toMatchObject({ state: 'dead', dead: { reason: 'permanent' }, attempts: 1 });
    expect(await basket.list({ state: 'dead' })).toHaveLength(1);

    refuses = false;
    expect(await basket.retry(id)).toBe(1);
    await world.settle();
    expect(ran).toEqual([1, 2]);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('of a dead task without a runner: its view is that of a queued one that is due', async () => {
    const { tasks, world, basket, tab } = await opened();
    tab.run({
      send() {
        throw new PermanentFailure('no');
      },
      big: () => undefined,
    });
    const id = await basket.add('send', { number: 1, lane: 'a' });
    await world.settle();
    tab.kill();

    const other = world.open(tasks).basket;
    await other.retry(id);
    const view = await other.get(id);
    expect(view).toMatchObject({ state: 'queued', failures: 0, attempts: 1, dueAt: undefined, dead: undefined });
    expect(view?.lastError).toMatchObject({ message: 'no' });
    expect((await rowsOf(tasks))[0]?.ready).toBe('@|send|1|send|1|000000000');
  });

  test('of a task in its backoff: at once', async () => {
    const { world, basket, run } = await opened();
    const numbers: number[] = [];
    run({
      send(_, { number }) {
        numbers.push(number);
        throw new Error('not yet');
      },
      big: () => undefined,
    });
    const id = await basket.add('send', { number: 1 });
    await world.advance(1_000);
    expect(numbers).toEqual([1]);

    await basket.retry(id);
    await world.advance(1_000);
    expect(numbers).toEqual([1, 2]);
  });

  test('leaves a task that waits for its own date, or was never tried, as it is', async () => {
    const { tasks, world, basket } = await opened();
    const dated = await basket.add('send', { number: 1 }, { runAt: world.wall() + 60_000 });
    const fresh = await basket.add('send', { number: 2 });
    const before = await rowsOf(tasks);

    expect(await basket.retry(dated)).toBe(1);
    expect(await basket.retry(fresh)).toBe(1);
    expect(await rowsOf(tasks)).toEqual(before);
  });

  test('of no task is false', async () => {
    const { basket } = await opened();

    expect(await basket.retry('no such id')).toBe(0);
  });
});

test('a stamp of edits is written anew by each cancel and retry that found something, and by no add', async () => {
  const { tasks, basket } = await opened();
  const stamp = async (): Promise<unknown> => (await contentsOf(tasks)).state.get('edits');
  const id = await basket.add('send', { number: 1 });
  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  const done = new Promise((resolve) => {
    tx.addEventListener('complete', resolve);
  });
  basket.addTx(tx, 'big', 'x');
  await done;
  db.close();
  await basket.cancel('no such id');
  await basket.retry('no such id');
  expect(await stamp()).toBeUndefined();

  await basket.retry(id);
  const first = await stamp();
  expect(first).toMatch(/^\w{12}$/);

  await basket.cancel(id);
  const second = await stamp();
  expect(second).toMatch(/^\w{24}$/);
  expect(second).toMatch(new RegExp(`${String(first)}$`));

  await basket.add('big', 'x');
  expect(await stamp()).toBe(second);
});

describe('close', () => {
  test('makes later calls reject with what to do, and leaves the tasks to others', async () => {
    const { tasks, world, basket } = await opened();
    const id = await basket.add('send', { number: 1 });
    basket.close();

    for (const later of [basket.add('big', 'x'), basket.get(id), basket.list(), basket.cancel(id), basket.retry(id)]) {
      expect(await failureOf(later)).toMatchObject({
        code: 'closed',
        message: expect.stringContaining('openBasket') as string,
      });
    }
    expect(await world.open(tasks).basket.get(id)).toMatchObject({ id });
    expect(await rowsOf(tasks)).toHaveLength(1);
  });

  test('does not lose an add that was under way: it is stored, or it rejects', async () => {
    const { tasks, basket } = await opened();
    const adds = [1, 2, 3].map((number) => basket.add('send', { number }));
    basket.close();

    const ends = await Promise.allSettled(adds);
    expect(await rowsOf(tasks)).toHaveLength(ends.filter(({ status }) => status === 'fulfilled').length);
  });

  test('before the database was ever opened is fine, and so is closing twice', async () => {
    const tasks = defineTasks(freshName(), { send: task<number>() });
    const { basket } = createWorld().open(tasks);
    basket.close();
    basket.close();

    expect(await failureOf(basket.add('send', 1))).toMatchObject({ code: 'closed' });
  });

  test('lets go of the database: it can be deleted at once', async () => {
    const { tasks, basket } = await opened();
    basket.close();

    const blocked = await new Promise<boolean>((resolve) => {
      const request = indexedDB.deleteDatabase(tasks.name);
      request.addEventListener('blocked', () => resolve(true));
      request.addEventListener('success', () => resolve(false));
    });
    expect(blocked).toBe(false);
  });
});
