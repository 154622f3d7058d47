import { expect, test } from 'vitest';

import { runForever } from '../../src/host/serve.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores } from '../../src/store/setup.js';
import { freshName, openRaw } from '../support/database.js';
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

test('a worker that cannot lead again and again has one listener', async () => {
  const name = freshName();
  (await openRaw(name, 1, (_, db) => void db.createObjectStore('notes'))).close();
  const world = createWorld();
  const { context } = world.open(defineTasks(name, { send: task<number>() }));
  const { hear } = context.hub;
  const listeners = new Set<object>();
  const counted: typeof hear = (listener) => {
    const stop = hear(listener);
    listeners.add(stop);

    return () => {
      stop();
      listeners.delete(stop);
    };
  };
  Object.assign(context.hub, { hear: counted });
  const retiring = new AbortController();
  const running = runForever(context, { send: () => undefined }, 6, retiring.signal);
  await world.advance(10_000);
  const before = listeners.size;
  expect(before).toBeGreaterThan(0);
  await world.advance(600_000);
  expect(listeners.size).toBe(before);

  retiring.abort();
  await world.advance(60_000);
  await running;
  expect(listeners.size).toBe(0);
});
