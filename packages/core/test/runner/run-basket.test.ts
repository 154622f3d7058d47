import 'fake-indexeddb/auto';

import { expect, test } from 'vitest';

import { openBasket } from '../../src/host/open.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { runBasket } from '../../src/runner/run-basket.js';
import { freshName, rowsOf } from '../support/database.js';
import { createGate } from '../support/world.js';

const sendTasks = () => defineTasks(freshName(), { send: task<number>(), other: task() });
const nothing = (): void => undefined;

test('on the ports of the platform: what two baskets add is run by one of them, until the signal stops it', async () => {
  const tasks = sendTasks();
  const [page, worker] = [openBasket(tasks), openBasket(tasks)];
  const ran: number[] = [];
  const all = createGate();
  const stopping = new AbortController();
  const handlers = {
    send(number: number) {
      ran.push(number);
      if (ran.length === 3) all.open();
    },
    other: nothing,
  };
  await page.add('send', 1);
  const running = runBasket(worker, handlers, { signal: stopping.signal });
  const waiting = runBasket(page, handlers, { signal: stopping.signal });
  await page.add('send', 2);
  await worker.add('send', 3);
  await all.promise;
  stopping.abort();
  await Promise.all([running, waiting]);

  expect([...ran].sort((one, other) => one - other)).toEqual([1, 2, 3]);
  expect(await rowsOf(tasks)).toEqual([]);
  page.close();
  worker.close();
});

test('a missing, a surplus and a wrong handler, too few slots, and what is no basket are refused by an error that names it', async () => {
  const basket = openBasket(sendTasks());
  const option = (message: RegExp) => ({ code: 'option', message: expect.stringMatching(message) as string });

  // @ts-expect-error -- `other` is missing
  await expect(runBasket(basket, { send: nothing })).rejects.toMatchObject(option(/"other"/));
  // @ts-expect-error -- `sent` is no type
  await expect(runBasket(basket, { send: nothing, other: nothing, sent: nothing })).rejects.toMatchObject(
    option(/"sent"/),
  );
  // @ts-expect-error -- no function
  await expect(runBasket(basket, { send: nothing, other: 1 })).rejects.toMatchObject(option(/"other"/));
  for (const concurrency of [0, -1, 1.5, Number.NaN, Number.POSITIVE_INFINITY]) {
    const run = runBasket(basket, { send: nothing, other: nothing }, { concurrency });
    await expect(run).rejects.toMatchObject(option(/concurrency/));
  }
  // @ts-expect-error -- no basket
  await expect(runBasket({}, { send: nothing, other: nothing })).rejects.toThrow(/openBasket/);
  basket.close();
});

test('with a signal that has aborted already nothing runs and nothing is opened', async () => {
  const tasks = sendTasks();
  const basket = openBasket(tasks);
  await runBasket(basket, { send: nothing, other: nothing }, { signal: AbortSignal.abort() });
  expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain(tasks.name);
  basket.close();
});

test('a basket that was closed cannot be run, and says so', async () => {
  const basket = openBasket(sendTasks());
  basket.close();
  await expect(runBasket(basket, { send: nothing, other: nothing })).rejects.toMatchObject({ code: 'closed' });
});
