import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import { newRow } from '../../src/pure/record.js';
import { readyPrefix, timedKey } from '../../src/pure/key.js';
import type { Filter } from '../../src/pure/query.js';
import { fits, readFilter } from '../../src/pure/query.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { rowOf as rowIn } from '../../src/pure/stored.js';
import { byHand, freshName, rowsOf } from '../support/database.js';
import { severalHostileNames } from '../support/names.js';
import { createWorld } from '../support/world.js';

async function opened() {
  const tasks = defineTasks(freshName(), { send: task<number>(), rare: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, basket: tab.basket, context: tab.context };
}

/** A row of a type, gate and lane, under any letter; due at some time, if it is timed. */
const letters = ['F', 'H', 'U', 'D', '@', '!'] as const;
const made = fc.record({
  type: fc.nat(4),
  gate: fc.nat(4),
  lane: fc.option(fc.nat(4), { nil: undefined }),
  id: fc.nat(4),
  letter: fc.constantFrom(...letters),
  version: fc.constantFrom(1, 2, 12),
  when: fc.nat(3),
});
const asked = fc.record(
  {
    type: fc.oneof(fc.nat(4), fc.array(fc.nat(4), { maxLength: 3 })),
    gate: fc.nat(4),
    lane: fc.nat(4),
    state: fc.constantFrom('queued', 'dead'),
  },
  { requiredKeys: [] },
);

function rowOf(
  names: readonly string[],
  place: number,
  one: typeof made extends fc.Arbitrary<infer Row> ? Row : never,
) {
  const name = (at: number): string => names[at] ?? '';
  const route = { owner: null, type: name(one.type), version: one.version, gate: name(one.gate) };
  const lane = one.lane === undefined ? undefined : name(one.lane);
  const { letter } = one;
  const ready = letter === '@' || letter === '!' ? timedKey(letter, route, 1, one.when) : readyPrefix(letter, route, 1);

  return {
    ...newRow({ ...route, id: `${name(one.id)}${place}`, lane, priority: 1, addedAt: 0, payload: { inline: 0 } }),
    ready,
  };
}

describe('each query finds what a plain filter over all rows finds', () => {
  test('whatever types, gates, lanes and ids are named, in list, count, watch, retry and cancel', async () => {
    await fc.assert(
      fc.asyncProperty(
        severalHostileNames(5),
        fc.array(made, { maxLength: 12 }),
        fc.array(asked, { minLength: 4, maxLength: 4 }),
        async (names, rows, queries) => {
          const { tasks, basket } = await opened();
          const stored = rows.map((row, place) => rowOf(names, place, row));
          await byHand(tasks, (stores) => {
            for (const row of stored) stores.tasks.add(row);
          });
          for (const { type, gate, lane, ...rest } of queries) {
            const named = (at: number): string => names[at] ?? '';
            const query = {
              ...rest,
              ...(type === undefined ? {} : { type: typeof type === 'number' ? named(type) : type.map(named) }),
              ...(gate === undefined ? {} : { gate: named(gate) }),
              ...(lane === undefined ? {} : { lane: named(lane) }),
            } as Filter<'send'>;
            const fit = (await rowsOf(tasks)).filter(
              (row) =>
                (query.type === undefined || ([query.type].flat() as string[]).includes(row.type)) &&
                (query.gate === undefined || query.gate === row.gate) &&
                (query.lane === undefined || query.lane === row.lane) &&
                (query.state === undefined || (query.state === 'dead') === row.ready.startsWith('D')),
            );
            const ids = fit.map(({ id }) => id);
            expect((await basket.list(query)).map(({ id }) => id)).toEqual(ids);
            expect((await basket.list({ ...query, limit: 2, cursor: 3 })).map(({ seq }) => seq)).toEqual(
              fit
                .map(({ seq }) => seq)
                .filter((seq) => seq > 3)
                .slice(0, 2),
            );
            for (const { id } of stored) {
              const one = await basket.list({ ...query, id });
              expect(one.map((view) => view.id)).toEqual(ids.includes(id) ? [id] : []);
            }
            expect(await basket.count(query)).toEqual({ count: ids.length, more: false });
            expect(await basket.retry(query)).toBe(ids.length);
          }
          const [first] = stored;
          if (first === undefined) return;
          expect(await basket.get(first.id)).toMatchObject({
            id: first.id,
            type: first.type,
            gate: { name: first.gate },
          });
          const others = (await rowsOf(tasks)).filter(({ type, gate }) => type !== first.type || gate !== first.gate);
          await basket.cancel({ type: first.type as 'send', gate: first.gate });
          expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(others.map(({ id }) => id));
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('rows that were written by hand', () => {
  const base = { id: 'x', type: 'send', version: 1, owner: null, gate: 'send', priority: 1, addedAt: 0, payload: 1 };
  const counters = { attempts: 0, failures: 0, interruptions: 0, blames: 0 };
  const sound = { ...base, ...counters, ready: 'F|send|1|send|1', marks: ['Ix', 'L|a'], lane: 'a' };
  const rows: readonly (readonly [what: string, row: object])[] = [
    ['no ready', { ...sound, ready: undefined }],
    ['an empty ready', { ...sound, ready: '' }],
    ['a ready that is a number', { ...sound, ready: 7 }],
    ['a ready that is a date', { ...sound, ready: new Date(0) }],
    ['a ready that is a list', { ...sound, ready: ['F|send|1|send|1'] }],
    ['a ready without a version', { ...sound, ready: 'F|send' }],
    ['a ready without a gate', { ...sound, ready: 'F|send|1' }],
    ['a ready that begins with U+FFFF', { ...sound, ready: '\uFFFF|send|1|send|1' }],
    ['a ready of another type', { ...sound, ready: 'F|rare|1|rare|1' }],
    ['a ready with another escape', { ...sound, ready: 'F|s%65nd|1|send|1' }],
    ['cancelled by hand, queued', { ...sound, cancelled: true }],
    ['cancelled by hand, dead', { ...sound, ready: 'D|send|1|send|1', cancelled: true }],
    ['cancelled as we do, by hand', { ...sound, ready: 'D|send|1|send|1', cancelled: true, marks: ['Ix', 'L|a', 'C'] }],
    ['a mark of the cancelled alone', { ...sound, marks: 'C' }],
    ['a lane that its marks do not have', { ...sound, lane: 'b' }],
    ['a dead one that left its lane', { ...sound, ready: 'D|send|1|send|1', marks: ['Ix', 'S|a'] }],
    ['seq 0.5', { ...sound, seq: 0.5 }],
    ['seq -1', { ...sound, seq: -1 }],
    ['seq -Infinity', { ...sound, seq: Number.NEGATIVE_INFINITY }],
    ['a seq that is a text', { ...sound, seq: 'text' }],
    ['a seq that is a list', { ...sound, seq: [1] }],
    ['a seq that is a date', { ...sound, seq: new Date(5) }],
  ];
  const filters = [
    {},
    { lane: 'a' },
    { lane: 'b' },
    { state: 'queued' },
    { state: 'dead' },
    { type: 'send' },
    { gate: 'send' },
    { lane: 'a', state: 'queued' },
    { lane: 'a', type: 'send', gate: 'send' },
    { type: ['send', 'rare'], gate: 'send', state: 'queued' },
  ] as const;

  test.each(rows)('are listed if they fit, and counted as they are listed: %s', async (_, row) => {
    const { tasks, basket, context } = await opened();
    await byHand(tasks, (stores) => {
      stores.tasks.add({ ...sound, id: 'y', marks: ['Iy', 'L|a'] });
      stores.tasks.add(row);
      stores.tasks.add({ ...sound, id: 'z', marks: ['Iz', 'L|a'] });
    });
    // A row whose key is no number has no place in the order.
    const all = (await rowsOf(tasks))
      .flatMap((stored) => rowIn(stored) ?? [])
      .filter(({ seq }) => Number.isFinite(seq));
    for (const filter of filters) {
      const listed = await basket.list(filter);
      const found = all.filter((one) => fits(one, readFilter(context, filter))).map(({ seq }) => seq);
      expect({ filter, found: listed.map(({ seq }) => seq) }).toEqual({ filter, found });
      expect({ filter, count: listed.length }).toEqual({ filter, count: (await basket.count(filter)).count });
      const behind = (await basket.list({ ...filter, cursor: 0 })).map(({ seq }) => seq);
      expect({ filter, behind }).toEqual({ filter, behind: listed.map(({ seq }) => seq).filter((seq) => seq > 0) });
    }
    const { count } = await basket.count({ lane: 'a' });
    expect(await basket.cancel({ lane: 'a' })).toBe(count);
  });

  test('are listed as they are counted, also where so many fit that a page is read without its keys', async () => {
    const { tasks, basket } = await opened();
    await byHand(tasks, (stores) => {
      for (const [, row] of rows) stores.tasks.add(row);
      for (let place = 0; place < 1_100; place += 1)
        stores.tasks.add({ ...sound, id: `${place}`, marks: [`I${place}`, 'L|a'] });
    });
    for (const filter of [{ type: 'send' }, { state: 'queued' }, { gate: 'send' }] as const) {
      const seqs = (await basket.list({ ...filter, limit: 100 })).map(({ seq }) => seq);
      const all = (await basket.list({ ...filter, limit: 1_000 })).map(({ seq }) => seq);
      expect(seqs).toEqual(all.slice(0, 100));
    }
  });
});

describe('a query is read at the call', () => {
  test.each(['cancel', 'retry'] as const)(
    '%s keeps to the lane that was asked for, though it is taken away at once',
    async (what) => {
      const { basket } = await opened();
      await basket.add('send', 1, { lane: 'a' });
      await basket.add('send', 2, { lane: 'b' });
      const query: { lane?: string | undefined } = { lane: 'a' };
      const done = basket[what](query);
      query.lane = undefined;
      expect(await done).toBe(1);
    },
  );

  test('a list of types that grows, and a getter that changes its mind, change nothing', async () => {
    const { basket } = await opened();
    await basket.add('send', 1);
    await basket.add('rare', 2);
    const type: ('send' | 'rare')[] = ['rare'];
    const calls = [basket.list({ type }), basket.count({ type }), basket.retry({ type })] as const;
    const watched = basket.watch({ type });
    type.push('send');
    const [list, count, retried] = await Promise.all(calls);
    expect([list.length, count.count, retried]).toEqual([1, 1, 1]);
    expect(basket.watch({ type: ['rare'] })).toBe(watched);

    let reads = 0;
    const changing = {
      get type() {
        return (reads += 1) === 1 ? ('rare' as const) : undefined;
      },
    };
    expect(await basket.cancel(changing)).toBe(1);
    expect(await basket.count()).toEqual({ count: 1, more: false });
  });

  test.each([
    ['a promise, as of an add that was not awaited', () => Promise.resolve('id')],
    ['a map', () => new Map([['lane', 'a']])],
    ['a date', () => new Date()],
    ['an empty text as an object', () => Object('') as object],
    ['an object that inherits a part that there is not', () => Object.create({ owner: 'ann' }) as object],
    ['an own part __proto__', () => JSON.parse('{"__proto__": 1}') as object],
    ['a limit', () => ({ limit: 5 })],
    ['a cursor', () => ({ cursor: 5 })],
  ])('cancel refuses %s, and removes nothing', async (_, given) => {
    const { basket } = await opened();
    await basket.add('send', 1);
    await expect(basket.cancel(given())).rejects.toMatchObject({ code: 'option' });
    expect(await basket.count()).toEqual({ count: 1, more: false });
  });

  test('a part that is inherited is a part', async () => {
    const { basket } = await opened();
    await basket.add('send', 1, { lane: 'a' });
    await basket.add('send', 2);
    expect(await basket.cancel(Object.create({ lane: 'a' }) as object)).toBe(1);
  });

  class OfLane {
    get lane(): string {
      return 'a';
    }
  }

  test.each([
    ['an accessor of a class', new OfLane()],
    ['one that no loop shows', Object.defineProperty({}, 'lane', { value: 'a' })],
  ])('a part is one as well that is %s: cancel removes no other task', async (_, which) => {
    const { basket } = await opened();
    await basket.add('send', 1, { lane: 'a' });
    await basket.add('send', 2);

    expect(await basket.cancel(which)).toBe(1);
    expect(await basket.list()).toMatchObject([{ payload: 2 }]);
  });
});

describe('what a query costs', () => {
  test.each([255, 256, 257, 1_023, 1_024, 1_025, 2_148])(
    '%i tasks of a type are listed, counted, retried and cancelled, each once',
    async (number) => {
      const { tasks, basket } = await opened();
      await byHand(tasks, (stores) => {
        for (let place = 0; place < number; place += 1) {
          const type = 'send';
          const row = newRow({
            id: `${place}`,
            type,
            version: 1,
            owner: null,
            gate: type,
            priority: 1,
            addedAt: 0,
            payload: { inline: place },
          });
          stores.tasks.add({
            ...row,
            ready: timedKey('@', { owner: null, type, version: 1, gate: type }, 1, 10_000 - place),
          });
          if (place % 3 === 0)
            stores.tasks.add({
              ...row,
              id: `o${place}`,
              type: 'rare',
              gate: 'rare',
              marks: [`Io${place}`],
              ready: 'D|rare|1|rare|1',
            });
        }
      });
      const shown: unknown[] = [];
      for (let cursor = 0; ;) {
        const views = await basket.list({ type: 'send', limit: 1_000, cursor });
        shown.push(...views.map(({ payload }) => payload));
        cursor = views.at(-1)?.seq ?? 0;
        if (views.length < 1_000) break;
      }
      expect(shown).toEqual(Array.from({ length: number }, (_, place) => place));
      expect(await basket.count({ type: 'send' })).toEqual({ count: Math.min(1_000, number), more: number > 1_000 });
      expect(await basket.retry({ type: 'send' })).toBe(number);
      expect(await basket.cancel({ type: 'send' })).toBe(number);
      expect((await rowsOf(tasks)).every(({ type }) => type === 'rare')).toBe(true);
    },
  );
});
