import { expect, test } from 'vitest';

import { runForever } from '../../src/host/serve.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores } from '../../src/store/setup.js';
import { freshName } from '../support/database.js';
import { createWorld } from '../support/world.js';

test('a worker that had led for an hour is not made to wait for what had failed before', async () => {
  const name = freshName();
  const world = createWorld();
  let mended = false;
  const opened: number[] = [];
  /** The app's own database, of which a broken build leaves out our stores. */
  const open = (): Promise<IDBDatabase> => {
    opened.push(world.wall());
    const request = indexedDB.open(name, 1);

    return new Promise((resolve, reject) => {
      request.addEventListener('upgradeneeded', () => {
        if (mended && request.transaction !== null) createStores(request.transaction, tasks);
      });
      request.addEventListener('success', () => resolve(request.result));
      request.addEventListener('error', () => reject(request.error ?? new Error('It cannot be opened.')));
    });
  };
  const tasks = defineTasks(name, { send: task<number>() }, { open });
  const { context } = world.open(tasks);
  const retiring = new AbortController();
  const running = runForever(context, { send: () => undefined }, 6, retiring.signal);

  await world.advance(600_000);
  expect(opened.length).toBeGreaterThan(8);
  mended = true;
  indexedDB.deleteDatabase(name);
  await world.advance(60 * 60_000);

  const led = opened.length;
  mended = false;
  indexedDB.deleteDatabase(name);
  await world.advance(120_000);
  const [failed = 0, again = 0] = opened.slice(led);
  expect(failed).toBeGreaterThan(0);
  expect(again - failed).toBeGreaterThan(0);
  expect(again - failed).toBeLessThanOrEqual(1_000);

  retiring.abort();
  await world.advance(60_000);
  await running;
});
