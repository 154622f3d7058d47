import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import { recordTransactions } from '../support/transactions.js';
import { createGate, createWorld } from '../support/world.js';

async function opened() {
  const tasks = defineTasks(freshName(), {
    send: task<string>({ backoff: { base: 60_000, cap: 60_000 } }),
    other: task<string>({ onDead: 'skip' }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  const { basket } = tab;
  await basket.list();
  const sent: string[] = [];
  const open = createGate();
  const signals: AbortSignal[] = [];
  const send = async (what: string, { signal }: { readonly signal: AbortSignal }): Promise<void> => {
    sent.push(what);
    signals.push(signal);
    if (what.startsWith('waits')) await open.promise;
    if (what.startsWith('throws')) throw new Error('not yet');
    if (what.startsWith('bad')) throw new PermanentFailure('no');
  };
  const run = (concurrency = 50) => tab.run({ send, other: send }, { concurrency });
  const left = async (): Promise<readonly unknown[]> => (await rowsOf(tasks)).map(({ payload }) => payload);

  return { tasks, world, tab, basket, sent, run, left, signals, end: () => open.open() };
}

describe('cancel', () => {
  test('of more than one step leaves what another tab adds meanwhile', async () => {
    const { tasks, world, tab, basket, left } = await opened();
    await basket.addMany(Array.from({ length: 300 }, (_, n) => ['send', `old ${n}`] as const));
    let [steps, step] = [0, (): void => undefined];
    const reached = new Promise<void>((resolve) => (step = resolve));
    tab.at('command:complete', () => {
      steps += 1;
      if (steps !== 2) return;
      tab.freeze();
      step();
    });
    const cancelled = basket.cancel({ type: 'send' });
    await reached;
    await world.open(tasks).basket.add('send', 'new');
    tab.thaw();

    expect([await cancelled, await left()]).toEqual([300, ['new']]);
  });

  test('of more than one step finds a task that moves, while the keys are read, to where they were read before', async () => {
    const { tasks, tab, basket, left } = await opened();
    await basket.addMany(Array.from({ length: 600 }, (_, n) => ['send', `task ${n}`] as const));
    const { begin } = tab.context.database;
    let readings = 0;
    Object.assign(tab.context.database, {
      async begin(...what: Parameters<typeof begin>) {
        if (what[0] === 'readonly') readings += 1;
        if (what[0] === 'readonly' && readings === 2) await fails(600);

        return begin(...what);
      },
    });

    /** As if a runner had run it. */
    async function fails(seq: number): Promise<void> {
      const row = (await rowsOf(tasks)).find((one) => one.seq === seq);
      const ready = row?.ready.replace(/^F(.*)$/, '@$1|000000001');
      await byHand(tasks, (stores) => stores.tasks.put({ ...row, ready, attempts: 1, failures: 1 }));
    }

    expect([await basket.cancel({ type: 'send' }), await left()]).toEqual([600, []]);
  });

  test('of a refused head and the 600 tasks of its lane starts none of these, in whichever steps they go', async () => {
    const { world, basket, run, sent, left } = await opened();
    run();
    await basket.add('send', 'bad head', { lane: 'a' });
    await world.settle();
    await basket.addMany(Array.from({ length: 600 }, (_, n) => ['send', `behind ${n}`, { lane: 'a' }] as const));
    await world.settle();

    expect(await basket.cancel({ type: 'send' })).toBe(601);
    await world.settle();
    expect(sent).toEqual(['bad head']);
    expect(await left()).toEqual([]);
  });

  test('by type, state and lane removes all that fit, and none else', async () => {
    const { world, basket, run, left } = await opened();
    run();
    await basket.add('send', 'bad 1', { lane: 'a' });
    await basket.add('send', 'held', { lane: 'a' });
    await basket.add('send', 'bad 2');
    await basket.add('other', 'bad 3', { lane: 'b' });
    const runAt = world.wall() + 60_000;
    await basket.add('send', 'dated', { lane: 'c', runAt });
    await basket.add('other', 'dated too', { runAt });
    await world.settle();
    const all = ['bad 1', 'held', 'bad 2', 'bad 3', 'dated', 'dated too'];
    expect(await left()).toEqual(all);

    expect(await basket.cancel({ type: 'send', state: 'dead', lane: 'b' })).toBe(0);
    expect(await left()).toEqual(all);
    expect(await basket.cancel({ lane: 'c' })).toBe(1);
    expect(await basket.cancel({ type: 'other', state: 'queued' })).toBe(1);
    expect(await left()).toEqual(['bad 1', 'held', 'bad 2', 'bad 3']);
    expect(await basket.cancel({ type: 'send', state: 'dead' })).toBe(2);
    await world.settle();
    expect(await left()).toEqual(['bad 3']);
    expect(await basket.cancel({ type: ['other', 'send'], lane: 'b' })).toBe(1);
    expect(await left()).toEqual([]);
  });

  test('pays the lanes: what stood behind runs', async () => {
    const { world, basket, run, sent } = await opened();
    run();
    for (const lane of ['a', 'b', 'c']) {
      await basket.add('send', `bad ${lane}`, { lane });
      await basket.add('send', `next ${lane}`, { lane });
    }
    await world.settle();
    expect(sent).toHaveLength(3);

    expect(await basket.cancel({ state: 'dead' })).toBe(3);
    await world.settle();
    expect(sent.slice(3).sort()).toEqual(['next a', 'next b', 'next c']);
  });

  test('aborts those that run, and they do not come back', async () => {
    const { world, basket, run, sent, signals, left, end } = await opened();
    run();
    await basket.add('send', 'waits 1', { lane: 'a' });
    await basket.add('send', 'waits 2');
    await basket.add('other', 'waits 3');
    await world.settle();

    expect(await basket.cancel({ type: 'send' })).toBe(2);
    await world.settle();
    expect(signals.map(({ aborted }) => aborted)).toEqual([true, true, false]);
    expect(await basket.list()).toHaveLength(1);
    expect(await basket.count()).toEqual({ count: 1, more: false });
    end();
    await world.settle();
    expect(await left()).toEqual([]);
    expect(sent).toHaveLength(3);
  });

  test('of {} is of every one, in slices of 256 that are each durable by themselves', async () => {
    const { tasks, basket } = await opened();
    await basket.addMany(Array.from({ length: 600 }, (_, number) => ['send', String(number)] as const));
    const recorded = recordTransactions();

    expect(await basket.cancel({})).toBe(600);
    // The first one finds that a slice is not enough, and changes nothing.
    expect(recorded).toHaveLength(4);
    const { tasks: rows, outcomes } = await contentsOf(tasks);
    expect(rows).toEqual([]);
    expect(outcomes).toHaveLength(600);
  });

  test.each([
    ['two slices exactly', 512],
    ['nothing', 0],
  ])('of %s ends', async (_, count) => {
    const { basket } = await opened();
    await basket.addMany(Array.from({ length: count }, () => ['send', 'x'] as const));
    await basket.add('other', 'stays');

    expect(await basket.cancel({ type: 'send' })).toBe(count);
    expect(await basket.count()).toEqual({ count: 1, more: false });
  });

  test('goes through the dead, and the few of a lane, among many others', async () => {
    const { world, basket, run, left } = await opened();
    await basket.addMany(
      Array.from(
        { length: 600 },
        (_, number) => ['send', 'x', { lane: `${number % 2}`, runAt: world.wall() + 9e9 }] as const,
      ),
    );
    await basket.addMany(Array.from({ length: 300 }, () => ['other', 'bad'] as const));
    run();
    await world.settle();

    expect(await basket.cancel({ state: 'dead' })).toBe(300);
    expect(await basket.cancel({ lane: '1' })).toBe(300);
    expect(await left()).toHaveLength(300);
  });
});

describe('retry', () => {
  test('by a query tries the dead and those in their backoff again, and counts all that fit', async () => {
    const { world, basket, run, sent } = await opened();
    run();
    await basket.add('send', 'bad');
    await basket.add('send', 'throws');
    await basket.add('other', 'bad too');
    await world.settle();
    sent.length = 0;

    expect(await basket.retry({ type: 'send' })).toBe(2);
    await world.settle();
    expect([...sent].sort()).toEqual(['bad', 'throws']);
    sent.length = 0;
    expect(await basket.retry({ state: 'dead' })).toBe(2);
    await world.settle();
    expect([...sent].sort()).toEqual(['bad', 'bad too']);
  });

  test('changes nothing of those that run', async () => {
    const { tasks, world, basket, run, end } = await opened();
    run();
    await basket.add('send', 'throws');
    await world.advance(1_000);
    await basket.cancel({});
    const id = await basket.add('other', 'waits');
    await world.settle();
    await byHand(tasks, (stores) => {
      stores.tasks.openCursor().addEventListener('success', (event) => {
        const cursor = (event.target as IDBRequest<IDBCursorWithValue | null>).result;
        cursor?.update({ ...(cursor.value as object), failures: 3, ready: '@|other|1|other|1|000000001' });
      });
    });
    const before = await rowsOf(tasks);
    expect(before).toMatchObject([{ id, failures: 3 }]);

    expect(await basket.retry({})).toBe(1);
    expect(await rowsOf(tasks)).toEqual(before);
    end();
  });

  test('of more than 512 goes through them all, and leaves those alone that run', async () => {
    const { world, basket, run, sent, end } = await opened();
    run(4);
    await basket.addMany(Array.from({ length: 600 }, () => ['send', 'bad'] as const));
    await basket.add('send', 'waits');
    await world.settle();
    expect(await basket.count({ state: 'dead' })).toEqual({ count: 600, more: false });

    expect(await basket.retry({})).toBe(601);
    await world.settle();
    expect(sent).toHaveLength(1_201);
    end();
  });
});

test.each(['cancel', 'retry'] as const)(
  '%s of more than one slice changes all that fit, also if the key of a strange row is no number',
  async (command) => {
    const { tasks, basket } = await opened();
    await basket.addMany(Array.from({ length: 257 }, (_, number) => ['send', String(number)] as const));
    await byHand(tasks, ({ tasks: rows }) => rows.put({ seq: 'a key of the app' }));

    expect(await basket[command]({ state: 'queued' })).toBe(257);
    expect(await basket.count()).toEqual({ count: command === 'cancel' ? 0 : 257, more: false });
  },
);

test('a row whose key was cut short has no gate, so no query for a gate finds it', async () => {
  const { tasks, basket } = await opened();
  const ids = await basket.addMany([
    ['send', 'cut'],
    ['send', 'whole'],
  ]);
  const [cut] = await rowsOf(tasks);
  await byHand(tasks, (stores) => void stores.tasks.put({ ...cut, ready: 'F|send|1' }));

  expect(await basket.count({ gate: 'send' })).toEqual({ count: 1, more: false });
  expect(await basket.list({ gate: 'send' })).toMatchObject([{ id: ids[1] }]);
  expect(await basket.cancel({ gate: 'send' })).toBe(1);
  expect(await rowsOf(tasks)).toMatchObject([{ id: ids[0] }]);
});

test('a query may name a type that this build does not have, so that an app can clear what it no longer knows', async () => {
  const name = freshName();
  const world = createWorld();
  await world.open(defineTasks(name, { removed: task<string>(), kept: task<string>() })).basket.addMany([
    ['removed', 'old'],
    ['kept', 'still'],
  ]);
  const { basket } = world.open(defineTasks(name, { kept: task<string>() }));
  const removed = { type: 'removed' as 'kept' };

  expect(await basket.list(removed)).toMatchObject([{ type: 'removed', unreadable: true }]);
  expect(await basket.count(removed)).toEqual({ count: 1, more: false });
  expect(await basket.retry(removed)).toBe(1);
  expect(await basket.cancel(removed)).toBe(1);
  expect(await basket.list()).toMatchObject([{ type: 'kept' }]);
});
