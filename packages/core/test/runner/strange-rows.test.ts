import { describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import { aTurnOfTheLoop, createGate, createWorld } from '../support/world.js';

const sound = {
  id: 'strange',
  type: 'send',
  version: 1,
  owner: null,
  gate: 'send',
  priority: 1,
  addedAt: 0,
  ready: 'F|send|1|send|1',
  marks: ['Istrange'],
  payload: 0,
  attempts: 0,
  failures: 0,
  interruptions: 0,
  blames: 0,
};

test('a strange row stays as it is, is seen as unreadable, and runs once the app has mended it', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const [tab, later] = [world.open(tasks), world.open(tasks)];
  await tab.basket.list();
  await byHand(tasks, ({ tasks: store }) => store.put({ ...sound, timeout: 'abc' }));
  const ran: number[] = [];
  const first = tab.run({ send: (number) => void ran.push(number) }, { lostByHand: true });
  await world.advance(1_000);

  expect((await rowsOf(tasks))[0]).toEqual({ ...sound, seq: 1, timeout: 'abc' });
  expect(await tab.basket.explain('strange')).toMatchObject([{ reason: 'undecodable' }]);

  first.stop();
  const [row] = await rowsOf(tasks);
  await byHand(tasks, ({ tasks: store }) => store.put({ ...row, timeout: 1_000 }));
  later.run({ send: (number) => void ran.push(number) }, { lostByHand: true });
  await world.advance(1_000);

  expect(ran).toEqual([0]);
});

describe('a row that becomes strange while its task runs', () => {
  const strange = [{ timeout: 'abc' }, { type: 'renamed' }, { ready: undefined }, { ref: {} }, { marks: null }];

  async function settledAfter(end: 'succeeds' | 'fails' | 'is cut off', different: object) {
    const tasks = defineTasks(freshName(), { send: task<number>({ lane: 'one' }) });
    const world = createWorld();
    const [tab, later] = [world.open(tasks), world.open(tasks)];
    const answer = createGate();
    await tab.basket.addMany([
      ['send', 1],
      ['send', 2],
    ]);
    const ran: number[] = [];
    const send = async (number: number): Promise<void> => {
      ran.push(number);
      if (number === 1) await answer.promise;
    };
    tab.run({ send }, { lostByHand: true });
    await world.settle();
    const [row] = await rowsOf(tasks);
    await byHand(tasks, ({ tasks: store, state }) => {
      store.put({ ...row, ...different });
      state.put(0.5, 'edits');
    });
    if (end === 'is cut off') tab.kill();
    else if (end === 'fails') answer.fail(new Error('No.'));
    else answer.open();
    const runner = later.run({ send }, { lostByHand: true });
    await world.advance(5_000);
    runner.stop();
    await world.advance(20_000);

    return { ran, stopped: end !== 'is cut off' || runner.stopped(), state: (await contentsOf(tasks)).state };
  }

  test.each(strange)('its success ends it all the same, and its lane goes on: %j', async (different) => {
    expect(await settledAfter('succeeds', different)).toMatchObject({ ran: [1, 2], stopped: true });
  });

  test.each(strange)('its failure leaves it, and its claim ends: %j', async (different) => {
    const { ran, state } = await settledAfter('fails', different);

    expect(ran[0]).toBe(1);
    expect(state.get('runner')).toMatchObject({ running: [] });
  });

  test.each(strange)('the next runner leads all the same: %j', async (different) => {
    const { stopped, state } = await settledAfter('is cut off', different);

    expect(stopped).toBe(true);
    expect(state.get('runner')).toMatchObject({ running: [] });
  });
});

test('a row that became strange while its task runs is gone as soon as a cancel resolves', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const id = await tab.basket.add('send', 1);
  tab.run({ send: () => new Promise(() => undefined) });
  await world.settle();
  const [row] = await rowsOf(tasks);
  await byHand(tasks, ({ tasks: store }) => store.put({ ...row, timeout: 'abc' }));

  expect(await tab.basket.cancel(id)).toBe(1);
  expect(await rowsOf(tasks)).toEqual([]);
});

describe('a payload that the database does not return', () => {
  test('since its transaction was aborted is not shown as unreadable: the call says why', async () => {
    const { basket } = createWorld().open(defineTasks(freshName(), { send: task<string>() }));
    const id = await basket.add('send', 'x'.repeat(20_000));
    const get = Object.getOwnPropertyDescriptor(IDBObjectStore.prototype, 'get')?.value as IDBObjectStore['get'];
    const spy = vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function abort(this: IDBObjectStore, key) {
      const request = get.call(this, key);
      if (this.name.endsWith('.payloads')) this.transaction.abort();

      return request;
    });
    await expect(basket.get(id)).rejects.toMatchObject({ code: 'no-database' });
    spy.mockRestore();
    expect(await basket.get(id)).toMatchObject({ unreadable: false });
  });

  test('its task waits longer from time to time, is counted nowhere, and its neighbours run', async () => {
    const tasks = defineTasks(freshName(), { send: task<string>() });
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', 'x'.repeat(20_000));
    await tab.basket.add('send', 'y'.repeat(20_000));
    const { begin } = tab.context.database;
    let refused = true;
    Object.assign(tab.context.database, {
      async begin(...what: Parameters<typeof begin>) {
        const transaction = await begin(...what);
        if (!refused || what[0] !== 'readonly' || what[1].length > 1 || what[1][0] !== 'payloads') return transaction;
        const store = transaction.objectStore('taskbasket.payloads');
        // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
        const { get } = store;
        Object.assign(store, {
          get(key: string) {
            if (key === id) transaction.abort();

            return get.call(store, key);
          },
        });
        Object.assign(transaction, { objectStore: () => store });

        return transaction;
      },
    });
    let turns = 0;
    tab.at('turn:before', () => void (turns += 1));
    const ran: string[] = [];
    tab.run({ send: (text) => void ran.push(text.slice(0, 1)) });
    for (let time = 0; time < 500; time += 1) await aTurnOfTheLoop();

    expect(turns).toBeLessThan(10);
    expect(ran).toEqual(['y']);
    await world.advance(60_000);
    expect(turns).toBeLessThan(40);
    const [row] = await rowsOf(tasks);
    expect(row).toMatchObject({ attempts: 0, failures: 0, interruptions: 0 });
    expect(row?.blames).toBeGreaterThan(3);

    refused = false;
    await world.advance(300_000);
    expect(ran).toEqual(['y', 'x']);
  });
});
