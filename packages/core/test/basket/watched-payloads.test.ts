import { describe, expect, test, vi } from 'vitest';

import type { Known } from '../../src/basket/reading/payloads.js';
import { createPayloads } from '../../src/basket/reading/payloads.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { freshName, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

/** A page with tasks of a type whose decoder tells what it is asked for, and hangs for 0. */
async function opened() {
  const decodes: number[] = [];
  const codec = {
    encode: (number: number) => number,
    decode: (stored: number): number | Promise<number> => {
      decodes.push(stored);

      return stored === 0 ? new Promise<number>(() => undefined) : stored;
    },
  };
  const tasks = defineTasks(freshName(), { send: task<number>({ codec }), large: task<string>() });
  const world = createWorld();
  const { basket, context } = world.open(tasks);
  const later = { runAt: world.wall() + 86_400_000 };

  return { tasks, world, basket, context, decodes, later };
}

describe('a watch', () => {
  test('decodes what has not changed once, and what was edited again', async () => {
    const { world, basket, decodes, later } = await opened();
    const id = await basket.add('send', 1, later);
    await basket.add('send', 2, later);
    const shown: unknown[][] = [];
    basket.watch().subscribe(({ tasks }) => void shown.push(tasks.map(({ payload }) => payload)));
    await world.advance(1_000);
    await basket.add('send', 3, later);
    await world.advance(1_000);
    expect(decodes).toEqual([1, 2, 3]);

    await basket.update(id, 4);
    await world.advance(1_000);
    await basket.update(id, 5);
    await world.advance(1_000);
    expect(shown.at(-1)).toEqual([5, 2, 3]);
    expect(decodes).toEqual([1, 2, 3, 4, 5]);
  });

  test('reads a payload that lies apart once, and again after an edit under the same key', async () => {
    const { world, basket, later } = await opened();
    const id = await basket.add('large', 'a'.repeat(20_000), later);
    const shown: unknown[] = [];
    basket.watch({ type: 'large' }).subscribe(({ tasks }) => void shown.push(tasks[0]?.payload));
    await world.advance(1_000);
    const reads = vi.spyOn(IDBObjectStore.prototype, 'get');
    await basket.add('send', 1, later);
    await world.advance(1_000);
    await basket.update(id, 'b'.repeat(20_000));
    await world.advance(1_000);
    const ofPayloads = reads.mock.contexts.filter(
      (store) => store instanceof IDBObjectStore && store.name.endsWith('.payloads'),
    );
    vi.restoreAllMocks();
    expect(shown.at(-1)).toBe('b'.repeat(20_000));
    expect(ofPayloads).toHaveLength(1);
  });

  test('shows a task whose decoder hangs at once, as unreadable after 10 s, and delays no other', async () => {
    const { world, basket, decodes, later } = await opened();
    await basket.add('send', 0, later);
    const shown: { readonly at: number; readonly tasks: readonly (readonly [unknown, boolean])[] }[] = [];
    const began = world.wall();
    basket.watch().subscribe(({ loaded, tasks }) => {
      if (loaded)
        shown.push({ at: world.wall() - began, tasks: tasks.map(({ payload, unreadable }) => [payload, unreadable]) });
    });
    await world.advance(1_000);
    expect(shown.at(-1)?.tasks).toEqual([[undefined, false]]);
    expect(shown[0]?.at).toBeLessThan(500);

    await basket.add('send', 1, later);
    await world.advance(1_000);
    expect(shown.at(-1)?.tasks).toEqual([
      [undefined, false],
      [1, false],
    ]);
    await world.advance(10_000);
    expect(shown.at(-1)?.tasks).toEqual([
      [undefined, true],
      [1, false],
    ]);
    expect(decodes).toEqual([0, 1]);

    // A list waits for it no second time.
    const listed = vi.fn<() => void>();
    void basket.list().then(listed);
    await world.advance(1_000);
    expect(listed).toHaveBeenCalledOnce();
  });

  test('keeps the value, and each task, that did not change', async () => {
    const { world, basket, later } = await opened();
    await basket.add('send', 1, later);
    const values: unknown[] = [];
    const watched = basket.watch({ type: 'send' });
    watched.subscribe((value) => void values.push(value));
    await world.advance(1_000);
    const [first] = watched.get().tasks;
    const told = values.length;
    await basket.add('large', 'x', later);
    await world.advance(1_000);
    expect(values).toHaveLength(told);
    await basket.add('send', 2, later);
    await world.advance(1_000);
    expect(watched.get().tasks[0]).toBe(first);
    expect(watched.get().tasks).toHaveLength(2);
  });

  test('keeps each task that did not change, also when one before it ends', async () => {
    const { world, basket, later } = await opened();
    const first = await basket.add('send', 1, later);
    await basket.add('send', 2, later);
    await basket.add('send', 3, later);
    const watched = basket.watch({ type: 'send' });
    watched.subscribe(() => undefined);
    await world.advance(1_000);
    const [, second, third] = watched.get().tasks;
    await basket.cancel(first);
    await world.advance(1_000);

    expect(watched.get().tasks).toHaveLength(2);
    expect(watched.get().tasks[0]).toBe(second);
    expect(watched.get().tasks[1]).toBe(third);
  });

  test('tells why each task of a page is not running, live, if it is asked to', async () => {
    const { world, basket, later } = await opened();
    const id = await basket.add('send', 1, { lane: 'a', ...later });
    await basket.add('send', 2, { lane: 'a' });
    const watched = basket.watch({}, { reasons: true });
    expect(basket.watch({}, { reasons: true })).toBe(watched);
    expect(basket.watch()).not.toBe(watched);
    watched.subscribe(() => undefined);
    await world.advance(1_000);
    const told = () => watched.get().tasks.map(({ reasons }) => reasons.map(({ reason }) => reason));
    expect(told()).toEqual([
      ['date', 'no-runner'],
      ['lane', 'no-runner'],
    ]);
    expect(await Promise.all(watched.get().tasks.map((view) => basket.explain(view.id)))).toEqual(
      watched.get().tasks.map(({ reasons }) => reasons),
    );
    await basket.cancel(id);
    await world.advance(1_000);
    expect(told()).toEqual([['no-runner']]);
  });
});

