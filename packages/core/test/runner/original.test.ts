import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

test('a task that counts its failures with save is picked up by the next runner with its count, and is gone when it succeeds', async () => {
  const tasks = defineTasks(freshName(), { count: task<{ readonly failed: number }>() });
  const world = createWorld();
  let failing = true;
  const seen: number[] = [];

  const open = () => {
    const tab = world.open(tasks);
    const runner = tab.run({
      async count({ failed }, { save }) {
        seen.push(failed);
        if (!failing) return;
        await save({ failed: failed + 1 });
        throw new Error('It was told to fail.');
      },
    });

    return { tab, runner };
  };

  const first = open();
  await first.tab.basket.add('count', { failed: 0 });
  await world.advance(5_000);
  first.runner.stop();
  await first.runner.done;
  first.tab.basket.close();

  expect(seen.length).toBeGreaterThan(1);
  expect(seen).toEqual(seen.map((_, place) => place));
  expect(await rowsOf(tasks)).toMatchObject([{ payload: { failed: seen.length }, failures: seen.length }]);

  failing = false;
  const before = seen.length;
  const second = open();
  await world.advance(300_000);

  expect(seen.slice(before)).toEqual([before]);
  expect(await second.tab.basket.list()).toEqual([]);
  const { tasks: rows, payloads, outcomes } = await contentsOf(tasks);
  expect([rows.length, payloads.size, outcomes.length]).toEqual([0, 0, 0]);
});
