import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import type { Codec } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import { severalHostileNames } from '../support/names.js';
import { recordTransactions } from '../support/transactions.js';
import { createWorld } from '../support/world.js';
import { failureOf } from './app.js';

/** Encodes after so many turns of the loop as the payload says. */
const slowly: Codec<number> = {
  async encode(turns) {
    for (let turn = 0; turn < turns; turn += 1) await new Promise((resolve) => setImmediate(resolve));

    return turns;
  },
  decode: (stored) => stored as number,
};

const define = () =>
  defineTasks(freshName(), { send: task<unknown>(), slow: task({ codec: slowly }), odd: task({ codec: odd }) });

/** Gives what cannot be stored, and only later. */
const odd: Codec<number> = { encode: async () => Promise.resolve(() => 1), decode: () => 1 };

async function opened() {
  const tasks = define();
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket };
}

const medium = 'x'.repeat(20_000);
const numbers = (count: number): readonly number[] => Array.from({ length: count }, (_, place) => place + 1);
const statuses = (ends: readonly PromiseSettledResult<unknown>[]): readonly string[] =>
  ends.map(({ status }) => status);

/** Makes each row that is placed take so many milliseconds. */
function slowRows(tab: { readonly context: { readonly ports: { readonly clock: object } } }, milliseconds: number) {
  let time = 0;
  Object.assign(tab.context.ports.clock, { monotonic: () => time });

  return () => (time += milliseconds);
}

describe('what is added in one run of code', () => {
  test('shares one transaction, over the store of tasks alone, and keeps its order', async () => {
    const { tasks, basket } = await opened();
    const recorded = recordTransactions();
    const ids = await Promise.all(numbers(200).map((number) => basket.add('send', number)));

    expect(recorded).toMatchObject([{ stores: ['tasks'], durability: 'strict', tasks: 200 }]);
    const rows = await rowsOf(tasks);
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(rows.map(({ payload }) => payload)).toEqual(numbers(200));
  });

  test('is committed without waiting for any answer, as if the page would not hear of it', async () => {
    const { tasks, basket } = await opened();
    const recorded = recordTransactions();
    await Promise.all([basket.add('send', 1), basket.add('send', 2), basket.add('send', medium)]);

    expect(recorded).toMatchObject([{ early: true, tasks: 3 }]);
    expect(await rowsOf(tasks)).toHaveLength(3);
  });

  test('and is of another durability shares the transaction, which is then strict', async () => {
    const { basket } = await opened();
    const recorded = recordTransactions();
    const adds = numbers(6).map((number) =>
      basket.add('send', number, { durability: number % 2 === 0 ? 'relaxed' : 'strict' }),
    );
    await Promise.all(adds);

    expect(recorded).toMatchObject([{ durability: 'strict', tasks: 6 }]);
  });

  test('and is strict joins no relaxed transaction that is about to begin', async () => {
    const { tab, basket } = await opened();
    const recorded = recordTransactions();
    let strict: Promise<string> | undefined;
    tab.at('add:before', () => void (strict ??= basket.add('send', 2)));
    await basket.add('send', 1, { durability: 'relaxed' });
    await strict;

    expect(recorded).toMatchObject([
      { durability: 'relaxed', tasks: 1 },
      { durability: 'strict', tasks: 1 },
    ]);
  });

  test('is placed in one transaction, and the page has its turn every 25 ms', async () => {
    const { tasks, basket, tab } = await opened();
    const log: string[] = [];
    let pages = true;
    const page = (): void => {
      if (log.at(-1) !== 'page') log.push('page');
      if (pages) setImmediate(page);
    };
    const tick = slowRows(tab, 10);
    recordTransactions({
      placed() {
        log.push('row');
        tick();
      },
    });
    setImmediate(page);
    await Promise.all(numbers(10).map((number) => basket.add('send', number)));
    pages = false;

    const slices = log
      .join(' ')
      .split('page')
      .map((part) => part.split('row').length - 1);
    expect(slices.filter((rows) => rows > 0)).toEqual([3, 3, 3, 1]);
    expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual(numbers(10));
  });

  test('and is being committed when the page goes needs nothing more: no transaction begins there', async () => {
    const { basket, tab } = await opened();
    let gone = false;
    const recorded = recordTransactions({
      fate() {
        if (!gone && tab.context.unfinished.size > 0) tab.context.hub.leave();
        gone = true;

        return undefined;
      },
    });
    await basket.add('send', 1);

    expect(recorded).toHaveLength(1);
  });

  test('while another transaction is committed waits for it, and then shares the next', async () => {
    const { basket } = await opened();
    const late: Promise<unknown>[] = [];
    const recorded = recordTransactions({
      fate() {
        if (late.length === 0) setImmediate(() => late.push(...numbers(5).map((number) => basket.add('send', number))));

        return undefined;
      },
    });
    await basket.add('send', 0);
    await Promise.all(late);

    expect(recorded.map((one) => one.tasks)).toEqual([1, 5]);
  });
});

