import { afterEach, describe, expect, test, vi } from 'vitest';

import type { Health } from '../../src/basket/reading/health.js';
import type { RunnerRow } from '../../src/pure/record.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, Unavailable } from '../../src/pure/verdict.js';
import { byHand, freshName } from '../support/database.js';
import type { Tab, World } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';

const backoff = { base: 1_000, cap: 10_000 };

function define(name = freshName()) {
  return defineTasks(
    name,
    {
      send: task<number>({ lane: (number) => (number < 0 ? 'one' : undefined), backoff }),
      skip: task<string>({ lane: (lane) => lane, onDead: 'skip' }),
      other: task({ gate: 'elsewhere', timeout: 600_000 }),
    },
    { gates: { base: 60_000, cap: 600_000 } },
  );
}

const nothing = { skip: () => undefined, other: () => undefined };

/** The answer, which may take a second look. */
async function healthOf(world: World, tab: Pick<Tab<AnyRegistry>, 'basket'>): Promise<Health> {
  const answer = tab.basket.health();
  await world.advance(1_000);

  return answer;
}

/** Somebody who holds the runner's lock, and does nothing: it hangs. */
function hang(tab: Tab<ReturnType<typeof define>>): void {
  void tab.context.ports.locks.request(tab.context.names.runnerLock, {}, () => new Promise(() => undefined));
}

afterEach(() => {
  vi.unstubAllGlobals();
});

test('of an empty basket that nobody runs there is nothing to tell', async () => {
  const world = createWorld();
  expect(await healthOf(world, world.open(define()))).toEqual({
    runner: { led: false, running: [] },
    worker: { state: 'none' },
    stalled: false,
    queued: { count: 0, more: false },
    dead: { count: 0, more: false },
    blockedLanes: [],
    pauses: [],
    closedGates: [],
    gates: 0,
    aloneTasks: [],
    storage: {},
    registries: [],
    warnings: [],
  });
});

describe('who runs', () => {
  test('is told with its build, what it runs and when it last wrote; of one that is dead no more than that it was there', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks, { build: 7 })];
    const answer = createGate();
    worker.run({ ...nothing, send: () => answer.promise });
    await world.settle();
    const at = world.wall();
    const id = await page.basket.add('send', 1);
    await world.settle();

    expect(await healthOf(world, page)).toMatchObject({
      runner: { led: true, build: 7, running: [id], lastTurn: at },
      queued: { count: 1 },
    });
    worker.kill();
    await world.settle();
    expect((await healthOf(world, page)).runner).toEqual({ led: false, build: 7, running: [], lastTurn: at });
  });
});

