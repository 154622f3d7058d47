import { afterEach, expect, test, vi } from 'vitest';

import { payloadKey } from '../../src/pure/key.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { contentsOf, endOf, freshName, openRaw } from '../support/database.js';
import { aTurnOfTheLoop, createGate, createWorld } from '../support/world.js';

interface Item {
  readonly number: number;
  readonly text?: string;
}

const big = 'x'.repeat(200_000);

afterEach(() => {
  vi.restoreAllMocks();
});

/** A transaction over the bodies alone that stays open, as one does that writes a large body. */
async function writeForLong(tasks: AnyRegistry): Promise<{ readonly end: () => Promise<unknown> }> {
  const db = await openRaw(tasks.name);
  const tx = db.transaction(`${tasks.bucket}.bodies`, 'readwrite');
  let writing = true;
  const goOn = (): void => {
    if (writing) tx.objectStore(`${tasks.bucket}.bodies`).get('none').addEventListener('success', goOn);
  };
  goOn();

  return {
    end() {
      writing = false;

      return endOf(tx).then(() => db.close());
    },
  };
}

async function untilTrue(holds: () => boolean | Promise<boolean>): Promise<void> {
  for (let turns = 0; turns < 5_000; turns += 1) {
    if (await holds()) return;
    await aTurnOfTheLoop();
  }
  throw new Error('It never came.');
}

async function storedNumbers(tasks: AnyRegistry): Promise<number> {
  const db = await openRaw(tasks.name);
  const request = db.transaction(tasks.stores[0]).objectStore(tasks.stores[0]).count();
  await new Promise((resolve) => request.addEventListener('success', resolve));
  db.close();

  return request.result;
}

test('scenario 63: while a large body is being written, tasks without one are claimed, run and settled; one with a body waits for it', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1, text: big });
  for (const number of [2, 3, 4]) await tab.basket.add('send', { number });
  const ran: number[] = [];

  const body = await writeForLong(tasks);
  tab.run({ send: ({ number }) => void ran.push(number) });
  await untilTrue(async () => (await storedNumbers(tasks)) === 1);
  expect(new Set(ran)).toEqual(new Set([2, 3, 4]));

  await body.end();
  await world.settle();
  expect(ran).toHaveLength(4);
  expect(ran.at(-1)).toBe(1);
  expect((await contentsOf(tasks)).bodies.size).toBe(0);
});

test('an audit that waits for a large body holds up no task, nor the end of its runner, after which it begins nothing', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1 });
  const ran: number[] = [];
  const body = await writeForLong(tasks);
  const runner = tab.run({ send: ({ number }) => void ran.push(number) });
  // The audit has ended, and the chore that collects bodies has begun.
  await untilTrue(() => runner.audits.length === 3);

  await tab.basket.add('send', { number: 2 });
  await untilTrue(() => ran.length === 2);
  runner.stop();
  await untilTrue(() => runner.stopped());
  const begins = vi.spyOn(tab.context.database, 'begin');
  await body.end();
  await world.settle();
  expect(begins).not.toHaveBeenCalled();
});

test('a payload whose store fails for it alone does not hold up another one that was claimed with it', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const apart = 'x'.repeat(20_000);
  const ids = [
    await tab.basket.add('send', { number: 1, text: apart }),
    await tab.basket.add('send', { number: 2, text: apart }),
  ];
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { get } = IDBObjectStore.prototype;
  let failed = 0;
  const spy = vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    if (!this.name.endsWith('.payloads') || key !== payloadKey(ids[0] ?? '')) return get.call(this, key);
    failed += 1;
    throw new DOMException('It cannot be read now.', 'UnknownError');
  });
  const ran: number[] = [];
  tab.run({ send: ({ number }) => void ran.push(number) });
  await world.settle();
  expect([ran, failed > 1]).toEqual([[2], true]);

  spy.mockRestore();
  await world.advance(10_000);
  expect(ran).toEqual([2, 1]);
});

test('a payload whose reading is cut off, because the connection was lost, is not taken for unreadable', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const text = 'x'.repeat(20_000);
  const id = await tab.basket.add('send', { number: 1, text });
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { get } = IDBObjectStore.prototype;
  let cuts = 0;
  const spy = vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    const request = get.call(this, key);
    if (this.name.endsWith('.payloads')) {
      cuts += 1;
      this.transaction.abort();
    }

    return request;
  });
  const ran: number[] = [];
  tab.run({ send: ({ number }) => void ran.push(number) });
  await world.settle();
  await expect(tab.basket.get(id)).rejects.toMatchObject({ code: 'no-database' });
  expect([ran, cuts > 1]).toEqual([[], true]);

  spy.mockRestore();
  expect(await tab.basket.get(id)).toMatchObject({ unreadable: false, payload: { number: 1 } });
  await world.advance(10_000);
  expect(ran).toEqual([1]);
});

test('a body that is read for longer than its attempt may take is not taken for unreadable', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>({ timeout: 1_000 }) });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1, text: big });
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { get } = IDBObjectStore.prototype;
  let stuck = 2;
  vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    if (!this.name.endsWith('.bodies') || stuck === 0) return get.call(this, key);
    stuck -= 1;

    return new (IDBRequest as unknown as new () => IDBRequest)(); // No answer ever comes.
  });
  let ran = 0;
  tab.run({ send: () => void (ran += 1) });
  await world.advance(23_000);
  expect([stuck, ran]).toEqual([0, 0]);
  expect((await contentsOf(tasks)).tasks).toMatchObject([{ attempts: 0, failures: 0 }]);

  // It waits a little longer each time.
  await world.advance(3_000);
  expect(ran).toBe(1);
});

test('a body whose read ends after the time of its attempt is not taken for unreadable', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>({ timeout: 1_000 }) });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1, text: big });
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { get } = IDBObjectStore.prototype;
  const slow = Object.assign(new EventTarget(), { result: { number: 1 } });
  const spy = vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    return this.name.endsWith('.bodies') ? (slow as unknown as IDBRequest) : get.call(this, key);
  });
  let ran = 0;
  tab.run({ send: () => void (ran += 1) });
  await world.advance(1_500);
  spy.mockRestore();
  slow.dispatchEvent(new Event('success'));
  await world.settle();

  expect(ran).toBe(1);
});

test('a task with a body that fails after it was cancelled takes its body with it', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const id = await tab.basket.add('send', { number: 1, text: big });
  const answer = createGate();
  tab.run({ send: () => answer.promise });
  await world.settle();
  // Before the runner hears of the cancel, the attempt has ended.
  world.loseMessages();
  await tab.basket.cancel(id);
  answer.fail(new Error('no'));
  await world.settle();

  const { tasks: rows, bodies } = await contentsOf(tasks);
  expect([rows, bodies.size]).toEqual([[], 0]);
});
