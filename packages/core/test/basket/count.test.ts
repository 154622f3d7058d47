import * as fc from '../support/property.js';
import { expect, test, vi } from 'vitest';

import type { Query } from '../../src/pure/query.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { freshName, openRaw, rowsOf } from '../support/database.js';
import { hostileNames } from '../support/names.js';
import { createGate, createWorld } from '../support/world.js';

const types = ['send', 'send|', '__proto__'] as const;
const lanes = [undefined, ...hostileNames.slice(0, 6), '\uFFFF', '__proto__'];
const ends = ['queued', 'dated', 'dead', 'running', 'cancelled', 'cancelled while it ran', 'done'] as const;

/** What a test knows of a task: its own model, of what it did. */
interface Known {
  readonly type: (typeof types)[number];
  readonly lane: (typeof lanes)[number];
  readonly end: (typeof ends)[number];
}

const known = fc.record<Known>({
  type: fc.constantFrom(...types),
  lane: fc.constantFrom(...lanes),
  end: fc.constantFrom(...ends),
});

type Type = (typeof types)[number];
const queries = fc.record<Query<Type>>(
  {
    type: fc.oneof(fc.constantFrom(...types), fc.array(fc.constantFrom(...types), { maxLength: 3 })),
    state: fc.constantFrom('queued', 'dead'),
    lane: fc.constantFrom(...hostileNames.slice(0, 7), '\uFFFF', '__proto__', '|'),
    limit: fc.integer({ min: 1, max: 12 }),
    cursor: fc.nat({ max: 12 }),
    gate: fc.constantFrom(...types),
  },
  { requiredKeys: [] },
);

const define = () => {
  // Of no lane of the runner's: each comes to its end by itself. Lanes are those of the add.
  const policy = { backoff: { base: 1e9, cap: 1e9 } };

  return defineTasks(freshName(), {
    send: task<string>(policy),
    'send|': task<string>({ ...policy, onDead: 'skip' }),
    ['__proto__']: task<string>(policy),
  });
};

/** A database in which the tasks have come to these ends. */
async function made(list: readonly Known[]) {
  const tasks = define();
  const world = createWorld();
  const tab = world.open(tasks);
  const open = createGate();
  const send = async (end: string): Promise<void> => {
    if (end === 'running' || end === 'cancelled while it ran') await open.promise;
    if (end === 'dead') throw new PermanentFailure('no');
    if (end === 'queued') throw new Error('not yet');
  };
  tab.run({ send, 'send|': send, ['__proto__']: send }, { concurrency: 50 });
  const ids: string[] = [];
  for (const { type, lane, end } of list) {
    const runAt = end === 'dated' ? world.wall() + 1e9 : undefined;
    // A lane of its own while it comes to its end; a dead one, or one that waits, would hold those behind it.
    ids.push(await tab.basket.add(type, end, { lane, runAt }));
  }
  await world.settle();
  for (const [place, { end }] of list.entries()) {
    if (end.startsWith('cancelled')) await tab.basket.cancel(ids[place] ?? '');
  }
  await world.settle();

  return { tasks, world, tab, basket: tab.basket, ids, end: () => open.open() };
}

/** What is there, read from the database by hand: whether a row is cancelled, dead, and what its lane is. */
async function model(tasks: ReturnType<typeof define>, query: Query): Promise<readonly string[]> {
  const wanted = query.type === undefined ? undefined : [query.type].flat();
  const rows = await rowsOf(tasks);

  return rows
    .filter((row) => row.cancelled !== true)
    .filter((row) => wanted === undefined || wanted.includes(row.type))
    .filter((row) => query.state === undefined || (query.state === 'dead') === (row.dead !== undefined))
    .filter((row) => query.lane === undefined || row.lane === query.lane)
    .filter((row) => query.gate === undefined || row.gate === query.gate)
    .filter((row) => row.seq > (query.cursor ?? 0))
    .map(({ id }) => id);
}

test('scenario 55: count and list equal a model, whatever the types, lanes and ends of the tasks, and whatever is asked', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(known, { maxLength: 14 }),
      fc.array(queries, { minLength: 6, maxLength: 6 }),
      async (list, asked) => {
        const { tasks, basket, end, tab } = await made(list);
        for (const query of [{}, ...asked]) {
          const fit = await model(tasks, query);
          const views = await basket.list(query);
          expect(views.map(({ id }) => id)).toEqual(fit.slice(0, query.limit ?? 100));
          const { limit: _, cursor: __, ...filter } = query;
          const all = await model(tasks, filter);
          expect(await basket.count(filter)).toEqual({ count: all.length, more: false });
        }
        end();
        tab.kill();
      },
    ),
    { numRuns: 60 },
  );
});

test('pages of any query show each task once, in the order of adding', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(known, { maxLength: 14 }),
      queries,
      fc.integer({ min: 1, max: 5 }),
      async (list, query, limit) => {
        const { tasks, basket, end, tab } = await made(list);
        const { cursor: _, ...all } = query;
        const shown: string[] = [];
        for (let after = 0; ;) {
          const views = await basket.list({ ...all, cursor: after, limit });
          shown.push(...views.map(({ id }) => id));
          if (views.length < limit) break;
          after = views.at(-1)?.seq ?? 0;
        }
        expect(shown).toEqual(await model(tasks, all));
        end();
        tab.kill();
      },
    ),
    { numRuns: 40 },
  );
});

