import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName, rowsOf, runnerOf } from '../support/database.js';
import type { Tab } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

const day = 24 * 3_600_000;
const laneTasks = () =>
  defineTasks(freshName(), { send: task<number>({ lane: (number) => `lane ${number % 2}` }), big: task<string>() });
const never = (): Promise<void> => new Promise(() => undefined);
const nothing = (): void => undefined;

const sorted = (numbers: readonly number[]): readonly number[] => [...numbers].sort((one, other) => one - other);

/** A runner that died while it ran the heads of both lanes and a big task. */
async function died() {
  const tasks = laneTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  for (const number of [1, 2, 3, 4]) await tab.basket.add('send', number);
  await tab.basket.add('big', 'x'.repeat(20_000));
  tab.run({ send: never, big: never });
  // Long enough for the positions to be stored: what they passed, nobody reads again.
  await world.advance(61_000);
  expect((await runnerOf(tasks)).running.map((claim) => claim.seq)).toEqual([1, 2, 5]);
  expect((await contentsOf(tasks)).state.get('positions')).toMatchObject({ 'F|send|1|send|1': 4 });
  tab.kill();

  return { tasks, world };
}

test('what a dead runner had claimed is returned before anything else is claimed, without any time passing', async () => {
  const { tasks, world } = await died();
  const tab = world.open(tasks);
  let rescued: unknown;
  tab.at('turn:before', () => {
    rescued ??= rowsOf(tasks).then((rows) =>
      rows.map(({ seq, attempts, interruptions }) => [seq, attempts, interruptions]),
    );
  });
  const ran: unknown[] = [];
  tab.run({ send: (number, { recovered }) => void ran.push([number, recovered]), big: nothing });
  await world.settle();

  expect(await rescued).toEqual([
    [1, 1, 1],
    [2, 1, 1],
    [3, 0, 0],
    [4, 0, 0],
    [5, 1, 1],
  ]);
  expect(ran).toEqual(
    expect.arrayContaining([
      [1, true],
      [2, true],
      [3, false],
      [4, false],
    ]),
  );
  expect(await rowsOf(tasks)).toEqual([]);
});

test('the runner dies in the middle of the rescue too: nothing of it was written, and the next one does it as a whole', async () => {
  const { tasks, world } = await died();
  const before = await contentsOf(tasks);
  const second = world.open(tasks);
  second.at('takeover:requests', (transaction) => {
    transaction?.abort();
    second.kill();
  });
  second.run({ send: nothing, big: nothing });
  await world.settle();
  expect(await contentsOf(tasks)).toEqual(before);

  const third = world.open(tasks);
  const numbers: number[] = [];
  third.run({ send: (_, { number }) => void numbers.push(number), big: nothing });
  await world.settle();
  expect(sorted(numbers)).toEqual([1, 1, 2, 2]);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a claim whose row was deleted by hand is skipped by the rescue, its payload is removed, and its lane goes on', async () => {
  const { tasks, world } = await died();
  await byHand(tasks, (stores) => {
    stores.tasks.delete(1);
    stores.tasks.delete(5);
  });

  const tab = world.open(tasks);
  const ran: number[] = [];
  tab.run({ send: (number) => void ran.push(number), big: nothing });
  await world.settle();

  expect(sorted(ran)).toEqual([2, 3, 4]);
  const { tasks: rows, payloads } = await contentsOf(tasks);
  expect([rows.length, payloads.size]).toEqual([0, 0]);
});

test('a claim whose place another row has taken is skipped by the rescue, and that row keeps its counts', async () => {
  const { tasks, world } = await died();
  const [, , , , big] = await rowsOf(tasks);
  if (big === undefined) throw new Error('There are five rows.');
  const { ref: _, ...rest } = big;
  const other = { ...rest, id: 'another one', marks: ['Ianother one'], payload: 'small' };
  await byHand(tasks, (stores) => stores.tasks.put(other));

  const tab = world.open(tasks);
  const seen: unknown[] = [];
  tab.run(
    {
      send: nothing,
      big: (payload, { id, number, recovered }) => void seen.push([payload, id, number, recovered]),
    },
    { lostByHand: true },
  );
  await world.settle();

  // It lies behind the position, where only the audit finds it; what counts is that the rescue left it as it was.
  expect(seen).toEqual([['small', 'another one', 1, false]]);
});

test('a task that was cancelled while it ran, and whose runner then died, is gone, and its lane goes on', async () => {
  const { tasks, world } = await died();
  const page = world.open(tasks);
  const [first] = await page.basket.list({ type: 'send' });
  expect(await page.basket.cancel(first?.id ?? '')).toBe(1);
  expect(await page.basket.get(first?.id ?? '')).toBeUndefined();

  const tab = world.open(tasks);
  const ran: number[] = [];
  tab.run({ send: (number) => void ran.push(number), big: nothing });
  await world.settle();
  expect(sorted(ran)).toEqual([2, 3, 4]);
  expect(await rowsOf(tasks)).toEqual([]);
});

