import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, RetryLater, Unavailable } from '../../src/pure/verdict.js';
import { freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

interface Item {
  readonly lane: string;
  readonly number: number;
}

const laneTasks = () =>
  defineTasks(freshName(), {
    send: task<Item>({ lane: (item) => item.lane, backoff: { base: 3_600_000, cap: 3_600_000 } }),
    quick: task<Item>({ lane: (item) => item.lane }),
  });
const nothing = (): void => undefined;

test('scenario 11: of five tasks in a lane the fourth fails once: run are 1 2 3 4 4 5, and none out of its turn', async () => {
  const tasks = laneTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const started: number[] = [];
  for (const number of [1, 2, 3, 4, 5]) await tab.basket.add('quick', { lane: 'a', number });
  tab.run({
    send: nothing,
    quick({ number }, attempt) {
      started.push(number);
      if (number === 4 && attempt.number === 1) throw new Error('once');
    },
  });
  await world.settle();
  expect(started).toEqual([1, 2, 3, 4]);

  await world.advance(60_000);
  expect(started).toEqual([1, 2, 3, 4, 4, 5]);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('scenario 12: adds of the same millisecond from two tabs have one order, which a reload does not change', async () => {
  const tasks = laneTasks();
  const world = createWorld();
  const tabs = [world.open(tasks), world.open(tasks)];
  const adds: Promise<string>[] = [];
  for (let number = 0; number < 20; number += 1) {
    for (const tab of tabs) adds.push(tab.basket.add('quick', { lane: 'a', number }));
  }
  const ids = await Promise.all(adds);
  const [first, second] = tabs;
  const order = (await first?.basket.list())?.map((view) => view.id) ?? [];
  expect((await second?.basket.list())?.map((view) => view.id)).toEqual(order);
  expect([...order].sort()).toEqual([...ids].sort());
  first?.kill();

  const ran: string[] = [];
  const reloaded = world.open(tasks);
  reloaded.run({ send: nothing, quick: (_, attempt) => void ran.push(attempt.id) });
  await world.settle();
  expect(ran).toEqual(order);
});

test('scenario 13: added in the gap between the failure of a head and its next attempt, a task stays behind it', async () => {
  const tasks = laneTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const page = world.open(tasks);
  const started: number[] = [];
  const failing = createGate();
  tab.run({
    send: nothing,
    async quick({ number }, attempt) {
      started.push(number);
      if (number === 1 && attempt.number === 1) await failing.promise;
    },
  });
  await tab.basket.add('quick', { lane: 'a', number: 1 });
  await world.settle();

  // Right before the failure is written, right after, and in the backoff that follows.
  let turns = 0;
  tab.at('turn:before', () => {
    turns += 1;
    if (turns <= 2) void page.basket.add('quick', { lane: 'a', number: 2 });
  });
  failing.fail(new Error('once'));
  await world.settle();
  expect(turns).toBeGreaterThanOrEqual(2);
  await page.basket.add('quick', { lane: 'a', number: 3 });
  await world.advance(100);
  expect(started).toEqual([1]);

  await world.advance(60_000);
  expect(started).toEqual([1, 1, 2, 2, 3]);
});

test('scenario 14: while the head of lane A waits an hour in its backoff, lane B drains at once', async () => {
  const tasks = laneTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const ran: string[] = [];
  for (const number of [1, 2]) await tab.basket.add('send', { lane: 'a', number });
  for (const number of [1, 2, 3]) await tab.basket.add('send', { lane: 'b', number });
  tab.run({
    quick: nothing,
    send({ lane, number }) {
      ran.push(lane + number);
      if (lane === 'a') throw new Error('always');
    },
  });
  await world.settle();

  expect(ran).toEqual(['a1', 'b1', 'b2', 'b3']);
  expect(await rowsOf(tasks)).toHaveLength(2);
});

test('one at a time: no two tasks of a lane ever run together, over all of their types', async () => {
  const tasks = laneTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const running = new Map<string, number>();
  let most = 0;
  const handler = async ({ lane }: Item): Promise<void> => {
    running.set(lane, (running.get(lane) ?? 0) + 1);
    most = Math.max(most, running.get(lane) ?? 0);
    await new Promise((resolve) => setImmediate(resolve));
    running.set(lane, (running.get(lane) ?? 0) - 1);
  };
  for (let number = 0; number < 40; number += 1) {
    await tab.basket.add(number % 3 === 0 ? 'send' : 'quick', { lane: `lane ${number % 4}`, number });
  }
  tab.run({ send: handler, quick: handler }, { concurrency: 16 });
  await world.settle();

  expect(most).toBe(1);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('without a lane tasks run at once, as many as there are slots', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const answered = createGate();
  const started: number[] = [];
  for (let number = 0; number < 8; number += 1) await tab.basket.add('send', number);
  tab.run(
    {
      async send(number) {
        started.push(number);
        await answered.promise;
      },
    },
    { concurrency: 3 },
  );
  await world.settle();
  expect(started).toEqual([0, 1, 2]);

  answered.open();
  await world.settle();
  expect(started).toHaveLength(8);
});

describe('a dead head', () => {
  const run = async (onDead: 'block' | 'skip') => {
    const tasks = defineTasks(freshName(), { send: task<number>({ lane: 'a', onDead }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const started: number[] = [];
    let refusing = true;
    const ids: string[] = [];
    for (const number of [1, 2, 3]) ids.push(await tab.basket.add('send', number));
    tab.run({
      send(number) {
        started.push(number);
        if (number === 1 && refusing) throw new PermanentFailure('no', { status: 422 });
      },
    });
    await world.settle();
    const accept = (): void => {
      refusing = false;
    };

    return { world, tab, started, ids, accept };
  };

  test('a dead head blocks its lane until it is retried, and then runs first', async () => {
    const { world, tab, started, ids, accept } = await run('block');
    expect(started).toEqual([1]);
    world.jump(24 * 3_600_000);
    await world.advance(120_000);
    expect(started).toEqual([1]);
    expect(await tab.basket.list({ state: 'dead' })).toMatchObject([
      {
        id: ids[0],
        state: 'dead',
        failures: 0,
        attempts: 1,
        dead: { reason: 'permanent' },
        lastError: { status: 422 },
      },
    ]);

    accept();
    expect(await tab.basket.retry(ids[0] ?? '')).toBe(1);
    await world.settle();
    expect(started).toEqual([1, 1, 2, 3]);
    expect(await tab.basket.list()).toEqual([]);
  });

  test('a dead head blocks its lane until it is cancelled, and then the next runs', async () => {
    const { world, tab, started, ids } = await run('block');
    expect(await tab.basket.cancel(ids[0] ?? '')).toBe(1);
    await world.settle();
    expect(started).toEqual([1, 2, 3]);
  });

  test('with skip, a dead one that is retried goes first again, but never beside the one that runs', async () => {
    const tasks = defineTasks(freshName(), { send: task<number>({ lane: 'a', onDead: 'skip' }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const answer = createGate();
    const started: number[] = [];
    const [first] = [await tab.basket.add('send', 1), await tab.basket.add('send', 2), await tab.basket.add('send', 3)];
    tab.run({
      async send(number, attempt) {
        started.push(number);
        if (number === 1 && attempt.number === 1) throw new PermanentFailure('no');
        if (number === 2) await answer.promise;
      },
    });
    await world.settle();
    expect(started).toEqual([1, 2]);

    await tab.basket.retry(first);
    await world.advance(61_000);
    expect(started).toEqual([1, 2]);
    answer.open();
    await world.settle();
    expect(started).toEqual([1, 2, 1, 3]);
  });

  test('with skip the lane goes on without its dead head', async () => {
    const { tab, started } = await run('skip');
    expect(started).toEqual([1, 2, 3]);
    expect(await tab.basket.list()).toMatchObject([{ state: 'dead', payload: 1 }]);
  });
});

test('scenario 16: a head that asks to be called later, or whose destination is away, keeps its place', async () => {
  const tasks = laneTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const started: number[] = [];
  for (const number of [1, 2, 3]) await tab.basket.add('quick', { lane: 'a', number });
  tab.run({
    send: nothing,
    quick({ number }, attempt) {
      started.push(number);
      if (number === 1 && attempt.number === 1) throw new RetryLater(5_000);
      if (number === 1 && attempt.number === 2) throw new Unavailable();
    },
  });
  await world.settle();
  expect(started).toEqual([1]);
  await world.advance(60_000);

  expect(started).toEqual([1, 1, 1, 2, 3]);
});

test('scenario 19: in a lane neither a priority nor a date lets a task overtake its head; without a lane both count', async () => {
  const tasks = laneTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const started: number[] = [];
  await tab.basket.add('quick', { lane: 'a', number: 1 }, { priority: 'low', runAt: world.wall() + 10_000 });
  await tab.basket.add('quick', { lane: 'a', number: 2 }, { priority: 'high' });
  await tab.basket.add('quick', { lane: 'b', number: 3 }, { priority: 'low' });
  await tab.basket.add('quick', { lane: 'c', number: 4 }, { priority: 'high' });
  tab.run({ send: nothing, quick: ({ number }) => void started.push(number) }, { concurrency: 1 });
  await world.settle();
  expect(started).toEqual([4, 3]);

  await world.advance(9_999);
  expect(started).toEqual([4, 3]);
  await world.advance(1);
  expect(started).toEqual([4, 3, 1, 2]);
});

test('of the slots that are free, tasks whose date has come and new tasks get every other one', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>() });
  const world = createWorld();
  const tab = world.open(tasks);
  for (let count = 0; count < 4; count += 1) await tab.basket.add('send', 'dated', { runAt: world.wall() + 1_000 });
  for (let count = 0; count < 4; count += 1) await tab.basket.add('send', 'new');
  world.jump(2_000);
  const started: string[] = [];
  tab.run({
    send(payload) {
      started.push(payload);

      return new Promise(() => undefined);
    },
  });
  await world.settle();

  expect(started).toEqual(['dated', 'new', 'dated', 'new', 'dated', 'new']);
});

test('a task that ends while a slow device reads on after an edit does not run a second time', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>() });
  const world = createWorld();
  const page = world.open(tasks);
  const tab = world.open(tasks);
  const { clock } = tab.context.ports;
  const { monotonic } = clock;
  let late = 0;
  const dated = await page.basket.add('send', 'dated', { runAt: world.wall() + 3_600_000 });
  await page.basket.add('send', 'head', { lane: 'a', priority: 'high' });
  await page.basket.add('send', 'once');
  const started: string[] = [];
  const once = createGate();
  tab.run({
    send(what) {
      started.push(what);

      return what === 'once' ? once.promise : new Promise(() => undefined);
    },
  });
  await world.settle();
  expect(started).toEqual(['head', 'once']);

  // From now on each look at the clock takes longer than a turn may: a turn checks one row.
  world.loseMessages();
  for (let count = 0; count < 4; count += 1) await page.basket.add('send', 'held', { lane: 'a', priority: 'high' });
  await page.basket.cancel(dated);
  Object.assign(clock, { monotonic: () => monotonic() + (late += 100) });
  tab.at('turn:complete', () => once.open());
  await world.advance(120_000);

  expect(started).toEqual(['head', 'once']);
});

test('the lowest priority gets one claim in eight, so that it never starves', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>() });
  const world = createWorld();
  const tab = world.open(tasks);
  for (let count = 0; count < 40; count += 1) await tab.basket.add('send', 'high', { priority: 'high' });
  for (let count = 0; count < 3; count += 1) await tab.basket.add('send', 'low', { priority: 'low' });
  const started: string[] = [];
  tab.run({ send: (payload) => void started.push(payload) }, { concurrency: 1 });
  await world.settle();

  expect(started.flatMap((priority, place) => (priority === 'low' ? [place] : []))).toEqual([7, 15, 23]);
});

test('the normal priority gets one claim in eight too while high and low ones are always due', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>() });
  const world = createWorld();
  const tab = world.open(tasks);
  for (const priority of ['high', 'normal', 'low'] as const) {
    for (let count = 0; count < 40; count += 1) await tab.basket.add('send', priority, { priority });
  }
  const started: string[] = [];
  tab.run({ send: (payload) => void started.push(payload) }, { concurrency: 1 });
  await world.settle();

  const eight = ['high', 'high', 'high', 'normal', 'high', 'high', 'high', 'low'];
  expect(started.slice(0, 48)).toEqual([...eight, ...eight, ...eight, ...eight, ...eight, ...eight]);
});

