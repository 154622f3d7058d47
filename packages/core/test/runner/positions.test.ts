import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import type { Memory } from '../../src/runner/term/memory.js';
import type { Draft } from '../../src/runner/turn/draft.js';
import { storePositions } from '../../src/runner/turn/positions.js';
import { createStores } from '../../src/store/setup.js';
import { transact } from '../../src/store/transact.js';
import { byHand, contentsOf, freshName, openRaw, rowsOf } from '../support/database.js';
import type { World } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

const sendTasks = () =>
  defineTasks(freshName(), {
    send: task<number>(),
    laned: task<string>({ lane: (payload) => payload, backoff: { base: 3_600_000, cap: 3_600_000 } }),
  });
const nothing = (): void => undefined;
const never = (): Promise<void> => new Promise(() => undefined);
const fresh = 'F|send|1|send|1';

async function positions(tasks: ReturnType<typeof sendTasks>): Promise<Readonly<Record<string, number>>> {
  return ((await contentsOf(tasks)).state.get('positions') ?? {}) as Readonly<Record<string, number>>;
}

test('a stored position stops before the first row that was read and not claimed: a kill then loses none', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const first = world.open(tasks);
  for (let number = 1; number <= 40; number += 1) await first.basket.add('send', number);
  // A few at once, of a window that was read ahead; the rest is not claimed when it dies.
  first.run({ send: never, laned: nothing }, { concurrency: 3 });
  await world.advance(60_000);
  expect((await positions(tasks))[fresh] ?? 0).toBeLessThanOrEqual(3);
  first.kill();

  const second = world.open(tasks);
  const ran: number[] = [];
  second.run({ send: (number) => void ran.push(number), laned: nothing });
  await world.settle();
  expect([...ran].sort((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, place) => place + 1));
  expect(await rowsOf(tasks)).toEqual([]);
});

/** A runner runs ten tasks, stores its position, and is killed. */
async function runTen(world: World, tasks: ReturnType<typeof sendTasks>): Promise<void> {
  const first = world.open(tasks);
  first.run({ send: nothing, laned: nothing });
  for (let number = 1; number <= 10; number += 1) await first.basket.add('send', number);
  await world.settle();
  expect(await positions(tasks)).toEqual({ [fresh]: 10 });
  first.kill();
}

test('a position is stored once there is nothing to do, is never lowered, and the next runner reads on from it', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  await runTen(world, tasks);

  // A row by hand below it: that it is not found by the reading shows that the reading begins above it.
  await byHand(tasks, (stores) => stores.tasks.put(madeByHand(5)));
  const second = world.open(tasks);
  const ran: string[] = [];
  let foundByAudit = false;
  const runner = second.run(
    {
      send(_, { id }) {
        if (id === 'by hand 5') foundByAudit = runner.audits.some((found) => found > 0);
        ran.push(id);
      },
      laned: nothing,
    },
    { lostByHand: true },
  );
  const id = await second.basket.add('send', 11);
  await world.settle();
  expect(ran[0]).toBe(id);
  expect(ran[1]).toBe('by hand 5');
  expect(foundByAudit).toBe(true);
  expect(await positions(tasks)).toEqual({ [fresh]: 11 });
});

test('the audit finds a row at the very position, too', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  await runTen(world, tasks);

  await byHand(tasks, (stores) => stores.tasks.put(madeByHand(10)));
  const ran: string[] = [];
  world.open(tasks).run({ send: (_, { id }) => void ran.push(id), laned: nothing }, { lostByHand: true });
  await world.advance(600_000);
  expect(ran).toEqual(['by hand 10']);
});