describe('scenario 58: a task under which the runner dies', () => {
  const tasksOf = () => defineTasks(freshName(), { send: task<string>({ backoff: { base: 60_000, cap: 60_000 } }) });

  /** Dies in each life as soon as the poisonous task runs. */
  async function lives(world: ReturnType<typeof createWorld>, tasks: ReturnType<typeof tasksOf>, count: number) {
    const starts: { life: number; payload: string; with: number; at: number }[] = [];
    for (let life = 1; life <= count; life += 1) {
      const tab: Tab<ReturnType<typeof tasksOf>> = world.open(tasks);
      const death = { seen: false };
      let running = 0;
      tab.run({
        async send(payload) {
          running += 1;
          starts.push({ life, payload, with: running - 1, at: world.wall() });
          if (payload === 'poison') {
            death.seen = true;
            tab.kill();
            await never();
          }
          await new Promise((resolve) => setImmediate(resolve));
          running -= 1;
        },
      });
      await world.settle();
      for (let seconds = 0; seconds < 600 && !death.seen; seconds += 1) await world.advance(1_000);
      tab.kill();
    }

    return starts;
  }

  test('up to the second death in a row it simply runs again; from the third on it waits and runs alone', async () => {
    const tasks = tasksOf();
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 'poison');
    const starts = await lives(world, tasks, 5);
    const at = starts.map((start) => start.at);

    expect(starts.map((start) => start.life)).toEqual([1, 2, 3, 4, 5]);
    expect([at[1], at[2]]).toEqual([at[0], at[0]]);
    for (const place of [3, 4]) {
      expect((at[place] ?? 0) - (at[place - 1] ?? 0)).toBeGreaterThanOrEqual(30_000);
      expect((at[place] ?? 0) - (at[place - 1] ?? 0)).toBeLessThanOrEqual(71_000);
    }
    // The last death is counted by whoever leads next.
    expect(await rowsOf(tasks)).toMatchObject([{ attempts: 4, failures: 0, interruptions: 4 }]);
  });

  test('takes no other with it: the others all succeed, and it is never set aside for that alone', async () => {
    const tasks = tasksOf();
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 'poison');
    for (let number = 1; number <= 5; number += 1) await tab.basket.add('send', `good ${number}`);
    const starts = await lives(world, tasks, 8);

    const [left, ...more] = await world.open(tasks).basket.list();
    expect(more).toEqual([]);
    expect(left).toMatchObject({ payload: 'poison', state: 'queued', failures: 0 });
    // Once the third death is known nothing else runs beside it.
    const alone = starts.filter((start) => start.payload === 'poison').slice(3);
    expect(alone.length).toBeGreaterThan(1);
    expect(alone.every((start) => start.with === 0)).toBe(true);
  });

  test('for ten seconds before it starts, or until the others have ended, and for ten seconds after, nothing else is claimed', async () => {
    const tasks = tasksOf();
    const world = createWorld();
    const first = world.open(tasks);
    const id = await first.basket.add('send', 'poison');
    const [row] = await rowsOf(tasks);
    // As three deaths leave it: see the test above.
    await byHand(tasks, (stores) =>
      stores.tasks.put({
        ...row,
        interruptions: 3,
        attempts: 3,
        ready: row?.ready.replace(/^F(.*)\|1$/, '@$1|3|000000000'),
      }),
    );
    for (const payload of ['before', 'after 1', 'after 2']) await first.basket.add('send', payload, { runAt: 0 });
    const starts: [string, number][] = [];
    const began = world.wall();
    const answers = new Map(['poison', 'before', 'after 1', 'after 2'].map((payload) => [payload, createGate()]));
    first.run({
      async send(payload) {
        starts.push([payload, world.wall() - began]);
        await answers.get(payload)?.promise;
      },
    });
    await world.advance(5_000);
    await first.basket.add('send', 'after 3');
    await world.advance(4_999);
    expect(starts).toEqual([['poison', 0]]);

    await world.advance(1);
    expect(starts.map(([payload]) => payload).sort()).toEqual(['after 1', 'after 2', 'after 3', 'before', 'poison']);
    expect(starts.slice(1).map(([, time]) => time)).toEqual([10_000, 10_000, 10_000, 10_000]);
    expect(await first.basket.get(id)).toMatchObject({ interruptions: 3, running: true });

    // It ends by itself: from then on it is as any other.
    answers.get('poison')?.fail(new Error('a counted failure'));
    await world.settle();
    expect(await first.basket.get(id)).toMatchObject({ interruptions: 0, failures: 1 });
  });

  test('while one of them runs, also for longer than ten seconds, no other one of them starts', async () => {
    const tasks = tasksOf();
    const world = createWorld();
    const tab = world.open(tasks);
    for (const payload of ['one', 'two']) await tab.basket.add('send', payload);
    const rows = await rowsOf(tasks);
    await byHand(tasks, (stores) => {
      for (const row of rows) {
        const ready = row.ready.replace(/^F(.*)\|1$/, '@$1|3|000000000');
        stores.tasks.put({ ...row, interruptions: 3, attempts: 3, ready });
      }
    });
    const answer = createGate();
    const starts: string[] = [];
    tab.run({
      async send(payload) {
        starts.push(payload);
        if (payload === 'one') await answer.promise;
      },
    });
    await world.advance(60_000);
    expect(starts).toEqual(['one']);

    answer.open();
    await world.advance(60_000);
    expect(starts).toEqual(['one', 'two']);
  });

  test('days of reloads and closed tabs set nothing aside', async () => {
    const tasks = tasksOf();
    const world = createWorld();
    await world.open(tasks).basket.add('send', 'slow upload');
    for (let reload = 0; reload < 25; reload += 1) {
      const tab = world.open(tasks);
      tab.run({ send: never });
      await world.advance(70_000);
      tab.kill();
    }
    expect(await rowsOf(tasks)).toMatchObject([{ failures: 0 }]);
    expect((await rowsOf(tasks))[0]?.dead).toBeUndefined();

    let done = 0;
    world.open(tasks).run({ send: () => void (done += 1) });
    await world.advance(day / 24);
    expect(done).toBe(1);
  });
});