describe('scenario 56: stalled', () => {
  test('scenario 56: nobody runs tasks: from a minute after the add on, until somebody does', async () => {
    const world = createWorld();
    const tasks = define();
    const page = world.open(tasks);
    await page.basket.add('send', 1);
    await world.advance(58_000);
    expect((await healthOf(world, page)).stalled).toBe(false);
    await world.advance(2_000);
    expect((await healthOf(world, page)).stalled).toBe(true);

    world.open(tasks).run({ ...nothing, send: () => undefined });
    await world.settle();
    expect((await healthOf(world, page)).stalled).toBe(false);
  });

  test('nobody runs tasks, and the first of two is cancelled between the two looks of health', async () => {
    const world = createWorld();
    const page = world.open(define());
    const first = await page.basket.add('send', 1);
    await page.basket.add('send', 2);
    await world.advance(60_000);
    const answer = page.basket.health();
    await world.settle();
    await page.basket.cancel(first);
    await world.advance(1_000);
    expect((await answer).stalled).toBe(true);
  });

  test('scenario 56: who holds the lock does nothing, with fresh tasks as with one whose backoff is over', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, first] = [world.open(tasks), world.open(tasks)];
    const failing = (): never => {
      throw new Error('not now');
    };
    first.run({ ...nothing, send: failing });
    await page.basket.add('send', 1);
    await world.settle();
    first.kill();
    hang(page);
    await world.advance(30_000);
    expect((await healthOf(world, page)).stalled).toBe(false);
    await world.advance(32_000);
    expect(await healthOf(world, page)).toMatchObject({ stalled: true, runner: { led: true } });
  });

  test('scenario 56: not, as long as what waits has a reason: a date, a closed gate, its lane', async () => {
    const world = createWorld();
    const tasks = define();
    const page = world.open(tasks);
    await page.basket.add('send', 1, { runAt: world.wall() + 3_600_000 });
    await page.basket.add('send', -1);
    await page.basket.add('send', -2);
    await page.basket.add('other');
    const runner = world.open(tasks);
    runner.run({
      ...nothing,
      send() {
        throw new PermanentFailure('no');
      },
      other() {
        throw new Unavailable({ retryAfter: 3_600_000 });
      },
    });
    await world.settle();
    runner.kill();
    hang(page);
    await world.advance(10 * 60_000);

    expect((await healthOf(world, page)).stalled).toBe(false);
    await page.basket.add('send', 5);
    await world.advance(60_000);
    expect((await healthOf(world, page)).stalled).toBe(true);
  });

  test('scenario 56: not while all slots are taken, until the longest attempt should have been ended', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    const answer = createGate();
    worker.run({ ...nothing, send: () => answer.promise }, { concurrency: 1 });
    await page.basket.add('send', 1, { timeout: 200_000 });
    await page.basket.add('send', 2);
    await world.settle();
    await world.advance(100_000);
    expect((await healthOf(world, page)).stalled).toBe(false);

    // As if its runner had stopped in the midst of it.
    worker.kill();
    hang(page);
    await world.advance(80_000);
    expect((await healthOf(world, page)).stalled).toBe(false);
    // Its own worker does not answer: no need to wait for the end of an attempt.
    page.context.askWorker = () => Promise.resolve({ state: 'failed', problem: 'silent', message: 'It is silent.' });
    expect(await healthOf(world, page)).toMatchObject({ stalled: true, worker: { problem: 'silent' } });
    page.context.askWorker = () => Promise.resolve({ state: 'none' });
    await world.advance(60_000);
    expect((await healthOf(world, page)).stalled).toBe(true);
  });

  test('scenario 56: not while the longer one of two attempts may take its time', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    const never = new Promise<never>(() => undefined);
    worker.run({ ...nothing, send: () => never }, { concurrency: 2 });
    await page.basket.add('send', 1, { timeout: 200_000 });
    await page.basket.add('send', 2, { timeout: 50_000 });
    await page.basket.add('send', 3);
    await world.settle();
    worker.kill();
    hang(page); // As if its runner would not have ended the shorter one.
    await world.advance(180_000);
    expect((await healthOf(world, page)).stalled).toBe(false);
    await world.advance(60_000);
    expect((await healthOf(world, page)).stalled).toBe(true);
  });

  test.each([
    ['another page writes', { kind: 'look' }],
    ['a page is visible again', { kind: 'wake', visible: true }],
  ] as const)('scenario 56: not after the device slept while a task ran, once %s', async (_, message) => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    worker.run({ ...nothing, send: () => new Promise<never>(() => undefined) }, { concurrency: 1 });
    await page.basket.add('send', 1);
    await page.basket.add('send', 2);
    await world.advance(5_000);
    world.jump(10 * 60_000); // The monotonic clock and the timers stood still.
    page.context.hub.say(message);
    await world.advance(5_000);

    expect((await healthOf(world, page)).stalled).toBe(false);
  });

  test('scenario 56: counts from the time at which a task was due, not from its add', async () => {
    const world = createWorld();
    const page = world.open(define());
    await page.basket.add('send', 1, { runAt: world.wall() + 3_600_000 });
    hang(page);
    await world.advance(3_600_000 + 30_000);
    expect((await healthOf(world, page)).stalled).toBe(false);
    await world.advance(30_000);
    expect((await healthOf(world, page)).stalled).toBe(true);
  });

  test('scenario 56: counts from what moved last, however long a task has waited for its turn', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    const slow = (): Promise<void> =>
      new Promise((resolve) => {
        worker.context.ports.clock.timer(30_000, resolve);
      });
    worker.run({ ...nothing, send: slow }, { concurrency: 1 });
    await page.basket.addMany(Array.from({ length: 10 }, () => ['send', 1] as const));
    await world.advance(125_000);
    worker.kill();
    await world.settle();

    expect((await healthOf(world, page)).stalled).toBe(false);
    await world.advance(60_000);
    expect((await healthOf(world, page)).stalled).toBe(true);
  });

  test('scenario 56: not while a slow probe of their gate is on its way, with slots that are free', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    const answer = createGate();
    let away = 2;
    worker.run({
      ...nothing,
      send: () => undefined,
      other() {
        away -= 1;
        if (away < 0) return answer.promise;
        throw new Unavailable({});
      },
    });
    await page.basket.addMany([['other'], ['other']]);
    await world.settle();
    await page.basket.addMany(Array.from({ length: 9 }, () => ['other'] as const));
    await world.advance(200_000);
    await byHand(tasks, ({ state }) => {
      const request = state.get('runner') as IDBRequest<RunnerRow>;
      request.addEventListener('success', () => state.put({ ...request.result, slots: 6 }, 'runner'));
    });

    const found = await healthOf(world, page);
    expect(found).toMatchObject({ stalled: false, closedGates: [{ gate: 'elsewhere' }] });
    expect(found.runner.running).toHaveLength(1);
    expect(world.wall() - (found.runner.lastTurn ?? 0)).toBeGreaterThan(60_000);
  });

  test('scenario 56: a task that could run waits behind many of a lane that stands still, which the runner has read', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    worker.run({
      ...nothing,
      send() {
        throw new PermanentFailure('no');
      },
    });
    await page.basket.addMany(Array.from({ length: 30 }, () => ['send', -1] as const));
    await world.settle();
    worker.kill();
    await page.basket.add('send', 1);
    await world.advance(60_000);

    expect((await healthOf(world, page)).stalled).toBe(true);
  });

  test('scenario 56: the wall clock was put back by an hour, and nobody runs a task whose wait is over', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    worker.run({
      ...nothing,
      send() {
        throw new Error('not now');
      },
    });
    await world.settle();
    world.jump(-3_600_000);
    await page.basket.add('send', 1);
    await world.settle();
    worker.kill();
    await world.advance(75_000);

    expect((await healthOf(world, page)).stalled).toBe(true);
  });

  test.each([
    [200_000 + 18_000, false],
    [200_000 + 20_000, true],
  ])(
    'scenario 56: an attempt may take 200 s, its end has 20 s to be written: after %i ms it is %s',
    async (time, stalled) => {
      const world = createWorld();
      const tasks = define();
      const [page, worker] = [world.open(tasks), world.open(tasks)];
      worker.run({ ...nothing, send: () => createGate().promise }, { concurrency: 1 });
      await page.basket.add('send', 1, { timeout: 200_000 });
      await world.settle();
      await page.basket.add('send', 2);
      worker.kill();
      hang(page);
      await world.advance(time);

      expect((await healthOf(world, page)).stalled).toBe(stalled);
    },
  );

  test('scenario 56: not, if it has just been brought back and is taken up within a second', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    let works = false;
    worker.run({
      ...nothing,
      send() {
        if (!works) throw new PermanentFailure('no');
      },
    });
    const id = await page.basket.add('send', 1);
    await world.settle();
    await world.advance(10 * 60_000);

    works = true;
    world.loseMessages();
    await page.basket.retry(id);
    const answer = page.basket.health();
    await world.settle();
    worker.context.hub.say({ kind: 'look' });
    await world.advance(1_000);
    expect((await answer).stalled).toBe(false);
  });
});

