import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Snapshot } from '../../src/basket/telling/watch.js';
import type { Codec } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

async function opened() {
  const tasks = defineTasks(freshName(), { send: task<number>(), photo: task<string>() });
  const world = createWorld();
  const { basket } = world.open(tasks);
  await basket.list();

  return { tasks, world, basket };
}

afterEach(() => void vi.restoreAllMocks());

const payloadsOf = ({ tasks }: Snapshot): readonly unknown[] => tasks.map(({ payload }) => payload);

describe('a watched query', () => {
  test('is the same object each time it is asked for, and another for another query', async () => {
    const { basket } = await opened();

    expect(basket.watch()).toBe(basket.watch({}));
    expect(basket.watch({ type: 'send', limit: 5 })).toBe(basket.watch({ limit: 5, type: 'send' }));
    expect(basket.watch({ type: ['send', 'photo'] })).toBe(basket.watch({ type: ['photo', 'send', 'photo'] }));
    const others = [
      {},
      { type: 'send' },
      { type: 'photo' },
      { lane: 'send' },
      { cursor: 5 },
      { gate: 'send' },
      { limit: 5 },
      { state: 'dead' },
      { id: 'send' },
    ];
    expect(new Set(others.map((query) => basket.watch(query as { readonly type: 'send' }))).size).toBe(others.length);
  });

  test('begins as not loaded, says so at once, and shows what is there soon after', async () => {
    const { basket, world } = await opened();
    await basket.add('send', 1);
    const seen: Snapshot[] = [];

    const watched = basket.watch();
    expect(watched.get()).toEqual({ loaded: false, tasks: [], more: false });
    watched.subscribe((value) => void seen.push(value));
    expect(seen).toEqual([{ loaded: false, tasks: [], more: false }]);

    await world.settle();
    expect(seen).toHaveLength(2);
    expect(seen[1]).toMatchObject({ loaded: true, tasks: [{ payload: 1 }], more: false });
    expect(watched.get()).toBe(seen[1]);
  });

  test('shows an empty basket as loaded, once', async () => {
    const { basket, world } = await opened();
    const seen: Snapshot[] = [];
    basket.watch().subscribe((value) => void seen.push(value));
    await world.advance(180_000);

    expect(seen).toEqual([
      { loaded: false, tasks: [], more: false },
      { loaded: true, tasks: [], more: false },
    ]);
  });

  test('calls a second subscriber back at once with the latest value, and both with the next', async () => {
    const { basket, world } = await opened();
    const watched = basket.watch();
    const [first, second]: [Snapshot[], Snapshot[]] = [[], []];
    watched.subscribe((value) => void first.push(value));
    await basket.add('send', 1);
    await world.settle();
    const latest = watched.get();

    watched.subscribe((value) => void second.push(value));
    expect(second).toEqual([latest]);
    expect(second[0]).toBe(latest);

    await basket.add('send', 2);
    await world.settle();
    expect(second.map(payloadsOf).at(-1)).toEqual([1, 2]);
    expect(first.at(-1)).toBe(second.at(-1));
  });

  test('shows what other tabs add, cancel and run', async () => {
    const { tasks, basket, world } = await opened();
    const other = world.open(tasks);
    const watched = basket.watch();
    watched.subscribe(() => undefined);
    await world.settle();

    const id = await other.basket.add('send', 1);
    await other.basket.add('photo', 'a');
    await world.settle();
    expect(payloadsOf(watched.get())).toEqual([1, 'a']);

    await other.basket.cancel(id);
    await world.settle();
    expect(payloadsOf(watched.get())).toEqual(['a']);

    other.run({ send: () => undefined, photo: () => undefined });
    await world.settle();
    expect(payloadsOf(watched.get())).toEqual([]);
  });

  test('shows what was added while it looked, without waiting for the next minute', async () => {
    const decoding = createGate();
    const codec: Codec<number> = {
      encode: (payload) => payload,
      async decode(stored) {
        await decoding.promise;

        return stored as number;
      },
    };
    const world = createWorld();
    const { basket } = world.open(defineTasks(freshName(), { send: task({ codec }) }));
    await basket.add('send', 1);
    const watched = basket.watch();
    watched.subscribe(() => undefined);
    await world.settle();

    // It has read the database, and still decodes what it found.
    await basket.add('send', 2);
    await world.settle();
    expect(watched.get().loaded).toBe(false);
    decoding.open();
    await world.settle();
    expect(payloadsOf(watched.get())).toEqual([1, 2]);
  });

  test('goes on when a decoder hangs', async () => {
    const codec: Codec<string> = {
      encode: (payload) => payload,
      decode: (stored) => (stored === 'locked' ? new Promise(() => undefined) : (stored as string)),
    };
    const world = createWorld();
    const { basket } = world.open(defineTasks(freshName(), { send: task({ codec }) }));
    const watched = basket.watch();
    watched.subscribe(() => undefined);
    const id = await basket.add('send', 'locked');
    await world.advance(10_000);
    expect(watched.get().tasks).toMatchObject([{ id, unreadable: true }]);

    await basket.cancel(id);
    await basket.add('send', 'open');
    await world.advance(1_000);
    expect(payloadsOf(watched.get())).toEqual(['open']);
  });

  test('shows only what fits, and whether there is more', async () => {
    const { basket, world } = await opened();
    const watched = basket.watch({ type: 'send', limit: 2 });
    watched.subscribe(() => undefined);
    await basket.add('photo', 'a');
    await basket.add('send', 1);
    await basket.add('send', 2);
    await world.settle();
    expect([payloadsOf(watched.get()), watched.get().more]).toEqual([[1, 2], false]);

    const third = await basket.add('send', 3);
    await world.settle();
    expect([payloadsOf(watched.get()), watched.get().more]).toEqual([[1, 2], true]);

    await basket.cancel(third);
    await world.settle();
    expect(watched.get().more).toBe(false);
  });

  test('shows after a minute at most what it was not told of', async () => {
    const { tasks, basket, world } = await opened();
    const other = world.open(tasks);
    const watched = basket.watch();
    watched.subscribe(() => undefined);
    await world.settle();
    world.loseMessages();

    for (const number of [1, 2]) {
      await other.basket.add('send', number);
      await world.advance(59_000);
      expect(watched.get().tasks).toHaveLength(number - 1);
      await world.advance(1_000);
      expect(watched.get().tasks).toHaveLength(number);
    }
  });

  test('looks no more once the last subscriber has gone: no alarm is left, and nobody is called back', async () => {
    const { basket, world } = await opened();
    const seen: Snapshot[] = [];
    const idle = world.alarms();
    const watched = basket.watch();
    const stops = [1, 2].map(() => watched.subscribe((value) => void seen.push(value)));
    await world.settle();
    expect(world.alarms()).toBeGreaterThan(idle);

    stops[0]?.();
    await basket.add('send', 1);
    await world.settle();
    expect(seen.map(payloadsOf).at(-1)).toEqual([1]);

    stops[1]?.();
    stops[1]?.();
    const { length } = seen;
    const begun = vi.spyOn(IDBDatabase.prototype, 'transaction');
    await basket.add('send', 2);
    await world.advance(120_000);
    expect(begun.mock.calls.map(([, mode]) => mode)).toEqual(['readwrite']);
    expect(world.alarms()).toBe(idle);
    expect(seen).toHaveLength(length);
  });

  test('goes on for the same function that is subscribed twice, until both have gone', async () => {
    const { basket, world } = await opened();
    let calls = 0;
    const listener = (): void => {
      calls += 1;
    };
    const watched = basket.watch();
    const [stop] = [watched.subscribe(listener), watched.subscribe(listener)];
    await world.settle();
    stop();
    calls = 0;

    await basket.add('send', 1);
    await world.settle();
    expect(calls).toBe(1);
  });

  test('looks again when it is subscribed to after a pause, and shows its last value meanwhile', async () => {
    const { basket, world } = await opened();
    const watched = basket.watch();
    watched.subscribe(() => undefined)();
    await world.settle();
    const seen: Snapshot[] = [];
    await basket.add('send', 1);
    const before = watched.get();

    watched.subscribe((value) => void seen.push(value));
    expect(seen[0]).toBe(before);
    await world.settle();
    expect(seen.map(payloadsOf).at(-1)).toEqual([1]);
  });

  test('keeps its reference while nothing is looked at, and takes a new one when something changed', async () => {
    const { basket, world } = await opened();
    const watched = basket.watch();
    watched.subscribe(() => undefined);
    await basket.add('send', 1);
    await world.settle();
    const value = watched.get();
    expect(watched.get()).toBe(value);

    await basket.add('send', 2);
    await world.settle();
    expect(watched.get()).not.toBe(value);
  });
});

