import { describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { freshName } from '../support/database.js';
import type { Gate } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

async function opened() {
  const tasks = defineTasks(
    freshName(),
    {
      photo: task<string>({ gate: 'media', concurrency: 2 }),
      video: task<string>({ gate: (name) => name.split(' ')[1] ?? 'media', concurrency: 1 }),
      note: task<string>(),
    },
    { gates: { base: 60_000, cap: 60_000 } },
  );
  const world = createWorld();
  const tab = world.open(tasks);
  const { basket } = tab;
  await basket.list();
  const running = new Map<string, Gate>();
  const started: string[] = [];
  const does = async (name: string): Promise<void> => {
    started.push(name);
    const answer = createGate();
    running.set(name, answer);
    await answer.promise.finally(() => running.delete(name));
  };
  const run = (concurrency?: number) =>
    tab.run({ photo: does, video: does, note: does }, concurrency === undefined ? {} : { concurrency });
  const end = async (name: string): Promise<void> => {
    running.get(name)?.open();
    await world.settle();
  };

  return { tasks, world, tab, basket, run, running, started, end };
}

describe('the concurrency of a type', () => {
  test('is the most of its tasks that run at once, and the other slots are left for other types', async () => {
    const { world, basket, run, running, end } = await opened();
    await basket.addMany(['p1', 'p2', 'p3', 'p4'].map((name) => ['photo', name] as const));
    await basket.addMany(['n1', 'n2', 'n3', 'n4', 'n5'].map((name) => ['note', name] as const));
    run();
    await world.settle();
    expect([...running.keys()].sort()).toEqual(['n1', 'n2', 'n3', 'n4', 'p1', 'p2']);

    await end('n1');
    expect([...running.keys()].sort()).toEqual(['n2', 'n3', 'n4', 'n5', 'p1', 'p2']);
    await end('p2');
    expect([...running.keys()].sort()).toEqual(['n2', 'n3', 'n4', 'n5', 'p1', 'p3']);
    await end('n2');
    expect(running.size).toBe(5);
    await end('p1');
    expect([...running.keys()].sort()).toEqual(['n3', 'n4', 'n5', 'p3', 'p4']);
  });

  test('counts the tasks of all gates, priorities and of the turns before', async () => {
    const { world, basket, run, started, end } = await opened();
    run();
    await basket.add('video', 'v1 a');
    await world.settle();
    await basket.add('video', 'v2 b', { priority: 'high' });
    await basket.add('video', 'v3 b');
    await world.advance(70_000);
    expect(started).toEqual(['v1 a']);

    await end('v1 a');
    expect(started).toEqual(['v1 a', 'v2 b']);
    await end('v2 b');
    expect(started).toEqual(['v1 a', 'v2 b', 'v3 b']);
  });

  test('keeps a thousand tasks of a full type from being read while others end', async () => {
    const { world, basket, run, end } = await opened();
    run();
    await basket.addMany(Array.from({ length: 1_000 }, (_, n) => ['photo', `p${n}`] as const));
    await world.settle();
    await basket.addMany(Array.from({ length: 20 }, (_, n) => ['note', `n${n}`] as const));
    await world.settle();
    const reads = vi.spyOn(IDBIndex.prototype, 'getAll');
    for (let n = 0; n < 10; n += 1) await end(`n${n}`);
    const ranges = reads.mock.calls.map(([range]) => JSON.stringify((range as IDBKeyRange).lower));
    reads.mockRestore();

    expect(ranges.filter((range) => range.includes('photo'))).toEqual([]);
    expect(ranges.length).toBeLessThan(40);
  });

  test('keeps the record of a gate whose tasks wait for a slot of their type', async () => {
    const { world, basket, run, running, started, end } = await opened();
    run();
    await basket.add('video', 'v1 a');
    await world.settle();
    running.get('v1 a')?.fail(new Unavailable({ retryAfter: 1_000 }));
    await world.settle();
    await basket.add('video', 'v2 b');
    await world.settle();
    expect(started).toEqual(['v1 a', 'v2 b']);
    await world.advance(100_000);
    expect((await basket.health()).gates).toBe(1);

    await end('v2 b');
    expect(started).toEqual(['v1 a', 'v2 b', 'v1 a']);
    await end('v1 a');
    expect((await basket.health()).closedGates).toEqual([]);
  });

  test('explains a task that waits for a slot of its type: busy', async () => {
    const { world, basket, run, end } = await opened();
    run();
    await basket.add('video', 'v1');
    const waiting = await basket.add('video', 'v2');
    const note = await basket.add('note', 'n1', { runAt: world.wall() + 100_000 });
    await world.settle();
    expect(await basket.explain(waiting)).toEqual([{ reason: 'busy' }]);
    expect((await basket.explain(note)).map(({ reason }) => reason)).toEqual(['date']);
    await end('v1');
    expect(await basket.explain(waiting)).toEqual([{ reason: 'running' }]);
  });

  test.each([0, 1.5, -1, Number.NaN, '2'])('cannot be %s', (concurrency) => {
    expect(() => task({ concurrency: concurrency as number })).toThrow(/concurrency must be a whole number from 1/);
  });
});
