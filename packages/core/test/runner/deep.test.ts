import { describe, expect, test } from 'vitest';

import { json } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { depthLimit, weigh } from '../../src/pure/size.js';
import { byHand, freshName, openRaw, rowsOf } from '../support/database.js';
import type { Tab } from '../support/world.js';
import { createWorld } from '../support/world.js';

const kinds: readonly ((inner: unknown) => unknown)[] = [
  (inner) => ({ inner }),
  (inner) => [inner],
  (inner) => new Map([['inner', inner]]),
  (inner) => new Map([[inner, 'outer']]),
  (inner) => new Set([inner]),
  (inner) => new Error('outer', { cause: inner }),
];

/** A value that is nested so many levels deep. `kind`: the place of one kind; left out, all of them in turns. */
function nested(depth: number, kind?: number): unknown {
  let value: unknown = 'inner';
  for (let level = 0; level < depth; level += 1) value = kinds[kind ?? level % kinds.length]?.(value);

  return value;
}

describe('the depth of a value', () => {
  test.each([
    ['a text', 'x', 0],
    ['an empty list', [], 1],
    ['a list of texts', ['x', 'y'], 1],
    ['lists in a list', [[], [[]]], 3],
    ['a date in an object', { at: new Date() }, 2],
    ['bytes in an object', { bytes: new Uint8Array(9) }, 2],
    ['a thread of 700 replies', thread(700), 1_402],
  ])('of %s', (_, value, depth) => {
    expect(weigh(value).depth).toBe(depth);
  });

  test.each([0, 1, 2, 3, 4, 5, undefined])('of nested values of kind %s', (kind) => {
    for (const depth of [1, 499, 500, 501, 1_100]) expect(weigh(nested(depth, kind)).depth).toBe(depth);
  });

  test('of what is met twice is where it is first met, as the platform copies it', () => {
    const list = Array.from({ length: 1_000 }, (): { next?: unknown } => ({}));
    for (const [place, one] of list.entries()) one.next = list[place + 1];

    // From the first one on each is within the one before; from the list's end on each is met at its own place.
    expect(weigh(list).depth).toBe(1_001);
    expect(weigh([...list].reverse()).depth).toBe(2);

    const circle: Record<string, unknown> = {};
    circle['self'] = { circle };
    expect(weigh(circle).depth).toBe(2);
  });
});

describe('a payload that a worker of some browser reads as null', () => {
  const tasksOf = () => defineTasks(freshName(), { send: task<{ deep?: unknown; list?: unknown }>() });
  type Page = Tab<ReturnType<typeof tasksOf>>;

  /** A payload of so many levels. */
  const payload = (depth: number) => ({ deep: nested(depth - 1) });
  const ways: Record<string, (page: Page, depth: number) => Promise<unknown>> = {
    add: ({ basket }, depth) => basket.add('send', payload(depth)),
    addMany: ({ basket }, depth) =>
      basket.addMany([
        ['send', {}],
        ['send', payload(depth)],
      ]),
    prepare: ({ basket }, depth) => basket.prepare('send', payload(depth)),
    async addTx({ basket, context }, depth) {
      await basket.list();
      const { registry } = context;
      const db = await openRaw(registry.name);
      try {
        basket.addTx(db.transaction([...registry.stores], 'readwrite'), 'send', payload(depth));
      } finally {
        db.close();
      }
    },
    update: async ({ basket }, depth) => basket.update(await basket.add('send', {}), payload(depth)),
    async save(page, depth) {
      await page.basket.add('send', {});

      return new Promise((resolve, reject) => {
        page.run({ send: (_, { save }) => save(payload(depth)).then(resolve, reject) });
      });
    },
  };

  describe.each(Object.entries(ways))('is refused by %s', (_, way) => {
    test.each([depthLimit + 1, 2 * depthLimit + 100, 1_300, 20_000])('with %d levels', async (depth) => {
      const page = createWorld().open(tasksOf());

      await expect(way(page, depth)).rejects.toMatchObject({
        code: 'payload',
        message: expect.stringMatching(new RegExp(`${depth} levels.*${depthLimit}`)) as string,
      });
    });

    test.each([1, depthLimit - 1, depthLimit])('and not with %d levels', async (depth) => {
      await expect(way(createWorld().open(tasksOf()), depth)).resolves.not.toThrow();
    });
  });

  test('is kept and shown as unreadable, and no handler is called with null', async () => {
    const tasks = tasksOf();
    const world = createWorld();
    const page = world.open(tasks);
    const id = await page.basket.add('send', { list: ['x'.repeat(20_000)] });
    // As Chromium gives it to a worker: no error, and null.
    await byHand(tasks, ({ payloads }) => void payloads.put(null, id));
    const called: unknown[] = [];
    page.run({ send: (given) => void called.push(given) });
    await world.advance(120_000);

    expect(called).toEqual([]);
    expect(await rowsOf(tasks)).toMatchObject([{ id, attempts: 0, failures: 0 }]);
    expect(await page.basket.get(id)).toMatchObject({ unreadable: true, payload: undefined, attempts: 0 });
    expect(await page.basket.explain(id)).toMatchObject([{ reason: 'undecodable' }]);

    // It runs once it can be read.
    await byHand(tasks, ({ payloads }) => void payloads.put({ list: [] }, id));
    world.open(tasks).run({ send: (given) => void called.push(given) });
    page.kill();
    await world.advance(120_000);
    expect(called).toEqual([{ list: [] }]);
  });

  test('that is null itself is handed over as it was added', async () => {
    const tasks = defineTasks(freshName(), { send: task<null>() });
    const world = createWorld();
    const page = world.open(tasks);
    await page.basket.add('send', null);
    const called: unknown[] = [];
    page.run({ send: (given) => void called.push(given) });
    await world.settle();

    expect(called).toEqual([null]);
  });

  test('can be as deep as JSON can with the codec json()', async () => {
    const tasks = defineTasks(freshName(), { send: task({ codec: json<object>() }) });
    const world = createWorld();
    const page = world.open(tasks);
    await page.basket.add('send', thread(700));
    const called: unknown[] = [];
    page.run({ send: (given) => void called.push(given) });
    await world.settle();

    expect(called.map((one) => weigh(one).depth)).toEqual([1_402]);
  });
});

test.each([
  [depthLimit - 1, true],
  [depthLimit, true],
  [depthLimit + 1, false],
  [2 * depthLimit + 100, false],
])('a result of %d levels is kept: %s', async (depth, kept) => {
  const tasks = defineTasks(freshName(), { make: task<undefined, unknown>() });
  const world = createWorld();
  const page = world.open(tasks);
  const id = await page.basket.add('make');
  page.run({ make: () => nested(depth, 1) });
  await world.settle();

  const end = await page.basket.settled(id);
  expect(weigh(end).depth).toBe(kept ? depth + 1 : 1);
  expect('unstorable' in end ? end.unstorable : '').toMatch(kept ? /^$/ : new RegExp(`${depth} levels`));
});

/** A thread in which each answers the one before. */
function thread(replies: number): { readonly text: string; readonly replies: readonly unknown[] } {
  let one = { text: 'last', replies: [] as unknown[] };
  for (let place = 0; place < replies; place += 1) one = { text: 'more', replies: [one] };

  return { ...one, text: 'first' };
}