/** Counts the transactions from now on. */
function countReads(): () => number {
  const begun = vi.spyOn(IDBDatabase.prototype, 'transaction');

  return () => begun.mock.calls.length;
}

describe('nothing is read for a watch', () => {
  test('that nobody subscribes to any more, when a decoder ends, or a message had come before', async () => {
    const { world, context, basket, later } = await opened();
    await basket.add('send', 0, later);
    const stop = basket.watch().subscribe(() => undefined);
    await world.advance(500);
    stop();
    await world.settle();
    const reads = countReads();
    await world.advance(20_000);
    expect(reads()).toBe(0);

    const again = basket.watch({ type: 'large' }).subscribe(() => undefined);
    context.hub.say({ kind: 'look' });
    again();
    await world.advance(20_000);
    // The one that had begun.
    expect(reads()).toBe(1);
  });

  test('while its page is in the back/forward cache; it is read as soon as the page is back', async () => {
    const { world, context, basket } = await opened();
    basket.watch().subscribe(() => undefined);
    await world.advance(5_000);
    context.hub.suspend();
    const reads = countReads();
    await world.advance(60_000);
    expect(reads()).toBe(0);

    context.hub.resume();
    await world.settle();
    expect(reads()).toBe(1);
  });
});

test('a payload that could not be read is read again once a minute, and not with each message', async () => {
  let decoded = 0;
  const codec = {
    encode: (number: number) => number,
    decode(): number {
      decoded += 1;
      throw new Error('It is garbled.');
    },
  };
  const world = createWorld();
  const { basket, context } = world.open(defineTasks(freshName(), { send: task<number>({ codec }) }));
  await basket.add('send', 1);
  basket.watch().subscribe(() => undefined);
  for (let time = 0; time < 10; time += 1) {
    context.hub.say({ kind: 'look' });
    await world.advance(2_000);
  }
  expect(decoded).toBe(1);
  await world.advance(60_000);
  expect(decoded).toBe(2);
});

test('a payload whose asynchronous decoder has failed is decoded again by the next call', async () => {
  let decoded = 0;
  const codec = {
    encode: (number: number) => number,
    async decode(stored: number): Promise<number> {
      decoded += 1;
      if (decoded === 1) throw new Error('The key is not there yet.');

      return Promise.resolve(stored);
    },
  };
  const { basket } = createWorld().open(defineTasks(freshName(), { send: task<number>({ codec }) }));
  const id = await basket.add('send', 1);

  expect(await basket.get(id)).toMatchObject({ payload: undefined, unreadable: true });
  expect(await basket.get(id)).toMatchObject({ payload: 1, unreadable: false });
});

