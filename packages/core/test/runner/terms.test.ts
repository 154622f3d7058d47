import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { createPatience } from '../../src/runner/term/patience.js';
import { freshName } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

test.each(['lock stolen', 'database deleted'] as const)(
  '%s once an hour: a task that is added after it runs within a second, each time',
  async (how) => {
    const tasks = defineTasks(freshName(), { send: task<number>() });
    const world = createWorld();
    const tab = world.open(tasks);
    const ran: number[] = [];
    tab.run({ send: (number) => void ran.push(number) });
    await world.settle();
    for (let time = 1; time <= 6; time += 1) {
      await world.advance(3_600_000);
      if (how === 'lock stolen') world.steal(tab);
      else await new Promise((resolve) => indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve));
      await tab.basket.add('send', time);
      await world.advance(1_000);

      expect(ran).toContain(time);
    }
  },
);

test('two runners that depose each other do so less and less often', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  let takeovers = 0;
  for (let seed = 1; seed <= 2; seed += 1) {
    const tab = world.open(tasks, { ownLocks: true, seed });
    tab.at('takeover:complete', () => void (takeovers += 1));
    tab.run({ send: () => undefined });
  }
  await world.advance(600_000);
  const early = takeovers;
  await world.advance(3_000_000);

  expect(early).toBeLessThan(40);
  // Each waits from 30 s to 60 s by then.
  expect(takeovers - early).toBeLessThan(220);
});

test('a runner that stops leaves no timer behind: a hundred terms leave as many as one', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const onePass = async (): Promise<number> => {
    const runner = tab.run({ send: () => undefined });
    await world.settle();
    runner.stop();
    await world.settle();
    expect(runner.stopped()).toBe(true);

    return world.alarms();
  };
  const once = await onePass();
  for (let time = 0; time < 99; time += 1) await onePass();

  expect(await onePass()).toBe(once);
});

test('an older runner that hears of a newer build three times leaves no timer behind when it has handed over', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const [tab, page] = [world.open(tasks, { build: 1 }), world.open(tasks, { build: 2 })];
  const sending = createGate();
  tab.run({ send: () => sending.promise });
  await world.settle();
  const idle = world.alarms();
  await tab.basket.add('send', 1);
  await world.settle();
  for (let time = 0; time < 3; time += 1) {
    page.context.hub.say({ kind: 'hello', build: 2 });
    await world.settle();
  }
  sending.open();
  await world.settle();

  expect(world.alarms()).toBe(idle);
});

describe('patience', () => {
  function patience() {
    let now = 0;
    const clock = { monotonic: () => now };

    return {
      ...createPatience({ clock, random: () => 0.999 } as unknown as Parameters<typeof createPatience>[0], {
        base: 100,
        cap: 1_000,
      }),
      pass: (time: number) => void (now += time),
    };
  }

  test('waits longer with each failure in a row, up to the cap', () => {
    const { failed } = patience();

    expect([1, 2, 3, 4, 5, 6].map(failed)).toEqual([100, 200, 400, 800, 1_000, 1_000]);
  });

  test('begins anew after something worked, the second time as well', () => {
    const { failed, worked } = patience();
    for (let time = 0; time < 2; time += 1) {
      expect([failed(), failed()]).toEqual([100, 200]);
      worked();
    }
  });

  test.each([
    [1_999, 400],
    [2_000, 400],
    [2_001, 100],
  ])('after %d ms without a failure, counted from the end of the wait, the next is %d ms', (time, wait) => {
    const { failed, pass } = patience();
    failed();
    pass(failed() + time);

    expect(failed()).toBe(wait);
  });
});