test('a count ends at 1,000 and says that there are more', async () => {
  const tasks = define();
  const { basket } = createWorld().open(tasks);
  await basket.addMany(Array.from({ length: 1_000 }, () => ['send', 'x', { lane: 'a' }] as const));
  for (const query of [{}, { type: 'send' }, { state: 'queued' }, { lane: 'a' }] as const) {
    expect(await basket.count(query)).toEqual({ count: 1_000, more: false });
  }

  await basket.add('send', 'x', { lane: 'a' });
  for (const query of [{}, { type: 'send' }, { state: 'queued' }, { lane: 'a' }] as const) {
    expect(await basket.count(query)).toEqual({ count: 1_000, more: true });
  }
  expect(await basket.count({ type: '__proto__' })).toEqual({ count: 0, more: false });
});

test('a count by type or state reads keys, and no row', async () => {
  const tasks = define();
  const { basket } = createWorld().open(tasks);
  await basket.addMany(Array.from({ length: 300 }, () => ['send', 'x'] as const));
  const rows = [vi.spyOn(IDBObjectStore.prototype, 'getAll'), vi.spyOn(IDBIndex.prototype, 'getAll')];
  const keys = vi.spyOn(IDBIndex.prototype, 'getAllKeys');

  expect(await basket.count({ type: 'send', state: 'queued' })).toEqual({ count: 300, more: false });
  expect(await basket.count({ state: 'dead' })).toEqual({ count: 0, more: false });
  for (const read of rows) expect(read).not.toHaveBeenCalled();
  // Of those that were cancelled while they run there are few.
  const bounds = keys.mock.calls.filter(([range]) => range !== 'C').map(([, most]) => most);
  expect(Math.max(...bounds.map((most) => most ?? Number.POSITIVE_INFINITY))).toBeLessThanOrEqual(1_001);
  vi.restoreAllMocks();
});

test('what a later version wrote under a letter that this one does not know is counted and listed as queued', async () => {
  const tasks = define();
  const { basket } = createWorld().open(tasks);
  await basket.add('send', 'x');
  const db = await openRaw(tasks.name);
  for (const letter of ['$', 'B', 'E', 'Z', 'z']) {
    const row = { id: letter, type: 'send', ready: `${letter}|send|1|send|1`, marks: [`I${letter}`] };
    db.transaction(tasks.stores[0], 'readwrite').objectStore(tasks.stores[0]).add(row);
  }
  db.close();

  for (const query of [{}, { state: 'queued' }, { type: 'send' }, { type: 'send', state: 'queued' }] as const) {
    expect(await basket.count(query)).toEqual({ count: 6, more: false });
    expect(await basket.list(query)).toHaveLength(6);
  }
  expect(await basket.count({ state: 'dead' })).toEqual({ count: 0, more: false });
});

test('the dead of several types are shown page by page, each once, in the order of adding', async () => {
  const list = Array.from({ length: 9 }, (_, place): Known => {
    const type = types[place % 3] ?? 'send';

    return { type, lane: undefined, end: place === 4 ? 'queued' : 'dead' };
  });
  const { basket, ids } = await made(list);
  const shown: string[] = [];
  for (let after = 0; ;) {
    const views = await basket.list({ state: 'dead', cursor: after, limit: 2 });
    if (views.length === 0) break;
    shown.push(...views.map(({ id }) => id));
    expect(shown.length).toBeLessThan(10);
    after = views.at(-1)?.seq ?? 0;
  }

  expect(shown).toEqual(ids.filter((_, place) => place !== 4));
});

test('those that were cancelled while they run are not counted, also at the end of counting', async () => {
  const tasks = define();
  const world = createWorld();
  const tab = world.open(tasks);
  const open = createGate();
  const send = (): Promise<void> => open.promise;
  tab.run({ send, 'send|': send, ['__proto__']: send }, { concurrency: 2 });
  const ids = await tab.basket.addMany(Array.from({ length: 1_002 }, () => ['send', 'x'] as const));
  await world.settle();
  for (const id of ids.slice(0, 2)) await tab.basket.cancel(id);

  for (const filter of [{}, { type: 'send' }] as const) {
    expect(await tab.basket.count(filter)).toEqual({ count: 1_000, more: false });
  }
  await tab.basket.add('send', 'x');
  expect(await tab.basket.count()).toEqual({ count: 1_000, more: true });
  expect(await tab.basket.count({ state: 'dead' })).toEqual({ count: 0, more: false });
  open.open();
});

test('a task that is cancelled while it runs, in the middle of a count, is not counted as dead', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  tab.run({ send: () => new Promise<void>(() => undefined) });
  const id = await tab.basket.add('send', 1);
  await world.settle();
  const dead = tab.basket.count({ state: 'dead' });
  await tab.basket.cancel(id);

  expect(await dead).toEqual({ count: 0, more: false });
});