test('what a watch keeps of payloads is what it shows', async () => {
  const { context, basket, tasks, later } = await opened();
  const payloads = createPayloads(context);
  const known: Known = new Map();
  for (let number = 1; number <= 3; number += 1) {
    const id = await basket.add('send', number, later);
    await payloads(await rowsOf(tasks), known, 0);
    expect(known.size).toBe(1);
    await basket.cancel(id);
  }
});

test('a watch with reasons tells at once that somebody runs tasks now', async () => {
  const { tasks, world, basket, later } = await opened();
  await basket.add('send', 1, later);
  const watched = basket.watch({}, { reasons: true });
  watched.subscribe(() => undefined);
  await world.advance(2_000);
  const told = () => watched.get().tasks.map(({ reasons }) => reasons.map(({ reason }) => reason));
  expect(told()).toEqual([['date', 'no-runner']]);

  world.open(tasks).run({ send: () => undefined, large: () => undefined });
  await world.advance(1_000);
  expect(told()).toEqual([['date']]);
});

test.each([1, 50, 256, 257, 612])('%i explanations that are asked for together are few transactions', async (count) => {
  const { basket } = await opened();
  const ids = await basket.addMany(Array.from({ length: count }, (_, number) => ['send', number + 1] as const));
  const begun = vi.spyOn(IDBDatabase.prototype, 'transaction');
  const reasons = await Promise.all([...ids, 'nothing'].map((id) => basket.explain(id)));
  const transactions = begun.mock.calls.length;
  vi.restoreAllMocks();

  expect(reasons.slice(0, -1).every((some) => some[0]?.reason === 'no-runner')).toBe(true);
  expect(reasons.at(-1)).toEqual([{ reason: 'gone' }]);
  expect(transactions).toBe(Math.ceil((count + 1) / 256));
});

describe('a task whose decoder is slow is never shown as unreadable', () => {
  /** A basket whose decoder takes as long as `wait` says, and what a watch of it shows. */
  function slowly() {
    const world = createWorld();
    const codec = {
      wait: 50,
      encode: (number: number) => number,
      async decode(stored: number): Promise<number> {
        await new Promise<void>((resolve) => world.alarm(codec.wait, resolve));

        return stored;
      },
    };
    const tasks = defineTasks(freshName(), { send: task<number>({ codec }) }, { session: session() });
    const { basket } = world.open(tasks);
    const seen: unknown[] = [];
    const watch = (): void =>
      void basket.watch().subscribe((value) => {
        seen.push(...value.tasks.map((one) => [one.payload, one.unreadable]));
      });

    return { world, codec, basket, seen, watch };
  }

  test('by the reading that comes once a minute', async () => {
    const { world, codec, basket, seen, watch } = slowly();
    await basket.signIn('ann');
    watch();
    await world.advance(59_950);
    codec.wait = 99;
    void basket.add('send', 1);
    await world.advance(2_000);
    expect(seen.at(-1)).toEqual([1, false]);
    expect(seen).not.toContainEqual([undefined, true]);
  });

  test('when its owner signs in once more, also after another one', async () => {
    const { world, basket, seen, watch } = slowly();
    await basket.signIn('ann');
    await basket.add('send', 1);
    watch();
    await world.advance(20);
    await Promise.all([basket.signIn('bob'), basket.signIn('ann')]);
    await world.advance(2_000);
    expect(seen.at(-1)).toEqual([1, false]);
    expect(seen).not.toContainEqual([undefined, true]);
  });
});

test('a watch shows a payload as soon as somebody signs in who brings its key', async () => {
  const world = createWorld();
  const key = { isHere: true };
  const decode = (stored: string): string => {
    if (!key.isHere) throw new Error('The key is not here.');

    return stored;
  };
  const codec = { encode: (text: string) => text, decode };
  const types = { report: task<string>({ owner: 'none', codec }) };
  const { basket } = world.open(defineTasks(freshName(), types, { session: session() }));
  await basket.add('report', 'a');
  key.isHere = false;
  await basket.signOut();
  const watched = basket.watch();
  watched.subscribe(() => undefined);
  await world.advance(1_000);
  expect(watched.get().tasks).toMatchObject([{ unreadable: true }]);

  key.isHere = true;
  await basket.signIn('ann');
  await world.advance(2_000);
  expect(watched.get().tasks).toMatchObject([{ payload: 'a', unreadable: false }]);
});
