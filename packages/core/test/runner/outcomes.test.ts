import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { keepOutcome } from '../../src/store/outcomes.js';
import { transact } from '../../src/store/transact.js';
import { byHand, contentsOf, freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

const outcome = { id: 'x', type: 'make', owner: null, state: 'done', at: 0, marks: ['Ix'] } as const;

test.each([
  [9, 9],
  [10, 10],
  [11, 10],
  [120, 10],
])('of %d outcomes where 10 are kept, the last %d are left', async (written, left) => {
  const tasks = defineTasks(freshName(), { make: task() });
  const { context } = createWorld().open(tasks);
  for (let n = 0; n < written; n += 7) {
    const some = Array.from({ length: Math.min(7, written - n) }, () => outcome);
    await transact(context, 'turn', (stores) => Promise.all(some.map((one) => keepOutcome(stores, one, 10))));
  }

  const { outcomes } = await contentsOf(tasks);
  expect(outcomes.map(({ n }) => n)).toEqual(Array.from({ length: left }, (_, place) => written - left + place + 1));
});

test('the end of one task more than are kept removes the oldest, whether it succeeded or was cancelled', async () => {
  const tasks = defineTasks(freshName(), { make: task<number, number>(), wait: task({ lane: 'one' }) });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  await byHand(tasks, ({ outcomes }) => {
    for (const n of [1, 2, 3, 10_000]) outcomes.put({ ...outcome, n, at: world.wall() });
  });
  const left = async (): Promise<unknown> => (await contentsOf(tasks)).outcomes.map(({ n }) => n);

  const runner = tab.run({ make: (number) => number, wait: () => undefined });
  await tab.basket.add('make', 1);
  await world.settle();
  runner.stop();
  await world.settle();
  expect(await left()).toEqual([2, 3, 10_000, 10_001]);

  await tab.basket.cancel(await tab.basket.add('wait'));
  expect(await left()).toEqual([3, 10_000, 10_001, 10_002]);
});

test.each([[255], [256], [257], [612], [1, 'a key of the app']])(
  'the audit removes %i outcomes that are too many, and no other, also beside a strange one: %s',
  async (count, ...strange) => {
    const tasks = defineTasks(freshName(), { make: task() });
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.list();
    await byHand(tasks, ({ outcomes }) => {
      for (let n = 1; n <= count + 1; n += 1) outcomes.put({ ...outcome, n, at: world.wall() });
      for (const n of [10_000 + count, ...strange]) outcomes.put({ ...outcome, n, at: world.wall() });
    });
    tab.run({ make: () => undefined });
    await world.settle();

    expect((await contentsOf(tasks)).outcomes.map(({ n }) => n)).toEqual([count + 1, 10_000 + count, ...strange]);
  },
);
