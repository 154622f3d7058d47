import { afterEach, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

const day = 24 * 60 * 60_000;

afterEach(() => void vi.restoreAllMocks());

test('an audit that fails costs no attempt anything, and is begun anew five minutes later', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>({ timeout: day }) });
  const world = createWorld();
  const tab = world.open(tasks);
  let fails = true;
  tab.at('audit:requests', (tx) => void (fails && tx?.abort()));
  let aborted = false;
  const answer = createGate();
  await tab.basket.add('send', 1);
  const { audits } = tab.run({
    send(_, { signal }) {
      signal.addEventListener('abort', () => (aborted = true));

      return answer.promise;
    },
  });
  await world.advance(5 * 60_000 + 1_000);
  expect([aborted, audits.length]).toEqual([false, 0]);
  fails = false;
  await world.advance(4 * 60_000 - 2_000);
  expect(audits).toEqual([]);

  await world.advance(2 * 60_000);
  expect(aborted).toBe(false);
  expect(audits.length).toBeGreaterThan(0);
  expect(await rowsOf(tasks)).toMatchObject([{ attempts: 0, interruptions: 0 }]);

  answer.open();
  await world.settle();
  expect(await rowsOf(tasks)).toEqual([]);
});

test('an outcome that the browser cannot read any more keeps no other from being removed, and fails no audit', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const outcome = (n: number, at: number): object => ({ n, id: `${n}`, at, marks: [`I${n}`], state: 'done' });
  await byHand(tasks, ({ outcomes }) => {
    for (let n = 1; n <= 300; n += 1) outcomes.put(outcome(n, world.wall() - 31 * day));
    for (let n = 301; n <= 310; n += 1) outcomes.put(outcome(n, world.wall()));
  });
  failingRead(100);
  tab.run({ send: () => undefined });
  await world.settle();

  vi.restoreAllMocks();
  expect((await contentsOf(tasks)).outcomes.map(({ n }) => n)).toEqual([
    100, 301, 302, 303, 304, 305, 306, 307, 308, 309, 310,
  ]);
});

/** Whoever reads the outcome of a number has a request that fails, which aborts its transaction unless that is prevented. */
function failingRead(lost: number): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with their own store below
  const { get, getAll, add } = IDBObjectStore.prototype;
  const existing = 301;
  /** As a read that fails: a key that is there already. */
  const fail = (store: IDBObjectStore): IDBRequest => add.call(store, { n: existing, marks: [] });
  vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    return this.name.endsWith('.outcomes') && key === lost ? fail(this) : get.call(this, key);
  });
  vi.spyOn(IDBObjectStore.prototype, 'getAll').mockImplementation(function (this: IDBObjectStore, range, most) {
    const wide = this.name.endsWith('.outcomes') && range instanceof IDBKeyRange && range.includes(lost);

    return wide ? fail(this) : getAll.call(this, range, most);
  });
}
