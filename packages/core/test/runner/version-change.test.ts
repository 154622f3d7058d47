import { expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { createStores } from '../../src/store/setup.js';
import { contentsOf, endOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

/** An app whose own code opens its database. */
function app(): ReturnType<typeof define> {
  return define(freshName());
}

function define(name: string) {
  const open = (): Promise<IDBDatabase> =>
    openRaw(name, 1, (transaction, db) => {
      db.createObjectStore('notes');
      createStores(transaction, tasks);
    });
  const tasks = defineTasks(name, { send: task<number>() }, { open });

  return tasks;
}

test("the app's database is raised while an attempt runs: nothing blocks, the attempt ends once, and old tabs still add", async () => {
  const tasks = app();
  const world = createWorld();
  const [old, worker] = [world.open(tasks), world.open(tasks)];
  const answer = createGate();
  const started: number[] = [];
  await old.basket.add('send', 1);
  worker.run({
    async send(number) {
      started.push(number);
      if (number === 1) await answer.promise;
    },
  });
  await world.settle();
  expect(started).toEqual([1]);

  // Not blocked: every connection of ours closes at once, also the runner's, whose attempt goes on.
  const raised = await openRaw(tasks.name, 2, (transaction) => {
    createStores(transaction, tasks);
    transaction.db.createObjectStore('photos');
  });
  expect(raised.version).toBe(2);
  raised.close();

  await old.basket.add('send', 2);
  await world.settle();
  answer.open();
  await world.settle();

  expect(started).toEqual([1, 2]);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('the database is deleted while an attempt runs: what it does is not written, and new tasks are kept and run', async () => {
  const tasks = app();
  const world = createWorld();
  const tab = world.open(tasks);
  const answer = createGate();
  const started: number[] = [];
  const aborted: number[] = [];
  await tab.basket.add('send', 1);
  tab.run({
    async send(number, { signal }) {
      started.push(number);
      signal.addEventListener('abort', () => aborted.push(number));
      if (number === 1) await answer.promise;
    },
  });
  await world.settle();

  await new Promise<void>((resolve, reject) => {
    const request = indexedDB.deleteDatabase(tasks.name);
    request.addEventListener('success', () => resolve());
    request.addEventListener('error', () => reject(request.error ?? new Error('not deleted')));
  });
  await tab.basket.add('send', 2);
  await world.advance(60_000);
  answer.open();
  await world.settle();

  expect(aborted).toEqual([1]);
  expect(started).toEqual([1, 2]);
  const { tasks: rows, state } = await contentsOf(tasks);
  expect(rows).toEqual([]);
  expect(state.get('runner')).toMatchObject({ epoch: { count: 1 }, running: [] });
});

test('half a minute after another tab has upgraded the database, completeTx of a running task is not refused', async () => {
  const tasks = app();
  const world = createWorld();
  const [page, worker] = [world.open(tasks), world.open(tasks)];
  const answer = createGate();
  let requests = 0;
  const failures: unknown[] = [];
  page.basket.on('failed', ({ error }) => failures.push(error));
  worker.run({
    async send(_, attempt) {
      requests += 1;
      await answer.promise;
      const db = await openRaw(tasks.name);
      const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
      try {
        attempt.completeTx(tx);
        await endOf(tx);
      } finally {
        db.close();
      }
    },
  });
  await page.basket.add('send', 1);
  await world.settle();
  (await openRaw(tasks.name, 2, (_, db) => void db.createObjectStore('photos'))).close();
  await world.advance(30_000);
  answer.open();
  await world.advance(100_000);

  expect([requests, failures]).toEqual([1, []]);
  expect(await rowsOf(tasks)).toEqual([]);
});