describe('what lies there', () => {
  test('is counted up to 1,000, and the oldest that is not dead is named', async () => {
    const world = createWorld();
    const tasks = define();
    const page = world.open(tasks);
    await page.basket.add('other');
    const runner = world.open(tasks);
    runner.run({
      ...nothing,
      send: () => undefined,
      other() {
        throw new PermanentFailure('no');
      },
    });
    await world.settle();
    runner.kill();
    await world.advance(5_000);
    const addedAt = world.wall();
    const id = await page.basket.add('send', 1);
    await page.basket.addMany(Array.from({ length: 1_000 }, () => ['send', 2] as const));

    expect(await healthOf(world, page)).toMatchObject({
      oldest: { id, addedAt },
      queued: { count: 1_000, more: true },
      dead: { count: 1, more: false },
    });
  });

  test('lanes that stand still are named with what they stand behind; one that goes on without its dead is not', async () => {
    const world = createWorld();
    const name = freshName();
    const tasks = define(name);
    const page = world.open(tasks);
    const [dead] = [await page.basket.add('send', -1), await page.basket.add('send', -2)];
    await page.basket.add('send', 1);
    await page.basket.add('skip', 'goes on');
    const unreadable = await page.basket.add('skip', 'garbled');
    const worker = defineTasks(
      name,
      {
        ...tasks.types,
        skip: task<string>({
          lane: 'x',
          codec: {
            encode: (value) => value,
            decode(stored) {
              if (stored === 'garbled') throw new Error('It is garbled.');

              return stored as string;
            },
          },
          onDead: 'skip',
        }),
      },
      { gates: { base: 60_000, cap: 600_000 } },
    );
    const no = (): never => {
      throw new PermanentFailure('no');
    };
    world.open(worker).run({ send: no, skip: no, other: no });
    await world.settle();

    const { blockedLanes, dead: count } = await healthOf(world, page);
    expect(blockedLanes).toEqual([
      { lane: 'one', by: dead, because: 'dead' },
      { lane: 'garbled', by: unreadable, because: 'unreadable' },
    ]);
    expect(count.count).toBe(3);
  });

  test('a gate whose tasks were all cancelled is not told to be away for ever', async () => {
    const world = createWorld();
    const tasks = define();
    const page = world.open(tasks);
    world.open(tasks).run({
      ...nothing,
      send: () => undefined,
      other() {
        throw new Unavailable();
      },
    });
    await page.basket.addMany([['other'], ['other']]);
    await world.settle();
    expect((await healthOf(world, page)).closedGates).toMatchObject([{ gate: 'elsewhere' }]);

    await page.basket.cancel({});
    await world.advance(60_000);
    expect(await healthOf(world, page)).toMatchObject({ closedGates: [], gates: 0 });
  });

  test('closed gates are named with why and until when; more than 100 records are a warning', async () => {
    const world = createWorld();
    const tasks = define();
    const page = world.open(tasks);
    world.open(tasks).run({
      ...nothing,
      send: () => undefined,
      other() {
        throw new Unavailable({ retryAfter: 120_000, status: 429, cause: new Error('connection refused') });
      },
    });
    const by = await page.basket.add('other');
    await world.settle();

    const closed = await healthOf(world, page);
    expect(closed).toMatchObject({ gates: 1, warnings: [], closedGates: [{ gate: 'elsewhere', by, status: 429 }] });
    const until = closed.closedGates[0]?.until ?? 0;
    expect(until - world.wall()).toBeGreaterThan(110_000);
    expect(until - world.wall()).toBeLessThan(180_000);
    expect(closed.closedGates[0]?.message).not.toBe('');

    const records = (from: number, to: number) =>
      byHand(tasks, ({ state }) => {
        for (let n = from; n <= to; n += 1) {
          const name = `record ${n}`;
          state.put({ name, step: 0, until: 0, reason: 'away', by: [], slow: { at: 0, width: 1 } }, `gate:${name}`);
        }
      });
    await records(1, 99);
    expect(await healthOf(world, page)).toMatchObject({ gates: 100, warnings: [] });
    await records(100, 100);
    expect(await healthOf(world, page)).toMatchObject({
      gates: 101,
      closedGates: [{ gate: 'elsewhere' }],
      warnings: [expect.stringMatching(/^There are 101 gates\. A gate is a destination, not a record/) as string],
    });
  });

  test('a gate whose probe has been due for longer than the cap is not told to be away: nobody runs tasks', async () => {
    const world = createWorld();
    const tasks = define();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    worker.run({
      ...nothing,
      send: () => undefined,
      other() {
        throw new Unavailable({ retryAfter: 120_000 });
      },
    });
    await page.basket.add('other');
    await world.settle();
    worker.kill();
    await world.advance(600_000);
    const { closedGates } = await healthOf(world, page);
    // Its probe is due, and nobody can say when it comes.
    expect([closedGates.length, closedGates[0]?.gate, closedGates[0]?.until]).toEqual([1, 'elsewhere', undefined]);
    await world.advance(200_000);
    expect((await healthOf(world, page)).closedGates).toEqual([]);
  });

  test('a task under which the runner died three times in a row is named', async () => {
    const world = createWorld();
    const tasks = define();
    const page = world.open(tasks);
    const id = await page.basket.add('send', 1);
    const never = createGate();
    for (let death = 0; death < 3; death += 1) {
      expect((await healthOf(world, page)).aloneTasks).toEqual([]);
      const runner = world.open(tasks);
      runner.run({ ...nothing, send: () => never.promise });
      await world.settle();
      runner.kill();
    }
    world.open(tasks).run({ ...nothing, send: () => never.promise });
    await world.settle();

    expect((await healthOf(world, page)).aloneTasks).toEqual([id]);
  });
});

