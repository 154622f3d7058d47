import { expect, test } from 'vitest';

import type { Message } from '../../src/basket/context/messages.js';
import { createLooks } from '../../src/basket/telling/looks.js';
import { waited } from '../../src/ports/wait.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

const look: Message = { kind: 'look' };
const changed: Message = { kind: 'changed' };

/** Reads again and again, so many milliseconds each time. `began` has when each reading began. */
function looking(took: number) {
  const world = createWorld();
  const { context } = world.open(defineTasks(freshName(), { send: task() }));
  const { clock } = context.ports;
  const began: number[] = [];
  const looks = createLooks(context, () => {
    began.push(clock.monotonic());

    return waited(clock, took);
  });
  looks.start();

  return { world, began, say: context.hub.say };
}

test.each([
  [100, 500],
  [50, 250],
  [5_000, 6_000],
])('what the runner writes while a reading takes %i ms is read %i ms after that began', async (took, next) => {
  const { world, began, say } = looking(took);
  say(changed);
  await world.advance(took / 2);
  say(changed);
  await world.advance(20_000);

  expect(began).toEqual([0, next]);
});

test.each([
  [100, 200],
  [5_000, 5_500],
])('what a page writes while a reading takes %i ms is read %i ms after that began', async (took, next) => {
  const { world, began, say } = looking(took);
  say(changed);
  await world.advance(took / 2);
  say(look);
  await world.advance(20_000);

  expect(began).toEqual([0, next]);
});

test('what a page writes is read at once if the last reading ended longer ago than it took', async () => {
  const { world, began, say } = looking(100);
  say(changed);
  await world.advance(50);
  say(changed);
  await world.advance(250);
  say(look);
  await world.advance(20_000);

  expect(began).toEqual([0, 300]);
});

test('while a page writes all the time, half of the time is left to others, and its last write is read soon', async () => {
  const { world, began, say } = looking(100);
  for (let time = 0; time < 10_000; time += 10) {
    say(look);
    await world.advance(10);
  }
  // Each reading begins 200 ms after the one before; the last one 10 ms after the last write.
  expect(began).toHaveLength(51);

  await world.advance(20_000);
  expect(began).toHaveLength(51);
});

test('what the runner writes leaves as much to others as before, once a page has written', async () => {
  const { world, began, say } = looking(100);
  say(look);
  await world.advance(20_000);
  for (let time = 0; time < 1_500; time += 10) {
    say(changed);
    await world.advance(10);
  }
  // Each of them takes 100 ms, and leaves 400 ms to others.
  expect(began.slice(1, 4)).toEqual([20_000, 20_500, 21_000]);
});