test('what is added with a body while its page goes, behind one that is being committed, keeps its body', async () => {
  const { tasks, tab, basket } = await opened();
  const late: Promise<string>[] = [];
  tab.at('add:requests', () => {
    if (late.length > 0) return;
    // The queue is empty, and its transaction has not ended.
    queueMicrotask(() => {
      if (tab.context.unfinished.size > 0) tab.context.hub.leave();
      late.push(basket.add('send', `late ${medium}`));
    });
  });
  await basket.add('send', medium);
  await Promise.all(late);

  const { tasks: rows, payloads } = await contentsOf(tasks);
  expect(rows.map(({ ref }) => payloads.get(ref ?? ''))).toEqual([medium, `late ${medium}`]);
});

describe('scenario 63: one member of a group that cannot be stored rejects alone', () => {
  test('if the browser refuses to take it, and those after it are stored in their order', async () => {
    const { tasks, basket } = await opened();
    const recorded = recordTransactions({
      placed({ payload }) {
        if (payload === 'bad') throw new DOMException('It cannot be cloned.', 'DataCloneError');
      },
    });
    const ends = await Promise.allSettled([1, 2, 'bad', 4, 5].map((payload) => basket.add('send', payload)));

    expect(statuses(ends)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(ends[2]).toMatchObject({
      reason: { code: 'payload', message: expect.stringContaining('"send"') as string },
    });
    expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual([1, 2, 4, 5]);
    expect(recorded.every(({ stores }) => stores.join() === 'tasks')).toBe(true);
  });

  test('if the browser refuses the first of them', async () => {
    const { tasks, basket } = await opened();
    recordTransactions({
      placed({ payload }) {
        if (payload === 'bad') throw new DOMException('It cannot be cloned.', 'DataCloneError');
      },
    });
    const ends = await Promise.allSettled(['bad', 2, 3].map((payload) => basket.add('send', payload)));

    expect(statuses(ends)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual([2, 3]);
  });

  test('if an asynchronous codec gives what cannot be stored', async () => {
    const { tasks, basket } = await opened();
    const ends = await Promise.allSettled([basket.add('slow', 0), basket.add('odd', 1), basket.add('slow', 1)]);

    expect(statuses(ends)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect(ends[1]).toMatchObject({ reason: { code: 'payload', message: expect.stringContaining('"odd"') as string } });
    expect(await rowsOf(tasks)).toHaveLength(2);
  });

  test('if there is no room for it, each is tried alone, and the one says quota', async () => {
    const { tasks, basket } = await opened();
    const full = new Set<object>();
    const recorded = recordTransactions({
      placed({ payload }, into) {
        if (payload === 'big') full.add(into);
      },
      fate: (one) => (full.has(one) ? 'refused' : undefined),
    });
    const ends = await Promise.allSettled([1, 'big', 3, 4].map((payload) => basket.add('send', payload)));

    expect(statuses(ends)).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled']);
    expect(ends[1]).toMatchObject({
      reason: {
        code: 'quota',
        message: expect.stringMatching(/no room.*"send"/) as string,
        cause: { name: 'QuotaExceededError' },
      },
    });
    expect(recorded.map((one) => one.tasks)).toEqual([4, 1, 1, 1, 1]);
    expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual([1, 3, 4]);
  });

  test('and alone from the beginning it is tried once only', async () => {
    const { tasks, basket } = await opened();
    const recorded = recordTransactions({ fate: () => 'refused' });

    expect(await failureOf(basket.add('send', 'big'))).toMatchObject({ code: 'quota' });
    expect(recorded).toHaveLength(1);
    expect(await rowsOf(tasks)).toEqual([]);
  });
});

describe('a group that cannot be stored at all', () => {
  test('since the database cannot be opened: every member is told, and none hangs', async () => {
    const open = (): Promise<never> => Promise.reject(new Error('The disk is broken.'));
    const tasks = defineTasks(freshName(), { send: task<unknown>() }, { open });
    const { basket } = createWorld().open(tasks);
    const payloads = [1, 2, medium, new Blob(['x'])];
    const ends = await Promise.allSettled(payloads.map((payload) => basket.add('send', payload)));

    for (const end of ends) {
      expect(end).toMatchObject({
        status: 'rejected',
        reason: { code: 'no-database', message: expect.stringContaining('The disk is broken.') as string },
      });
    }
  });

  test('since no transaction can be begun: every member is told, and a later one is stored', async () => {
    const { tasks, basket, tab } = await opened();
    const { begin } = tab.context.database;
    let failing = 7;
    Object.assign(tab.context.database, {
      begin: (...what: Parameters<typeof begin>) => {
        failing -= 1;
        if (failing > 0) throw new DOMException('Out of memory.', 'UnknownError');

        return begin(...what);
      },
    });
    // The group; of each a look and, since that cannot be begun either, no second try.
    const ends = await Promise.allSettled(numbers(3).map((number) => basket.add('send', number)));
    expect(statuses(ends)).toEqual(['rejected', 'rejected', 'rejected']);

    failing = 0;
    await basket.add('send', 4);
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 4 }]);
  });

  test('is stored all the same if the basket is closed while it is placed; what is added afterwards rejects', async () => {
    const { tasks, basket, tab } = await opened();
    const tick = slowRows(tab, 30);
    recordTransactions({
      placed({ payload }) {
        tick();
        if (payload === 2) basket.close();
      },
    });
    const ends = await Promise.allSettled(numbers(5).map((number) => basket.add('send', number)));

    expect(statuses(ends)).toEqual(numbers(5).map(() => 'fulfilled'));
    await expect(basket.add('send', 'late')).rejects.toMatchObject({ code: 'closed' });
    expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual(numbers(5));
  });
});

