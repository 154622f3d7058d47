import { expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

/** Each method that asks the database for something. A browser needs most of its time for these, one by one. */
const requests = {
  IDBObjectStore: ['add', 'put', 'delete', 'clear', 'get', 'getKey', 'getAll', 'getAllKeys', 'count'],
  IDBIndex: ['get', 'getKey', 'getAll', 'getAllKeys', 'count'],
  cursors: ['openCursor', 'openKeyCursor'],
  IDBCursor: ['continue', 'continuePrimaryKey', 'advance', 'update', 'delete'],
} as const;

/** Counts requests from now on. Gives back how many there were. */
function countRequests(): () => number {
  const spies = [
    ...[...requests.IDBObjectStore, ...requests.cursors].map((name) => vi.spyOn(IDBObjectStore.prototype, name)),
    ...[...requests.IDBIndex, ...requests.cursors].map((name) => vi.spyOn(IDBIndex.prototype, name)),
    ...requests.IDBCursor.map((name) => vi.spyOn(IDBCursor.prototype, name)),
  ];

  return () => spies.reduce((sum, spy) => sum + spy.mock.calls.length, 0);
}

test.each([
  ['without a lane, six at once', 6, 0, 0.8],
  ['without a lane, 64 at once', 64, 0, 0.15],
  ['over 100 lanes, six at once', 6, 100, 2],
  ['over 100 lanes, 64 at once', 64, 100, 1.35],
])('a drained task costs few requests: %s', async (_, concurrency, lanes, most) => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const count = 1_000;
  await tab.basket.addMany(
    Array.from({ length: count }, (_one, number) => {
      const options = lanes === 0 ? {} : { lane: `${number % lanes}` };

      return ['send', number, options] as const;
    }),
  );
  await world.settle();

  const counted = countRequests();
  let ran = 0;
  tab.run({ send: () => void (ran += 1) }, { concurrency });
  await world.settle();

  expect(ran).toBe(count);
  expect(counted() / count).toBeLessThan(most);
});
