import { afterEach, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import type { Handlers } from '../../src/runner/run-basket.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

interface Item {
  readonly number: number;
  readonly text?: string;
}

const big = 'x'.repeat(20_000);
const nothing = (): void => undefined;

afterEach(() => {
  vi.restoreAllMocks();
});

test('a payload that the browser cannot read keeps its own task alone from running, and blinds no page', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const lost = await tab.basket.add('send', { number: 1, text: big });
  await tab.basket.add('send', { number: 2, text: big });
  await tab.basket.add('send', { number: 3 });
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { get } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, 'get').mockImplementation(function (this: IDBObjectStore, key) {
    if (key !== lost) return get.call(this, key);

    // A request that fails as the platform's would: by an error event that aborts its transaction unless it is prevented.
    const writing = this.transaction.db.transaction(this.name, 'readwrite');

    return writing.objectStore(this.name).add('in vain', key);
  });
  const ran: number[] = [];
  tab.run({ send: ({ number }) => void ran.push(number) });
  await world.advance(1_000);

  expect(ran.sort((one, other) => one - other)).toEqual([2, 3]);
  expect(await rowsOf(tasks)).toMatchObject([{ id: lost, attempts: 0, failures: 0 }]);
  expect((await rowsOf(tasks))[0]?.ready).toMatch(/^U/);
});

test('a database that cannot be opened once ends neither the runner nor what runs', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const answer = createGate();
  const aborted: number[] = [];
  await tab.basket.add('send', { number: 1 });
  const runner = tab.run({
    async send({ number }, { signal }) {
      signal.addEventListener('abort', () => aborted.push(number));
      await answer.promise;
    },
  });
  await world.settle();

  const open = indexedDB.open.bind(indexedDB);
  vi.spyOn(indexedDB, 'open').mockImplementationOnce(() => {
    throw new DOMException('Connection to Indexed Database server lost.', 'UnknownError');
  });
  // The connection is closed for a new version, and opening it again fails once.
  const raised = open(tasks.name, 2);
  await new Promise((resolve) => raised.addEventListener('success', resolve));
  raised.result.close();
  answer.open();
  await world.advance(60_000);

  expect(aborted).toEqual([]);
  expect(runner.stopped()).toBe(false);
  expect(await rowsOf(tasks)).toEqual([]);
});

test('a result that the disk refuses keeps neither its task from ending nor others from running', async () => {
  const tasks = defineTasks(freshName(), { make: task<number, string>(), send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { add } = IDBObjectStore.prototype;
  vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(function (this: IDBObjectStore, value: unknown) {
    const request = add.call(this, value);
    if (typeof value === 'object' && value !== null && 'result' in value) {
      queueMicrotask(() => request.transaction?.abort());
    }

    return request;
  });
  const made: number[] = [];
  await tab.basket.add('make', 1);
  await tab.basket.add('send', 2);
  tab.run({
    make(number) {
      made.push(number);

      return 'too much for the disk';
    },
    send: nothing,
  });
  await world.advance(60_000);

  expect(made).toEqual([1]);
  const { tasks: rows, outcomes } = await contentsOf(tasks);
  expect(rows).toEqual([]);
  expect(outcomes).toMatchObject([{ state: 'done', unstorable: expect.any(String) as string }]);
});

test('a runner whose turns fail can be stopped all the same', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const aborted: number[] = [];
  await tab.basket.add('send', { number: 1 });
  const runner = tab.run({
    send({ number }, { signal }) {
      return new Promise((_, reject) => {
        signal.addEventListener('abort', () => {
          aborted.push(number);
          reject(signal.reason as Error);
        });
      });
    },
  });
  await world.settle();

  tab.at('turn:requests', (transaction) => transaction?.abort());
  runner.stop();
  await world.advance(30_000);
  expect(aborted).toEqual([1]);
  expect(runner.stopped()).toBe(true);
});

test('a clock that stood days ahead once delays nothing for long, also if every session is short', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>({ backoff: { base: 300_000, cap: 300_000 } }) });
  const world = createWorld();
  world.jump(3 * 86_400_000);
  const first = world.open(tasks);
  await first.basket.add('send', { number: 1 });
  first.run({
    send() {
      throw new Error('once');
    },
  });
  await world.settle();
  first.kill();
  world.jump(-3 * 86_400_000);

  const ran: number[] = [];
  for (let session = 0; session < 4; session += 1) {
    const tab = world.open(tasks);
    tab.run({ send: ({ number }) => void ran.push(number) });
    await world.advance(60_000);
    tab.kill();
    await world.advance(600_000);
  }

  expect(ran).toEqual([1]);
});

test('a decoder that hangs uses no attempt and counts no failure', async () => {
  const hangs = { encode: (item: Item): Item => item, decode: (): Promise<Item> => new Promise(() => undefined) };
  const tasks = defineTasks(freshName(), { send: task<Item>({ codec: hangs, timeout: 1_000 }) });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1 });
  tab.run({ send: nothing });
  await world.advance(60_000);

  const message = expect.stringContaining('decoder did not end') as string;
  expect(await rowsOf(tasks)).toMatchObject([{ attempts: 0, failures: 0, lastError: { message } }]);
  expect((await rowsOf(tasks))[0]?.ready).toMatch(/^U/);
});

