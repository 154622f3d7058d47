import { expect, test, vi } from 'vitest';

import { TaskbasketError } from '../../src/pure/errors.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

const lost = new TaskbasketError('no-database', 'Connection to Indexed Database server lost.');

/** As WebKit after its network process was killed: the worker lives on with its lock, and has no database any more. */
async function withLeader(deadFor: number) {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const ran: [string, number][] = [];
  const first = world.open(tasks);
  first.run({ send: (number) => void ran.push(['first', number]) });
  await first.basket.add('send', 1);
  await world.advance(1_000);
  const begin = vi.spyOn(first.context.database, 'begin');
  if (deadFor > 0) begin.mockRejectedValue(lost);
  world.alarm(deadFor, () => begin.mockRestore());
  const second = world.open(tasks);
  second.run({ send: (number) => void ran.push(['second', number]) });
  await world.settle();
  await second.basket.add('send', 2);
  await world.advance(300_000);

  return ran;
}

test('a leader that has its database, or has it again after three seconds, keeps the lock', async () => {
  const all = [
    ['first', 1],
    ['first', 2],
  ];
  expect(await withLeader(0)).toEqual(all);
  expect(await withLeader(3_000)).toEqual(all);
});

test('a leader that has no database any more lets go of the lock, and another runner runs what waits', async () => {
  expect(await withLeader(Number.MAX_SAFE_INTEGER)).toEqual([
    ['first', 1],
    ['second', 2],
  ]);
});

test('a leader whose database is away keeps the lock if nobody waits for it, and writes what was sent meanwhile', async () => {
  const { world, first, ran } = longRun();
  await first.basket.add('send', 1);
  await world.advance(1_000);
  const begin = vi.spyOn(first.context.database, 'begin').mockRejectedValue(lost);
  await world.advance(600_000);
  begin.mockRestore();
  await world.advance(120_000);
  expect(ran).toEqual([1]);
});

test('a leader that is told ten times in a second to look, while it has no database, keeps the lock', async () => {
  const { world, first, second, ran } = longRun();
  await first.basket.add('send', 1);
  await world.advance(1_000);
  second.run({ send: (number) => void ran.push(number) });
  const begin = vi.spyOn(first.context.database, 'begin').mockRejectedValue(lost);
  for (let n = 0; n < 10; n += 1) {
    second.context.hub.say({ kind: 'look' });
    await world.advance(100);
  }
  begin.mockRestore();
  await world.advance(120_000);
  expect(ran).toEqual([1]);
});

test('a leader whose disk is full for a minute, and that once finds no database, keeps the lock', async () => {
  const { world, first, second, ran } = longRun();
  await first.basket.add('send', 1);
  await world.advance(1_000);
  second.run({ send: (number) => void ran.push(number) });
  const begin = vi.spyOn(first.context.database, 'begin');
  begin.mockRejectedValue(new DOMException('There is no room.', 'QuotaExceededError'));
  await world.advance(70_000);
  begin.mockRejectedValue(lost);
  world.alarm(1_000, () => begin.mockRestore());
  second.context.hub.say({ kind: 'look' });
  await world.advance(240_000);
  expect(ran).toEqual([1]);
});

test('a leader whose database hangs for a minute each time it is opened lets go of the lock', async () => {
  const { world, first, second, ran } = longRun();
  await world.advance(1_000);
  vi.spyOn(first.context.database, 'begin').mockImplementation(async () => {
    await new Promise<void>((resolve) => world.alarm(60_001, resolve));
    throw lost;
  });
  second.run({ send: (number) => void ran.push(-number) });
  await world.settle();
  await second.basket.add('send', 2);
  await world.advance(600_000);
  expect(ran).toEqual([-2]);
});

/** A leader whose handler takes half a minute, and another tab. */
function longRun() {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const ran: number[] = [];
  const [first, second] = [world.open(tasks), world.open(tasks)];
  first.run({
    async send(number) {
      ran.push(number);
      await new Promise<void>((resolve) => world.alarm(30_000, resolve));
    },
  });

  return { world, first, second, ran };
}