test('a gate that was used once leaves no stored position, also if the runner is never idle, and costs no survey', async () => {
  const tasks = defineTasks(freshName(), {
    send: task<number>({ gate: (number) => `record ${number}` }),
    laned: task<number>({ lane: 'one', gate: 'lane', backoff: { base: 3_600_000, cap: 3_600_000 } }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  const left: number[] = [];
  let ran = 0;
  tab.run({
    async send(number) {
      // Each of them adds one, so that there is always something to claim.
      ran += 1;
      if (number < 400) void tab.basket.add('send', number + 1);
      if (number % 100 === 99) left.push(Object.keys((await contentsOf(tasks)).state.get('positions') ?? {}).length);
    },
    laned() {
      throw new Error('No.');
    },
  });
  await tab.basket.addMany([
    ['laned', 1],
    ['laned', 2],
    ['send', 0],
  ]);
  for (let time = 0; time < 20; time += 1) await world.settle();

  expect(ran).toBe(401);
  for (const count of left.slice(1)) expect(count).toBeLessThan(60);
  const positionsNow = (await contentsOf(tasks)).state.get('positions') as Record<string, number>;
  expect(Object.keys(positionsNow).length).toBeLessThan(12);
  // Rows lie under this one, behind their head: without its position each survey would read them all again.
  expect(positionsNow['F|laned|1|lane|1']).toBe(2);
});

describe('of the positions of types that were used before,', () => {
  const prefix = (number: number): string => `F|used ${number}|1|used|1`;

  /** Stores the positions of so many prefixes; the first of them has a row. Gives the memory that is left. */
  async function stored(count: number, { idle = true, unstored = 0 } = {}) {
    const tasks = sendTasks();
    const { context, basket } = createWorld().open(tasks);
    await basket.list();
    await byHand(tasks, (stores) => stores.tasks.put({ ...madeByHand(1), ready: prefix(0) }));
    const known = new Map(Array.from({ length: count }, (_, number) => [prefix(number), 1]));
    const memory = { positions: known, sources: new Map(), stored: new Map(), unstored } as unknown as Memory;
    await transact(context, 'turn', (stores) => storePositions({ stores, memory } as unknown as Draft, idle));

    return { names: [...known.keys()], stored: (await contentsOf(tasks)).state.get('positions') };
  }

  test.each([
    [8, 8],
    [9, 9],
    [1_024 + 7, 9],
    [1_024 + 8, 9],
    [1_024 + 9, 10],
    [2 * 1_024 + 100, 1_125],
    [5_000, 3_977],
  ])(
    '%i are dropped by 1,024 at a time, and %i are left; the one that has rows stays, and goes last',
    async (count, left) => {
      const { names, stored: record } = await stored(count);
      expect(names).toHaveLength(left);
      expect(record).toEqual(Object.fromEntries(names.map((name) => [name, 1])));
      expect(names.at(count === 8 ? 0 : -1)).toBe(prefix(0));
    },
  );

  test.each([
    [31, false],
    [32, true],
  ])('after %i turns without a pause: are they stored? %s', async (unstored, expected) => {
    const { stored: record } = await stored(3, { idle: false, unstored });
    expect(record !== undefined).toBe(expected);
  });
});

test('positions that were lost cost a second reading and nothing else', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const first = world.open(tasks);
  const head = await first.basket.add('laned', 'a');
  for (let count = 0; count < 30; count += 1) await first.basket.add('laned', 'a');
  for (let number = 1; number <= 10; number += 1) await first.basket.add('send', number);
  let failing = true;
  const ran: string[] = [];
  const handlers = {
    send: (number: number) => void ran.push(String(number)),
    laned(_: string, { id }: { readonly id: string }) {
      ran.push(id);
      if (failing) throw new Error('not yet');
    },
  };
  first.run(handlers);
  await world.settle();
  first.kill();
  await byHand(tasks, (stores) => stores.state.delete('positions'));

  const second = world.open(tasks);
  second.run(handlers);
  await world.settle();
  expect(ran).toHaveLength(11);
  failing = false;
  await second.basket.retry(head);
  await world.settle();
  expect(ran).toHaveLength(11 + 31);
  expect(new Set(ran).size).toBe(10 + 31);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('rows behind a stuck head are passed and not written, and each runs in its turn when the head is through', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const answer = createGate();
  const started: number[] = [];
  for (let count = 0; count < 50; count += 1) await tab.basket.add('laned', 'a');
  const before = await rowsOf(tasks);
  tab.run({
    send: nothing,
    async laned(_, { id }) {
      started.push(before.findIndex((row) => row.id === id));
      if (started.length === 1) await answer.promise;
    },
  });
  await tab.basket.add('send', 1);
  await world.settle();
  expect(started).toEqual([0]);
  expect(await rowsOf(tasks)).toEqual(before);

  answer.open();
  await world.settle();
  expect(started).toEqual(before.map((_, place) => place));
});

describe('the audit', () => {
  test('finds nothing in ordinary life', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const runner = tab.run({
      send: nothing,
      laned(payload, { number }) {
        if (payload === 'stuck' || number === 1) throw new Error('not yet');
      },
    });
    for (let count = 0; count < 10; count += 1) {
      await tab.basket.add('send', count);
      await tab.basket.add('laned', 'stuck');
      await tab.basket.add('laned', 'other', count % 2 === 0 ? {} : { runAt: world.wall() + 20_000 });
    }
    await world.advance(600_000);

    expect(runner.audits.length).toBeGreaterThan(2);
    expect(runner.audits.every((found) => found === 0)).toBe(true);
  });

  test.each([
    ['fresh, without a lane, below the position', (row: Row) => row],
    ['held, without a lane', (row: Row) => ({ ...row, ready: row.ready.replace('F', 'H') })],
    [
      "fresh, its lane's head, below the position",
      (row: Row) => ({ ...row, lane: 'lost', marks: [...row.marks, 'L|lost'] }),
    ],
    [
      "held, its lane's head",
      (row: Row) => ({ ...row, lane: 'lost', marks: [...row.marks, 'L|lost'], ready: row.ready.replace('F', 'H') }),
    ],
  ])('brings back a row that was made unfindable by hand: %s', async (_, change) => {
    const tasks = sendTasks();
    const world = createWorld();
    const first = world.open(tasks);
    for (let number = 1; number <= 5; number += 1) await first.basket.add('send', number);
    first.run({ send: nothing, laned: nothing });
    await world.settle();
    first.kill();
    await byHand(tasks, (stores) => stores.tasks.put(change(madeByHand(3))));

    const second = world.open(tasks);
    const ran: string[] = [];
    const handlers = { send: (_payload: number, { id }: { readonly id: string }) => void ran.push(id), laned: nothing };
    const runner = second.run(handlers, { lostByHand: true });
    await world.settle();
    expect(ran).toEqual(['by hand 3']);
    expect(runner.audits.reduce((sum, found) => sum + found, 0)).toBe(1);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('leaves alone what stands for a reason: dead, behind its head, awaiting a parent, of another version', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const first = world.open(tasks);
    for (let number = 1; number <= 9; number += 1) await first.basket.add('send', number);
    first.run({ send: nothing, laned: nothing });
    await world.settle();
    first.kill();
    const lane = { lane: 'a', marks: ['Iby hand', 'L|a'] };
    const rows = [
      { ...madeByHand(1), ...lane, ready: 'D|send|1|send|1', dead: { reason: 'permanent', at: 1 } },
      { ...madeByHand(2), ...lane },
      { ...madeByHand(3), ...lane, ready: 'H|send|1|send|1' },
      { ...madeByHand(4), after: ['somebody'], ready: 'H|send|1|send|1' },
      { ...madeByHand(5), ready: 'X|send|1|send|1' },
      { ...madeByHand(6), ready: 'U|send|1|send|2' },
    ];
    await byHand(tasks, (stores) => {
      for (const row of rows) stores.tasks.put(row);
    });

    const second = world.open(tasks);
    const runner = second.run({ send: nothing, laned: nothing });
    await world.settle();
    expect(runner.audits.length).toBeGreaterThan(0);
    expect(runner.audits.every((found) => found === 0)).toBe(true);
    const left = await rowsOf(tasks);
    // What could be decoded is not unreadable any more: it has run.
    expect(left).toEqual(rows.slice(0, 5));
  });

  test('it comes at the latest after five minutes, also where there is always something to do', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    let busy = true;
    const runner = tab.run({
      async send(number) {
        await new Promise<void>((resolve) => {
          tab.context.ports.clock.timer(10_000, resolve);
        });
        if (busy) await tab.basket.add('send', number + 1);
      },
      laned: nothing,
    });
    await world.advance(299_000);
    expect(runner.audits).toEqual([]);
    await world.advance(2_000);
    expect(runner.audits.length).toBeGreaterThan(0);
    busy = false;
    await world.advance(20_000);
  });
});

type Row = ReturnType<typeof madeByHand>;

/** A fresh row as an add would have written it, at a place of our own. */
function madeByHand(seq: number) {
  return {
    seq,
    id: `by hand ${seq}`,
    type: 'send',
    version: 1,
    owner: null,
    gate: 'send',
    priority: 1,
    addedAt: 1_700_000_000_000,
    ready: fresh,
    marks: [`Iby hand ${seq}`],
    payload: seq,
    attempts: 0,
    failures: 0,
    interruptions: 0,
    blames: 0,
  };
}

describe('after an upgrade of the app that made the store of tasks anew,', () => {
  test.each([
    ['of tasks', 'goes on', undefined],
    ['of tasks', 'goes on', 'lane'],
    ['of tasks', 'begins', undefined],
    ['of tasks', 'begins', 'lane'],
    ['of everything', 'goes on', undefined],
  ])('and those %s with it, new tasks run in a runner that %s (lane: %s)', async (which, runner, lane) => {
    const tasks = defineTasks(freshName(), { send: task<number>({ lane }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const ran: number[] = [];
    const begin = () => tab.run({ send: (number) => void ran.push(number) }, { lostByHand: true });
    const { stop } = begin();
    await tab.basket.addMany(Array.from({ length: 50 }, (_, number) => ['send', number] as const));
    await world.advance(120_000);
    expect(ran).toHaveLength(50);
    if (runner === 'begins') stop();
    await world.settle();

    const { version } = await openRaw(tasks.name);
    const db = await openRaw(tasks.name, version + 1, (tx, opened) => {
      for (const store of which === 'of tasks' ? [tasks.stores[0]] : tasks.stores) opened.deleteObjectStore(store);
      createStores(tx, tasks);
    });
    db.close();
    await world.settle();
    if (runner === 'begins') begin();
    for (const number of [100, 101]) {
      await tab.basket.add('send', number);
      await world.advance(10 * 60_000);
    }
    expect(ran.slice(50)).toEqual([100, 101]);
  });
});