test.each(['ends', 'throws'] as const)(
  'a decoder that %s after its time, and before its slot is lost, is not called again and again',
  async (how) => {
    const answer = createGate<Item>();
    let decodes = 0;
    const late = {
      encode: (item: Item): Item => item,
      decode: () => {
        decodes += 1;

        return answer.promise;
      },
    };
    const tasks = defineTasks(freshName(), { send: task<Item>({ codec: late, timeout: 1_000 }) });
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', { number: 1 });
    let ran = 0;
    tab.run({ send: () => void (ran += 1) });
    await world.advance(1_500);
    if (how === 'ends') answer.open({ number: 1 });
    else answer.fail(new Error('no key'));
    await world.settle();

    expect([decodes, ran]).toEqual([1, 0]);
    const unreadable = { ready: expect.stringMatching(/^U/) as string, lastError: { name: 'TimeoutError' } };
    const waiting = { ready: expect.stringMatching(/^@/) as string, blames: 1 };
    expect(await rowsOf(tasks)).toMatchObject([
      { attempts: 0, failures: 0, ...(how === 'ends' ? waiting : unreadable) },
    ]);
    await world.advance(2_000);
    expect([decodes, ran]).toEqual(how === 'ends' ? [2, 1] : [1, 0]); // A worker that was frozen as it decoded goes on.
  },
);

test('what save stores is the value at its call; a large payload can become small, or nothing', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item | undefined>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1, text: big });
  const seen: unknown[] = [];
  tab.run({
    async send(item, attempt) {
      seen.push(item === undefined ? 'nothing' : item.number);
      const next = { number: 2 };
      if (attempt.number === 1) {
        const saving = attempt.save(next);
        next.number = 99;
        await saving;
      }
      if (attempt.number === 2) await attempt.save(undefined);
      if (attempt.number < 3) throw new Error('again');
    },
  });
  await world.advance(30_000);

  expect(seen).toEqual([1, 2, 'nothing']);
  const { tasks: rows, payloads } = await contentsOf(tasks);
  expect(rows).toEqual([]);
  expect([...payloads]).toEqual([]);
});

test('save stores what add stores, as it was at the call, and refuses what add refuses', async () => {
  const passedOn = { encode: (value: unknown) => Promise.resolve(value), decode: (value: unknown) => value };
  const tasks = defineTasks(freshName(), { send: task<unknown>(), later: task<unknown>({ codec: passedOn }) });
  const world = createWorld();
  const tab = world.open(tasks);
  const [one, other] = await tab.basket.addMany([
    ['send', 0],
    ['later', 0],
  ]);
  const seen = new Map<string, unknown>();
  const refused: unknown[] = [];
  const handler: Handlers<typeof tasks>['send'] = async (payload, { id, number, save }) => {
    if (number > 1) return void seen.set(id, payload);
    await save(Promise.resolve(1)).catch((error: unknown) => refused.push(error));
    const reactive = new Proxy({ text: 'x', tags: new Proxy(['a'], {}) }, {});
    const saving = save(reactive);
    reactive.text = 'y';
    await saving;
    throw new Error('again');
  };
  tab.run({ send: handler, later: (payload, attempt) => handler(payload, attempt) });
  await world.advance(30_000);

  expect(refused).toMatchObject([{ code: 'payload' }]);
  expect(Object.fromEntries(seen)).toEqual({ [one]: { text: 'x', tags: ['a'] }, [other]: { text: 'y', tags: ['a'] } });
});

test('a basket that is closed while it runs lets go of the lead at once, and says so', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>() });
  const world = createWorld();
  const [closing, other] = [world.open(tasks), world.open(tasks)];
  const runner = closing.run({ send: nothing });
  runner.done.catch(() => undefined);
  await world.settle();
  const ran: number[] = [];
  other.run({ send: ({ number }) => void ran.push(number) });

  closing.basket.close();
  await other.basket.add('send', { number: 1 });
  await world.advance(1_000);

  expect(ran).toEqual([1]);
  await expect(runner.done).rejects.toMatchObject({ code: 'closed' });
});

test('a runner that stops with its audit due does not spin while its last attempt ends', async () => {
  const tasks = defineTasks(freshName(), { send: task<Item>({ timeout: 86_400_000 }) });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.add('send', { number: 1 });
  let turns = 0;
  const runner = tab.run({ send: () => new Promise(() => undefined) });
  await world.advance(290_000);
  tab.at('turn:before', () => {
    turns += 1;
    if (turns > 100) throw new Error('It spins.');
  });
  world.jump(0);
  runner.stop();
  await world.advance(15_000);

  expect(turns).toBeLessThan(20);
  expect(runner.stopped()).toBe(true);
});