describe('a subscriber that throws', () => {
  const uncaught: unknown[] = [];
  const note = (error: unknown): void => void uncaught.push(error);
  let others: NodeJS.UncaughtExceptionListener[] = [];

  beforeEach(() => {
    uncaught.length = 0;
    others = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', note);
  });

  afterEach(() => {
    process.off('uncaughtException', note);
    for (const other of others) process.on('uncaughtException', other);
  });

  test('does not stop the others, and its error surfaces as an uncaught one', async () => {
    const { basket, world } = await opened();
    const watched = basket.watch();
    const seen: Snapshot[] = [];
    watched.subscribe(({ tasks }) => {
      if (tasks.length > 0) throw new Error(`The component stumbled over ${tasks.length}.`);
    });
    watched.subscribe((value) => void seen.push(value));

    await basket.add('send', 1);
    await world.settle();
    await basket.add('send', 2);
    await world.settle();

    expect(seen.map(payloadsOf).at(-1)).toEqual([1, 2]);
    expect(uncaught).toMatchObject([
      { message: expect.stringContaining('over 1') as string },
      { message: expect.stringContaining('over 2') as string },
    ]);
  });

  test('at its first call back is told in the same way, and can unsubscribe', async () => {
    const { basket, world } = await opened();
    const idle = world.alarms();
    const stop = basket.watch().subscribe(() => {
      throw new Error('at once');
    });
    stop();
    await world.settle();

    expect(uncaught).toMatchObject([{ message: 'at once' }]);
    expect(world.alarms()).toBe(idle);
  });
});

