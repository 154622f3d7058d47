import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import type { Attempt } from '../../src/runner/term/leader.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import type { Tab } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

type Tasks = ReturnType<typeof sendTasks>;

const sendTasks = () => defineTasks(freshName(), { send: task<number>({ lane: 'all' }) });

/** A world in which each take-over is noted: who led, and after how many milliseconds. */
function opened() {
  const tasks = sendTasks();
  const world = createWorld();
  const began = world.wall();
  const led: [name: string, at: number][] = [];
  const ran: [name: string, task: number][] = [];

  function open(name: string, build = 1): Tab<Tasks> {
    const tab = world.open(tasks, { build });
    tab.at('takeover:complete', () => led.push([name, world.wall() - began]));

    return tab;
  }

  /** Opens a tab that runs tasks at once. */
  function running(name: string, build = 1): Tab<Tasks> {
    const tab = open(name, build);
    tab.run({ send: (number) => void ran.push([name, number]) });

    return tab;
  }

  return { tasks, world, open, running, led, ran };
}

test('a leader that stands still loses the lock after 5 s, and writes nothing when it goes on', async () => {
  const { tasks, world, open } = opened();
  const [first, second] = [open('first'), open('second')];
  const answered = createGate();
  let old: Attempt<number> | undefined;
  first.run({
    async send(_, attempt) {
      old ??= attempt;
      await answered.promise;
    },
  });
  await first.basket.add('send', 1);
  await world.settle();
  first.freeze();

  const fresh: Attempt<number>[] = [];
  const done = createGate();
  second.run({
    async send(_, attempt) {
      fresh.push(attempt);
      await done.promise;
    },
  });
  await world.advance(4_999);
  expect(fresh).toEqual([]);
  await world.advance(1);
  expect(fresh).toMatchObject([{ number: 2, recovered: true, idempotencyKey: old?.idempotencyKey }]);
  expect(old?.signal.aborted).toBe(false);

  const before = await contentsOf(tasks);
  answered.open();
  first.thaw();
  await world.advance(5_000);
  expect(old?.signal.aborted).toBe(true);
  expect(await contentsOf(tasks)).toEqual(before);

  done.open();
  await world.settle();
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a leader that answers keeps the lock, however many wait for it, and whatever their build', async () => {
  const { world, running, led } = opened();
  running('leads', 2);
  await world.settle();
  running('same', 2);
  running('older', 1);
  await world.advance(3_600_000);

  expect(led).toEqual([['leads', 0]]);
});

test('a runner takes the lock at most once a minute, also if the one before it stands still and goes on again and again', async () => {
  const { world, running, led } = opened();
  const one = running('one');
  await world.settle();
  one.freeze();
  const two = running('two');
  await world.advance(6_000);
  two.freeze();
  one.thaw();
  await world.advance(10_000);
  one.freeze();
  two.thaw();
  await world.advance(100_000);

  expect(led.map(([name]) => name)).toEqual(['one', 'two', 'one', 'two']);
  const [, second = Number.NaN, , fourth = Number.NaN] = led.map(([, at]) => at);
  expect(second).toBe(5_000);
  expect(fourth - second).toBeGreaterThanOrEqual(60_000);
  expect(fourth - second).toBeLessThan(135_000);
});

test('two runners that wait for one that stands still may both take the lock: one leads in the end, and each task runs once', async () => {
  const { world, running, led, ran } = opened();
  const silent = running('silent');
  await world.settle();
  silent.freeze();
  const two = running('two');
  running('three');
  await two.basket.add('send', 1);
  await world.advance(60_000);
  await two.basket.add('send', 2);
  await world.settle();
  silent.thaw();
  await world.advance(600_000);
  await two.basket.add('send', 3);
  await world.settle();

  expect(led.length).toBeLessThanOrEqual(3);
  expect(ran.map(([, number]) => number)).toEqual([1, 2, 3]);
  expect(new Set(ran.map(([name]) => name)).size).toBe(1);
});

test('a newer build takes the lock from an older one that stands still, and the older one leads again when the newer stands still', async () => {
  const { world, running, ran } = opened();
  const older = running('older', 1);
  await world.settle();
  older.freeze();
  const newer = running('newer', 2);
  await newer.basket.add('send', 1);
  await world.advance(5_000);
  older.thaw();
  await older.basket.add('send', 2);
  await world.advance(1_000);
  newer.freeze();
  await older.basket.add('send', 3);
  await world.advance(70_000);
  newer.thaw();
  await world.advance(70_000);
  await older.basket.add('send', 4);
  await world.settle();

  expect(ran).toEqual([
    ['newer', 1],
    ['newer', 2],
    ['older', 3],
    ['newer', 4],
  ]);
});

test('time in which the waiting runner is frozen does not count: both sleep for an hour, and the leader keeps the lock', async () => {
  const { world, running, led } = opened();
  const leads = running('leads');
  await world.settle();
  leads.freeze();
  const waits = running('waits');
  await world.advance(1_500);
  waits.freeze();
  await world.advance(3_600_000);
  waits.thaw();
  await world.advance(1_500);
  leads.thaw();
  await world.advance(600_000);

  expect(led).toEqual([['leads', 0]]);
});

test('a runner that hears nobody, because there is no channel, takes the lock from nobody', async () => {
  const { world, running, open, led } = opened();
  running('leads');
  await world.settle();
  const deaf = open('deaf');
  Object.assign(deaf.context.ports, {
    channel() {
      throw new DOMException('There is no channel here.', 'SecurityError');
    },
  });
  deaf.run({ send: () => undefined });
  await world.advance(600_000);

  expect(led).toEqual([['leads', 0]]);
});

test('a runner that waits and is stopped, or ends its wait by a theft, leaves no timer behind', async () => {
  const { world, running, open } = opened();
  running('leads');
  await world.settle();
  const before = world.alarms();
  const waits = open('waits').run({ send: () => undefined });
  await world.advance(120_000);
  waits.stop();
  await world.settle();

  expect(world.alarms()).toBe(before);
});
