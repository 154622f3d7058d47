/**
 * Work that is done in slices, at the borders of a slice: one row less, as many, one more, and twice as many and a hundred.
 */
import { describe, expect, test } from 'vitest';

import { cancelledMark, readyPrefix, skippedMark, timePart } from '../../src/pure/key.js';
import type { NewTask, NewTaskRow } from '../../src/pure/record.js';
import { newRow, stateKeys } from '../../src/pure/record.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import type { Claiming } from '../../src/runner/turn/room.js';
import { isCutShort } from '../../src/runner/turn/room.js';
import { byHand, freshName, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

const define = () => defineTasks(freshName(), { send: task<number>(), other: task<number>() });

/** A row of the type `send`, as an add writes it. */
function rowOf(number: number, more: Partial<NewTask> = {}): NewTaskRow {
  return newRow({
    id: `row-${number}`,
    type: 'send',
    version: 1,
    owner: null,
    gate: 'send',
    priority: 1,
    addedAt: 0,
    payload: { inline: number },
    ...more,
  });
}

/** A world with so many rows in the database, none of which a runner has seen. */
async function filled(count: number, rowAt: (number: number) => object, records: readonly [string, unknown][] = []) {
  const tasks = define();
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  await byHand(tasks, ({ tasks: store, state }) => {
    for (let number = 0; number < count; number += 1) store.add(rowAt(number));
    for (const [key, value] of records) state.put(value, key);
  });

  return { tasks, world, tab };
}

/** A limit less one, the limit, one more, and twice as many and a hundred. */
function around(limit: number): readonly number[] {
  return [limit - 1, limit, limit + 1, 2 * limit + 100];
}

const first = 'F|send|1|send|1';

describe('a slice of 256 rows of a query', () => {
  test.each(around(256))('of %i tasks of a lane, beside as many of one that resembles it', async (count) => {
    const { tab } = await filled(2 * count, (number) => rowOf(number, { lane: number % 2 === 0 ? 'a' : 'ab' }));
    const { basket } = tab;

    expect(await basket.list({ lane: 'a', limit: 1_000 })).toHaveLength(count);
    expect(await basket.count({ lane: 'ab' })).toEqual({ count, more: false });
    expect(await basket.count({ type: 'send' })).toEqual({
      count: Math.min(1_000, 2 * count),
      more: 2 * count > 1_000,
    });
    expect(await basket.cancel({ lane: 'a' })).toBe(count);
    expect(await basket.count()).toEqual({ count, more: false });
  });

  test.each(around(256))('of %i dead tasks, one of which is strange', async (count) => {
    const dead = { reason: 'permanent', at: 0 };
    const { tab } = await filled(count, (number) => ({
      ...rowOf(number),
      ready: readyPrefix('D', { owner: null, type: 'send', version: 1, gate: 'send' }, 1),
      ...(number === 100 ? { dead, attempts: 'many' } : { dead }),
    }));
    const { basket } = tab;

    expect((await basket.list({ state: 'dead', limit: 1_000 })).length).toBeGreaterThanOrEqual(count - 1);
    expect((await basket.count({ state: 'dead' })).count).toBeGreaterThanOrEqual(count - 1);
    expect(await basket.list({ limit: 1_000 })).toHaveLength(count);
  });
});

test.each(around(1_000))('a count of %i tasks', async (count) => {
  const { tab } = await filled(count, rowOf);

  for (const query of [{}, { type: 'send' }, { state: 'queued' }] as const) {
    expect(await tab.basket.count(query)).toEqual({ count: Math.min(count, 1_000), more: count > 1_000 });
  }
  expect(await tab.basket.list({ limit: 1_000 })).toHaveLength(Math.min(count, 1_000));
  // The last page of a query that finds its tasks by their state, of which many fit.
  const { seq = 0 } = (await tab.basket.list({ type: 'send', limit: 1_000 })).at(-1) ?? {};
  const last = await tab.basket.list({ type: 'send', cursor: seq - 2, limit: 4 });
  expect(last.map((view) => view.seq)).toEqual([seq - 1, seq, seq + 1, seq + 2].slice(0, 2 + Math.min(2, count - seq)));
});

test.each(around(64))('a task of a gate is found behind %i types that have none', async (count) => {
  const { tab } = await filled(count + 1, (number) =>
    rowOf(number, number < count ? { type: `type ${number}`, gate: 'other' } : { type: 'z', gate: 'wanted' }),
  );
  const { basket } = tab;

  expect(await basket.list({ gate: 'wanted' })).toMatchObject([{ id: `row-${count}` }]);
  expect(await basket.count({ gate: 'wanted' })).toEqual({ count: 1, more: false });
  expect(await basket.cancel({ gate: 'wanted' })).toBe(1);
});

test.each(around(100))(
  'of %i lanes that stand still, and as many tasks that run alone, health names 100',
  async (count) => {
    const { tab } = await filled(2 * count, (number) => {
      const half = Math.floor(number / 2);
      const type = half % 2 === 0 ? 'send' : 'other';
      const route = { owner: null, type, version: 1, gate: 'send' };

      return number % 2 === 0
        ? {
            ...rowOf(number, { type, lane: `${half}` }),
            ready: readyPrefix('D', route, 1),
            dead: { reason: 'permanent', at: 0 },
          }
        : { ...rowOf(number, { type }), ready: `${readyPrefix('@', route, 3)}|${timePart(0)}`, interruptions: 3 };
    });
    const { blockedLanes, aloneTasks } = await tab.basket.health();

    expect([blockedLanes.length, aloneTasks.length]).toEqual([Math.min(count, 100), Math.min(count, 100)]);
  },
);

test.each([1, 2, 3, 4, 5, 9])(
  'pages of %i tasks of a lane have those before, among and after dead ones that have left it',
  async (limit) => {
    const dead = {
      dead: { reason: 'permanent', at: 0 },
      ready: readyPrefix('D', { owner: null, type: 'send', version: 1, gate: 'send' }, 1),
    };
    // D: dead, and holds its lane. S: dead, and has left its lane. C: cancelled while it runs.
    const made = 'CDDqqqqSSSSqCq'.split('');
    const { tab } = await filled(made.length, (number) => {
      const row = rowOf(number, { lane: 'a' });
      if (made[number] === 'q') return row;
      if (made[number] === 'C') return { ...row, ...dead, cancelled: true, marks: [...row.marks, cancelledMark] };

      return { ...row, ...dead, marks: made[number] === 'D' ? row.marks : [`Irow-${number}`, skippedMark(null, 'a')] };
    });
    for (const state of ['queued', 'dead', undefined] as const) {
      const fit = made.flatMap((letter, number) =>
        letter !== 'C' && (state === undefined || (letter === 'q') === (state === 'queued')) ? number + 1 : [],
      );
      for (const filter of [{ lane: 'a' }, { type: 'send' }] as const) {
        const found: number[] = [];
        for (let cursor: number | undefined = 0; cursor !== undefined;) {
          const page: readonly { readonly seq: number }[] = await tab.basket.list({ ...filter, state, limit, cursor });
          found.push(...page.map(({ seq }) => seq));
          cursor = page.length < limit ? undefined : page.at(-1)?.seq;
        }
        expect(found).toEqual(fit);
      }
    }
  },
);

test.each(around(1_024).slice(1))('a free task behind %i that cannot run runs at once', async (count) => {
  const { tab, world } = await filled(count, (number) => rowOf(number, { lane: 'a' }));
  const { basket } = tab;
  await basket.add('send', -1);
  const ran: number[] = [];
  tab.run({
    send(number) {
      if (number === 0) throw new PermanentFailure('no');
      ran.push(number);
    },
    other: () => undefined,
  });
  await world.advance(2_000);

  expect(ran).toEqual([-1]);
});

test.each([
  [0, 1_000, false],
  [1, 49, false],
  [1, 50, true],
  [1_023, 0, false],
  [1_024, 0, true],
])('a turn with %i checks, %i ms after it began to check: is it cut short?', (checks, now, expected) => {
  const leader = { context: { ports: { clock: { monotonic: () => now } } } };

  expect(isCutShort({ leader, checks, until: 50 } as unknown as Claiming)).toBe(expected);
});

test.each([1, 20])(
  'a turn on a device that needs %i ms for a check keeps no writer waiting for long',
  async (check) => {
    const { tab, world } = await filled(500, (number) => rowOf(number, { lane: 'a' }));
    const { basket, context } = tab;
    await basket.add('send', -1);
    const { clock } = context.ports;
    const { monotonic } = clock;
    let passed = 0;
    let began = 0;
    const turns: number[] = [];
    tab.at('turn:before', () => (began = passed));
    tab.at('turn:requests', () => turns.push(passed - began));
    // Time passes as it is asked for: before each check a turn asks whether it must end.
    Object.assign(clock, { monotonic: () => monotonic() + (passed += check) });
    const ran: number[] = [];
    tab.run({
      send: (number) => (number === 0 ? new Promise(() => undefined) : void ran.push(number)),
      other: () => undefined,
    });
    await world.settle();

    expect(ran).toEqual([-1]);
    expect(turns.length).toBeGreaterThan(5);
    expect(Math.max(...turns)).toBeLessThanOrEqual(50 + 10 * check);
  },
);

describe('the audit finds what nothing else would', () => {
  /** Positions that stand ahead of every row: a mistake of ours, or a runner that was killed at the wrong moment. */
  const ahead = [[stateKeys.positions, { [first]: 1_000_000 }]] as const;

  test.each(around(256))('of %i tasks without a lane', async (count) => {
    const { tab, tasks, world } = await filled(count, rowOf, [...ahead] as [string, unknown][]);
    let ran = 0;
    tab.run({ send: () => void (ran += 1), other: () => undefined }, { lostByHand: true, concurrency: 64 });
    await world.advance(15 * 60_000);

    expect(ran).toBe(count);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test.each(around(200))('of %i lanes', async (count) => {
    const { tab, tasks, world } = await filled(count, (number) => rowOf(number, { lane: `${number}` }), [...ahead] as [
      string,
      unknown,
    ][]);
    let ran = 0;
    tab.run({ send: () => void (ran += 1), other: () => undefined }, { lostByHand: true, concurrency: 64 });
    await world.advance(15 * 60_000);

    expect(ran).toBe(count);
    expect(await rowsOf(tasks)).toEqual([]);
  });
});

describe('held rows without a lane, which nothing but the audit finds:', () => {
  test.each(around(256))('%i of them all run', async (count) => {
    const { tab, tasks, world } = await filled(count, (number) => ({
      ...rowOf(number),
      ready: readyPrefix('H', { owner: null, type: 'send', version: 1, gate: 'send' }, 1),
    }));
    let ran = 0;
    tab.run({ send: () => void (ran += 1), other: () => undefined }, { lostByHand: true, concurrency: 64 });
    await world.advance(15 * 60_000);

    expect(ran).toBe(count);
    expect(await rowsOf(tasks)).toEqual([]);
  });
});

test.each(around(64))('%i tasks that an older build could not read all run', async (count) => {
  const { tab, tasks, world } = await filled(count, (number) => ({
    ...rowOf(number),
    ready: readyPrefix('U', { owner: null, type: 'send', version: 1, gate: 'send' }, 1),
  }));
  const ran: number[] = [];
  tab.run({ send: (number) => void ran.push(number), other: () => undefined });
  await world.advance(60_000);

  expect(ran.sort((one, other) => one - other)).toEqual(Array.from({ length: count }, (_, number) => number));
  expect(await rowsOf(tasks)).toEqual([]);
});

describe.each([
  ['whose payload is lost', { payload: undefined, ref: 'lost' }],
  ['that are strange', { attempts: -1 }],
])('behind unreadable tasks %s', (_, broken) => {
  test.each(around(64))('of which there are %i, one that an older build could not read runs', async (count) => {
    const ready = readyPrefix('U', { owner: null, type: 'send', version: 1, gate: 'send' }, 1);
    const { tab, tasks, world } = await filled(count + 1, (number) => ({
      ...rowOf(number),
      ready,
      ...(number < count ? broken : {}),
    }));
    const ran: number[] = [];
    tab.run({ send: (number) => void ran.push(number), other: () => undefined });
    await world.advance(60_000);

    expect(ran).toEqual([count]);
    expect(await rowsOf(tasks)).toHaveLength(count);
  });
});
