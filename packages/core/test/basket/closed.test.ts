import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

const define = () => defineTasks(freshName(), { send: task<number>() });

test('a basket that is closed leaves no alarm behind, and hears no message any more', async () => {
  const tasks = define();
  const world = createWorld();
  const [closing, other] = [world.open(tasks), world.open(tasks)];
  const told: string[] = [];
  const { basket } = closing;
  basket.on('added', ({ id }) => void told.push(id));
  basket.watch().subscribe(() => undefined);
  const waits = [await basket.add('send', 1), await basket.add('send', 2)].map((id) =>
    basket.settled(id).then(
      () => 'settled',
      ({ code }: { readonly code: string }) => code,
    ),
  );
  await world.settle();
  const before = told.length;

  basket.close();
  basket.close();
  await world.settle();
  await other.basket.add('send', 3);
  await world.settle();

  expect(await Promise.all(waits)).toEqual(['closed', 'closed']);
  expect(before).toBe(2);
  expect(told).toHaveLength(before);
  expect(world.alarms()).toBe(0);
});

test('a watch that is subscribed to after its basket was closed, as by a late component, leaves no alarm behind', async () => {
  const world = createWorld();
  const { basket } = world.open(define());
  await basket.list();
  const watched = basket.watch();
  basket.close();
  watched.subscribe(() => undefined);
  await world.settle();

  expect(world.alarms()).toBe(0);
});

test('a runner that has stopped leaves no alarm behind, and its lock to the next', async () => {
  const tasks = define();
  const world = createWorld();
  const [first, second] = [world.open(tasks), world.open(tasks)];
  const runner = first.run({
    send() {
      throw new Error('again');
    },
  });
  await first.basket.add('send', 1);
  await world.advance(10_000);

  runner.stop();
  await world.advance(15_000);
  expect(runner.stopped()).toBe(true);
  expect(world.alarms()).toBe(0);

  const ran: number[] = [];
  second.run({ send: (number) => void ran.push(number) });
  await world.advance(60_000);
  expect(ran).toEqual([1]);
});