test.each([0, 1, 2, 3, 4, 5, 6, 7])(
  'a probe with each seven claims does not take the share of the lowest priority, also after %i quick ones',
  async (quick) => {
    const gates = { base: 7_000, cap: 7_000 };
    const tasks = defineTasks(freshName(), { send: task<string>(), probe: task<null>() }, { gates });
    const world = createWorld();
    const tab = world.open(tasks);
    // Each wait is as long as it can be.
    Object.assign(tab.context.ports, { random: () => 1 });
    const high = { priority: 'high' } as const;
    await tab.basket.add('probe', null, high);
    for (let count = 0; count < 60; count += 1) await tab.basket.add('send', 'high', high);
    for (let count = 0; count < 9; count += 1) await tab.basket.add('send', 'low', { priority: 'low' });
    for (let count = 0; count < quick; count += 1) {
      await tab.basket.add('send', 'quick', { ...high, runAt: world.wall() + 1_000 });
    }
    const started: string[] = [];
    let probes = 0;
    tab.run(
      {
        async send(payload) {
          started.push(payload);
          if (payload !== 'quick') await new Promise<void>((over) => tab.context.ports.clock.timer(1_000, over));
        },
        probe() {
          probes += 1;
          throw new Unavailable();
        },
      },
      { concurrency: 1 },
    );
    await world.advance(60_000);

    expect(probes).toBeGreaterThanOrEqual(8);
    // The first one that found its gate away was no probe yet, and counts.
    const shares = started.flatMap((priority, place) => (priority === 'low' ? [place] : []));
    expect(shares).toEqual(shares.map((_, turn) => 6 + 8 * turn));
    expect(shares.length).toBeGreaterThanOrEqual(7);
  },
);
