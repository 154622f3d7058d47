import { expect, test, vi } from 'vitest';

import { TaskbasketError } from '../../src/pure/errors.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

/** As WebKit after its network process was killed: the worker lives on with its lock, and has no database any more. */
async function withLeader(deadFor: number) {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const ran: [string, number][] = [];
  const first = world.open(tasks);
  first.run({ send: (number) => void ran.push(['first', number]) });
  await first.basket.add('send', 1);
  await world.advance(1_000);
  const lost = new TaskbasketError('no-database', 'Connection to Indexed Database server lost.');
  const begin = vi.spyOn(first.context.database, 'begin');
  if (deadFor > 0) begin.mockRejectedValue(lost);
  world.alarm(deadFor, () => begin.mockRestore());
  const second = world.open(tasks);
  second.run({ send: (number) => void ran.push(['second', number]) });
  await world.settle();
  await second.basket.add('send', 2);
  await world.advance(70_000);

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