describe('what is asked of others', () => {
  test('the storage, where the platform tells of it', async () => {
    const world = createWorld();
    const tab = world.open(define());
    const storage = {
      estimate: () => Promise.resolve({ usage: 12, quota: 1_000 }),
      persisted: () => Promise.resolve(true),
    };
    vi.stubGlobal('navigator', { storage });
    expect((await healthOf(world, tab)).storage).toEqual({ usage: 12, quota: 1_000, persisted: true });

    vi.stubGlobal('navigator', { storage: { ...storage, estimate: () => Promise.reject(new TypeError('refused')) } });
    expect((await healthOf(world, tab)).storage).toEqual({});
  });

  test('types whose version is not the same here and in the worker, either way round', async () => {
    const world = createWorld();
    const tab = world.open(define());
    const running = { state: 'running', build: 3, types: { send: 2, skip: 1, extra: 1 } } as const;
    tab.context.askWorker = () => Promise.resolve(running);

    expect(await healthOf(world, tab)).toMatchObject({
      worker: running,
      registries: [
        { type: 'send', here: 1, worker: 2 },
        { type: 'other', here: 1 },
        { type: 'extra', worker: 1 },
      ],
    });

    tab.context.askWorker = () => Promise.resolve({ state: 'running', build: 3 });
    expect((await healthOf(world, tab)).registries).toEqual([]);
  });
});