test('a watch leaves several times as long to others as its look took, and misses nothing', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  let time = 0;
  // A look reads the clock before and after: each takes 10 ms.
  Object.assign(tab.context.ports.clock, { monotonic: () => (time += 10) });
  const seen: number[] = [];
  tab.basket.watch().subscribe((value) => void seen.push(value.tasks.length));
  await world.advance(1_000);
  const before = seen.length;

  await tab.basket.add('send', 0);
  await world.settle();
  expect(seen).toHaveLength(before + 1);
  for (let n = 1; n < 5; n += 1) {
    await tab.basket.add('send', n);
    await world.settle();
  }
  expect(seen).toHaveLength(before + 1);

  await world.advance(1_000);
  expect(seen.at(-1)).toBe(5);
  expect(seen.length).toBeLessThanOrEqual(before + 3);
});

test.each([
  ['payload', Number.NaN, 0.5],
  ['progress', 1, Number.NaN],
])('a watch does not tell the same again if a %s is NaN', async (_, payload, value) => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  tab.run({
    async send(_payload, { progress }) {
      progress(value);
      await new Promise<void>(() => undefined);
    },
  });
  await tab.basket.add('send', payload);
  const watch = tab.basket.watch();
  let calls = 0;
  watch.subscribe(() => void (calls += 1));
  await world.advance(5_000);
  const [before, snapshot] = [calls, watch.get()];
  for (const lane of ['a', 'b', 'c']) {
    await tab.basket.pause({ lane }); // The page writes, and so the watch looks.
    await world.advance(1_000);
  }

  expect(calls).toBe(before);
  expect(watch.get()).toBe(snapshot);
});