test('of two tasks of one key, without a lane, the one that was added last stays, whatever they weigh', async () => {
  const { tasks, world, basket } = await opened();
  const [replaced, by] = await Promise.all([
    basket.add('send', new Blob(['first']), { key: 'a' }),
    basket.add('send', 'last', { key: 'a' }),
    basket.add('slow', 30, { key: 'a' }),
    basket.add('slow', 0, { key: 'a' }),
  ]);
  await world.settle();

  expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual(['last', 0]);
  expect(await basket.settled(replaced)).toEqual({ state: 'replaced', by });
});

describe('tasks of one lane keep the order of their calls', () => {
  const inLane = { lane: 'a' };

  test('whatever they weigh', async () => {
    const { tasks, basket } = await opened();
    const payloads = [
      '1',
      `2${medium}`,
      `3${medium}`,
      '4',
      new Blob(['5']),
      '6',
      new Blob(['7']),
      new Blob(['8']),
      '9',
    ];
    const ids = await Promise.all(payloads.map((payload) => basket.add('send', payload, inLane)));

    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(ids);
  });

  test('whatever their durability', async () => {
    const { tasks, basket } = await opened();
    const kinds = ['strict', 'relaxed', 'relaxed', 'strict', 'relaxed'] as const;
    const ids = await Promise.all(kinds.map((durability) => basket.add('send', 1, { ...inLane, durability })));

    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(ids);
  });

  test('however long their codecs take, and others do not wait for them', async () => {
    const { tasks, basket } = await opened();
    const ids = [30, 0, 10].map((turns) => basket.add('slow', turns, inLane));
    const quick = await basket.add('send', 'of another lane', { lane: 'b' });
    const behind = basket.add('send', 'behind', inLane);

    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual([quick]);
    const order = [quick, ...(await Promise.all(ids)), await behind];
    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(order);
  });

  test('also behind one that is still encoded, when one before it was stored', async () => {
    const { tasks, basket } = await opened();
    const first = basket.add('slow', 1, inLane);
    const second = basket.add('slow', 500, inLane);
    await first;
    const third = basket.add('send', 'third', inLane);

    const order = await Promise.all([first, second, third]);
    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(order);
  });

  test('also behind one whose codec gives nothing that can be stored', async () => {
    const { tasks, basket } = await opened();
    const ends = await Promise.allSettled([
      basket.add('slow', 5, inLane),
      basket.add('odd', 1, inLane),
      basket.add('send', 'last', inLane),
    ]);

    expect(statuses(ends)).toEqual(['fulfilled', 'rejected', 'fulfilled']);
    expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual([5, 'last']);
  });

  test('also if a slice fails behind which others stand already', async () => {
    const { tasks, basket, tab } = await opened();
    const tick = slowRows(tab, 13);
    let fails = true;
    recordTransactions({
      placed: tick,
      fate() {
        if (!fails) return undefined;
        fails = false;

        return 'refused';
      },
    });
    const ids = await Promise.all(numbers(6).map((number) => basket.add('send', number, inLane)));

    const rows = await rowsOf(tasks);
    expect(rows.map(({ payload }) => payload)).toEqual(numbers(6));
    expect(rows.map(({ id }) => id)).toEqual(ids);
  });

  test('in any mixture of them, and every one is stored', async () => {
    const kind = fc.constantFrom<
      (basket: Awaited<ReturnType<typeof opened>>['basket'], lane: string) => Promise<string>
    >(
      (basket, lane) => basket.add('send', 'small', { lane }),
      (basket, lane) => basket.add('send', 'small', { lane, durability: 'relaxed' }),
      (basket, lane) => basket.add('send', medium, { lane }),
      (basket, lane) => basket.add('send', new Blob(['x']), { lane }),
      (basket, lane) => basket.add('slow', 0, { lane }),
      (basket, lane) => basket.add('slow', 9, { lane }),
      (basket, lane) => basket.add('slow', 3, { lane, durability: 'relaxed' }),
    );
    const calls = fc.array(fc.tuple(kind, fc.boolean()), { minLength: 2, maxLength: 14 });

    await fc.assert(
      fc.asyncProperty(calls, severalHostileNames(2), async (list, [one = '', other = '']) => {
        const { tasks, basket } = await opened();
        const ids = await Promise.all(list.map(([add, first]) => add(basket, first ? one : other)));
        const rows = await rowsOf(tasks);
        for (const lane of [one, other]) {
          const called = ids.filter((_, place) => list[place]?.[1] === (lane === one));
          expect(rows.filter((row) => row.lane === lane).map(({ id }) => id)).toEqual(called);
        }
        basket.close();
      }),
      { numRuns: 40 },
    );
  });
});
