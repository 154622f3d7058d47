import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import type { Attempt } from '../../src/runner/term/leader.js';
import { contentsOf, freshName, rowsOf, runnerOf } from '../support/database.js';
import { aTurnOfTheLoop, createGate, createWorld } from '../support/world.js';

const day = 24 * 3_600_000;
const sendTasks = () =>
  defineTasks(freshName(), { send: task<number>({ lane: 'all', timeout: 30_000, backoff: { base: day, cap: day } }) });
const never = (): Promise<void> => new Promise(() => undefined);

describe('cancel', () => {
  test('a running task that is cancelled is gone at once, its signal aborts, and its lane moves on when its handler has ended', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const page = world.open(tasks);
    const ids = [await tab.basket.add('send', 1), await tab.basket.add('send', 2)];
    const ending = createGate();
    const started: number[] = [];
    let signal: AbortSignal | undefined;
    tab.run({
      async send(number, attempt) {
        started.push(number);
        if (number !== 1) return;
        ({ signal } = attempt);
        await ending.promise;
      },
    });
    await world.settle();
    expect(await page.basket.cancel(ids[0] ?? '')).toBe(1);
    expect(await page.basket.get(ids[0] ?? '')).toBeUndefined();
    expect(await page.basket.list()).toMatchObject([{ id: ids[1] }]);
    expect(await page.basket.cancel(ids[0] ?? '')).toBe(0);
    expect(await page.basket.retry(ids[0] ?? '')).toBe(0);
    await world.settle();
    expect(signal?.aborted).toBe(true);
    expect(started).toEqual([1]);

    ending.fail(new Error('stopped'));
    await world.settle();
    expect(started).toEqual([1, 2]);
    expect(await rowsOf(tasks)).toEqual([]);
    expect((await contentsOf(tasks)).outcomes).toMatchObject([{ id: ids[0], state: 'cancelled' }]);
  });

  test('a cancelled task whose handler does not heed its signal keeps its lane for ten seconds and no longer', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', 1);
    await tab.basket.add('send', 2);
    const started: number[] = [];
    tab.run({
      async send(number) {
        started.push(number);
        if (number === 1) await never();
      },
    });
    await world.settle();
    await tab.basket.cancel(id);
    await world.advance(9_999);
    expect(started).toEqual([1]);
    await world.advance(1);
    expect(started).toEqual([1, 2]);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('a cancelled task that succeeds all the same does not come back, and its success is not kept', async () => {
    const tasks = defineTasks(freshName(), { ask: task<number, string>() });
    const world = createWorld();
    const tab = world.open(tasks);
    const answered = createGate();
    const id = await tab.basket.add('ask', 1);
    const ends: string[] = [];
    tab.basket.on('settled', ({ state }) => ends.push(state));
    tab.run({
      async ask() {
        await answered.promise;

        return 'an answer';
      },
    });
    await world.settle();
    await tab.basket.cancel(id);
    answered.open();
    await world.settle();

    const { tasks: rows, outcomes } = await contentsOf(tasks);
    expect(rows).toEqual([]);
    expect(outcomes.map(({ state }) => state)).toEqual(['cancelled']);
    expect(ends).toEqual(['cancelled']);
  });

  test('cancel and retry say whether there was such a task', async () => {
    const tasks = sendTasks();
    const tab = createWorld().open(tasks);
    const id = await tab.basket.add('send', 1);
    expect(await tab.basket.cancel('nobody')).toBe(0);
    expect(await tab.basket.retry('nobody')).toBe(0);
    expect(await tab.basket.retry(id)).toBe(1);
    expect(await tab.basket.cancel(id)).toBe(1);
    expect(await tab.basket.cancel(id)).toBe(0);
  });

  test('a waiting task that is cancelled never starts, and what waited behind it runs', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', 1, { runAt: world.wall() + day });
    await tab.basket.add('send', 2);
    const started: number[] = [];
    tab.run({ send: (number) => void started.push(number) });
    await world.advance(120_000);
    expect(started).toEqual([]);

    await tab.basket.cancel(id);
    await world.settle();
    expect(started).toEqual([2]);
    world.jump(2 * day);
    await world.advance(120_000);
    expect(started).toEqual([2]);
  });
});

describe('a deadline', () => {
  test('an attempt is aborted at its timeout also while turns fail, and the next turn is tried later', async () => {
    const tasks = defineTasks(freshName(), { send: task<number>({ timeout: 100_000 }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const began = world.wall();
    let abortedAt = 0;
    tab.run({
      send: (_, { signal }) =>
        new Promise((_resolve, reject) => {
          signal.addEventListener('abort', () => {
            abortedAt = world.wall();
            reject(new Error('aborted'));
          });
        }),
    });
    await tab.basket.add('send', 1);
    await world.settle();
    let fails = 0;
    tab.at('turn:before', () => {
      fails += 1;
      throw new DOMException('The database cannot be read now.', 'UnknownError');
    });
    await world.advance(120_000);
    expect([abortedAt - began, fails > 3, fails < 20]).toEqual([100_000, true, true]);
  });

  test('attempts that take too long, or end after a stop, leave no record behind', async () => {
    const tasks = defineTasks(freshName(), {
      send: task<number>({ timeout: 1_000, backoff: { base: 1_000, cap: 1_000 } }),
      slow: task({ timeout: 600_000 }),
    });
    const world = createWorld();
    const tab = world.open(tasks);
    const records = async () => [...(await contentsOf(tasks)).state.keys()];
    const forEver = (): Promise<void> => new Promise(() => undefined);
    const runner = tab.run({ send: forEver, slow: forEver });
    await world.settle();
    const keys = await records();
    await tab.basket.add('slow');
    await tab.basket.add('send', 1);
    await world.advance(100_000);
    runner.stop();
    await world.advance(30_000);
    const [slow, send] = await rowsOf(tasks);
    expect([slow?.attempts, slow?.failures, (send?.failures ?? 0) > 3]).toEqual([1, 0, true]);
    expect(await records()).toEqual([...new Set([...keys, 'positions', 'edits'])].sort());
  });

  test('an attempt that heeds its signal ends as a failure by timeout, even if it then returns', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', 1);
    tab.run({
      send: (_, { signal }) =>
        new Promise((resolve) => {
          signal.addEventListener('abort', () => resolve());
        }),
    });
    await world.advance(30_000);

    expect(await tab.basket.get(id)).toMatchObject({
      running: false,
      failures: 1,
      attempts: 1,
      lastError: { name: 'TimeoutError', at: world.wall() },
    });
  });

  test('a handler that does not heed its signal loses its slot ten seconds after, to whatever waits for it', async () => {
    const tasks = defineTasks(freshName(), {
      send: task<number>({ timeout: 30_000, backoff: { base: day, cap: day } }),
    });
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    await tab.basket.add('send', 2);
    const started: number[] = [];
    tab.run(
      {
        async send(number) {
          started.push(number);
          await never();
        },
      },
      { concurrency: 1 },
    );
    await world.advance(39_999);
    expect(started).toEqual([1]);
    await world.advance(1);
    expect(started).toEqual([1, 2]);
    expect(await rowsOf(tasks)).toMatchObject([{ failures: 1, recovered: true }, { failures: 0 }]);
  });

  test('the timeout of the add goes before that of the type', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    let signal: AbortSignal | undefined;
    tab.run({
      async send(_, attempt) {
        ({ signal } = attempt);
        await never();
      },
    });
    await tab.basket.add('send', 1, { timeout: 5_000 });
    await world.advance(4_999);
    expect(signal?.aborted).toBe(false);
    await world.advance(1);
    expect(signal?.aborted).toBe(true);
  });
});

describe('stop', () => {
  test('a runner that is stopped aborts what runs, waits for it, counts nothing, and the next runner has it at once', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const first = world.open(tasks);
    await first.basket.add('send', 1);
    const ending = createGate();
    const runner = first.run({
      async send(_, { signal }) {
        await ending.promise;
        signal.throwIfAborted();
      },
    });
    await world.settle();
    runner.stop();
    await world.advance(5_000);
    expect(runner.stopped()).toBe(false);
    ending.open();
    await runner.done;
    expect(await rowsOf(tasks)).toMatchObject([{ attempts: 1, failures: 0, interruptions: 0, recovered: true }]);
    expect((await runnerOf(tasks)).running).toEqual([]);

    let again: Attempt<number> | undefined;
    world.open(tasks).run({ send: (_, attempt) => void (again = attempt) });
    await world.settle();
    expect(again).toMatchObject({ number: 2, recovered: true });
  });

  test('it waits no longer than ten seconds, and after it has resolved no transaction is begun', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    let old: Attempt<number> | undefined;
    const runner = tab.run({
      async send(_, attempt) {
        old = attempt;
        await never();
      },
    });
    await world.settle();
    runner.stop();
    await world.advance(9_999);
    expect(runner.stopped()).toBe(false);
    await world.advance(1);
    expect(runner.stopped()).toBe(true);

    let transactions = 0;
    for (const point of ['turn:before', 'save:before', 'audit:before', 'takeover:before'] as const) {
      tab.at(point, () => void (transactions += 1));
    }
    await expect(old?.save(2)).rejects.toMatchObject({ code: 'closed' });
    await tab.basket.add('send', 2);
    await world.advance(day);
    expect(transactions).toBe(0);
    expect(await rowsOf(tasks)).toMatchObject([{ attempts: 1, failures: 0 }, { attempts: 0 }]);
  });

  test('a save that may not have been stored says so, and the payload stays as it was', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    let told: unknown;
    tab.at('save:requests', (transaction) => transaction?.abort());
    tab.run({
      async send(_, { number, save }) {
        if (number === 1) await save(2).catch((error: unknown) => (told = error));
        await never();
      },
    });
    await world.settle();

    expect(told).toMatchObject({ code: 'unknown-outcome', message: expect.stringContaining('"send"') });
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 1 }]);
  });

  test('what was done in time counts as done, also after the stop', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    const answered = createGate();
    const runner = tab.run({ send: () => answered.promise });
    await world.settle();
    runner.stop();
    await world.advance(1_000);
    answered.open();
    await runner.done;
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('what the server refused in time is dead, also after the stop, and is not sent again', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    const answered = createGate();
    const runner = tab.run({ send: () => answered.promise });
    await world.settle();
    runner.stop();
    await world.advance(1_000);
    answered.fail(new PermanentFailure('The note has no text.', { status: 422 }));
    await runner.done;
    expect(await tab.basket.list()).toMatchObject([{ state: 'dead', attempts: 1, lastError: { status: 422 } }]);
  });

  test('a runner that is stopped while it waits for the lock ends at once', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    world.open(tasks).run({ send: never });
    const waiting = world.open(tasks).run({ send: never });
    await world.settle();
    waiting.stop();
    await waiting.done;
    expect(waiting.stopped()).toBe(true);
  });
});

describe('a newer build', () => {
  test('its hello makes the older one hand over: what runs may end within ten seconds, and counts nothing if it cannot', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const older = world.open(tasks, { build: 1 });
    await older.basket.add('send', 1);
    let signal: AbortSignal | undefined;
    const started: [string, number][] = [];
    older.run({
      send(number, attempt) {
        ({ signal } = attempt);
        started.push(['older', number]);

        return new Promise((_, reject) => {
          attempt.signal.addEventListener('abort', () => reject(attempt.signal.reason as Error));
        });
      },
    });
    await world.settle();
    await older.basket.add('send', 2);

    const newer = world.open(tasks, { build: 2 });
    newer.run({ send: (number) => void started.push(['newer', number]) });
    await world.advance(9_999);
    expect(signal?.aborted).toBe(false);
    expect(started).toEqual([['older', 1]]);
    await world.advance(1);
    expect(signal?.aborted).toBe(true);
    expect(started).toEqual([
      ['older', 1],
      ['newer', 1],
      ['newer', 2],
    ]);
    expect((await runnerOf(tasks)).build).toBe(2);
  });

  test('it leads at once also where another older one had waited for the lock before it', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    for (const build of [1, 1, 2]) {
      world.open(tasks, { build }).run({ send: never });
      await world.settle();
    }

    expect((await runnerOf(tasks)).build).toBe(2);
  });

  test('scenario 43: an equal or an older build takes nothing from the holder; when the newer one is gone the older leads again', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const page = world.open(tasks);
    const ran: string[] = [];
    const open = (name: string, build: number) => {
      const tab = world.open(tasks, { build });
      tab.run({ send: () => void ran.push(name) });

      return tab;
    };
    const add = async (wait: number): Promise<void> => {
      await page.basket.add('send', 1);
      await world.advance(wait);
    };

    open('two', 2);
    await world.settle();
    const [one, again] = [open('one', 1), open('two again', 2)];
    await world.advance(120_000);
    await add(0);
    expect(ran).toEqual(['two']);

    one.kill();
    again.kill();
    const three = open('three', 3);
    await world.settle();
    await add(0);
    expect(ran).toEqual(['two', 'three']);

    three.kill();
    await add(1_000);
    expect(ran).toEqual(['two', 'three', 'two']);
  });

  test('it leads after a minute also where another older one was waiting before it, or its hello was lost', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const ran: string[] = [];
    const open = (name: string, build: number) => {
      const tab = world.open(tasks, { build });
      tab.run({ send: () => void ran.push(name) });

      return tab;
    };
    open('one', 1);
    await world.settle();
    open('one, waiting', 1);
    await world.settle();
    const newer = open('two', 2);
    await world.advance(61_000);
    await newer.basket.add('send', 1);
    await world.settle();

    expect(ran).toEqual(['two']);
  });
});

describe('save', () => {
  test('what was saved is what the next attempt is called with, also if it no longer is small', async () => {
    const tasks = defineTasks(freshName(), { send: task<string>({ backoff: { base: 1_000, cap: 1_000 } }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const seen: number[] = [];
    tab.run({
      async send(payload, { number, save }) {
        seen.push(payload.length);
        if (number === 1) await save('x'.repeat(20_000));
        if (number === 2) await save('x');
        if (number < 3) throw new Error('again');
      },
    });
    await tab.basket.add('send', 'xx');
    await world.advance(10_000);

    expect(seen).toEqual([2, 20_000, 1]);
    const { tasks: rows, payloads } = await contentsOf(tasks);
    expect([rows.length, payloads.size]).toEqual([0, 0]);
  });

  test('what was saved is shown by a watch of every tab at once', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const watches = [tab, world.open(tasks)].map(({ basket }) => basket.watch());
    for (const watch of watches) watch.subscribe(() => undefined);
    const goOn = createGate();
    tab.run({
      async send(_, { save }) {
        await goOn.promise;
        await save(2);
        await never();
      },
    });
    await tab.basket.add('send', 1);
    await world.advance(10_000);
    goOn.open();
    await world.settle();

    expect(watches.map((watch) => watch.get().tasks)).toMatchObject([[{ payload: 2 }], [{ payload: 2 }]]);
  });

  test('it is refused, and nothing written, once the attempt has ended, or its task was cancelled', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', 1);
    const attempts: Attempt<number>[] = [];
    const waiting = createGate();
    tab.run({
      async send(_, attempt) {
        attempts.push(attempt);
        if (attempt.number === 1) throw new Error('counted');
        await waiting.promise;
      },
    });
    await world.settle();
    await expect(attempts[0]?.save(100)).rejects.toMatchObject({ code: 'closed' });
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 1 }]);

    await tab.basket.retry(id);
    await world.settle();
    await tab.basket.cancel(id);
    await expect(attempts[1]?.save(100)).rejects.toMatchObject({ code: 'closed' });
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 1, cancelled: true }]);
  });

  test('a value that cannot be stored is refused with an error that says so, and the attempt may go on', async () => {
    const tasks = defineTasks(freshName(), { send: task<unknown>() });
    const world = createWorld();
    const tab = world.open(tasks);
    const refused: unknown[] = [];
    tab.run({
      async send(_, { save }) {
        await save(() => 1).catch((error: unknown) => refused.push(error));
        await save({ fine: true });
      },
    });
    await tab.basket.add('send', 1);
    await world.settle();

    expect(refused).toMatchObject([{ code: 'payload' }]);
    expect(await rowsOf(tasks)).toEqual([]);
  });
});

test('scenario 28: whatever a handler throws is recorded and backed off, and the others go on', async () => {
  const cyclic: Record<string, unknown> = {};
  cyclic['self'] = cyclic;
  const hostile = new Proxy(
    {},
    {
      get() {
        throw new Error('no');
      },
      getPrototypeOf() {
        throw new Error('no');
      },
      has() {
        throw new Error('no');
      },
    },
  );
  const thrown: readonly unknown[] = [
    undefined,
    null,
    'text',
    42,
    Symbol('sign'),
    () => 1,
    cyclic,
    hostile,
    new Proxy(new Error('wrapped'), { get: () => 7 }),
    Object.assign(new Error('x'), { message: { not: 'a text' } }),
    Object.assign(Object.create(null) as object, { message: 1n }),
    { nodeType: 1, ownerDocument: {}, toString: () => '[object HTMLDivElement]' },
    new (class extends Error {
      override get message(): string {
        throw new Error('a getter that throws');
      }
    })(),
    Promise.resolve(),
  ];
  const tasks = defineTasks(freshName(), { send: task<number>({ backoff: { base: day, cap: day } }) });
  const world = createWorld();
  const tab = world.open(tasks);
  for (let place = 0; place <= thrown.length; place += 1) await tab.basket.add('send', place);
  let last = false;
  tab.run({
    async send(place) {
      await Promise.resolve();
      if (place < thrown.length) throw thrown[place];
      last = true;
    },
  });
  await world.settle();

  expect(last).toBe(true);
  const views = await tab.basket.list();
  expect(views).toHaveLength(thrown.length);
  for (const view of views) {
    expect(view).toMatchObject({ state: 'queued', failures: 1, running: false });
    expect(view.lastError?.name).toBeTypeOf('string');
    expect(view.lastError?.message).toBeTypeOf('string');
  }
});

describe('while its page is frozen, an attempt', () => {
  const hour = 3_600_000;

  /** A tab in which one request runs, that `answer` answers. */
  async function sending(timeout = 120_000) {
    const tasks = defineTasks(freshName(), { send: task<number>({ failureLimit: 1, timeout }), other: task() });
    const world = createWorld();
    const [tab, page] = [world.open(tasks), world.open(tasks)];
    const answer = createGate();
    const sent: number[] = [];
    const id = await tab.basket.add('send', 1);
    const settled = tab.basket.settled(id);
    tab.run({
      other: () => undefined,
      async send(number, { signal }) {
        sent.push(number);
        const aborted = new Promise<never>((_, reject) =>
          signal.addEventListener('abort', () => reject(signal.reason as Error)),
        );
        await Promise.race([answer.promise, aborted]);
      },
    });
    await world.advance(1_000);
    /** The browser hands over the answer a few turns of the loop after the timers that were due meanwhile. */
    const thaw = async (): Promise<void> => {
      tab.thaw();
      for (let turns = 0; turns < 60; turns += 1) await aTurnOfTheLoop();
      answer.open();
      await world.advance(1_000);
    };

    return { world, tab, page, sent, id, settled, thaw };
  }

  test.each([
    [hour, 120_000],
    [hour, 30_000],
    [40_000, 30_000],
    [60_000, 30_000],
    [85_000, 30_000],
    [110_000, 60_000],
  ])('a request is answered: after %i ms (timeout: %i) the task is done, and sent once', async (frozen, timeout) => {
    const { world, tab, sent, settled, thaw } = await sending(timeout);
    tab.freeze();
    await world.advance(frozen);
    await thaw();

    expect(await settled).toMatchObject({ state: 'done' });
    expect(sent).toEqual([1]);
  });

  test.each(['turn:before', 'turn:requests', 'turn:complete'] as const)(
    'a request is answered, also if it is frozen within a turn (%s) and a message waits for it',
    async (point) => {
      const { world, tab, page, sent, settled, thaw } = await sending();
      let frozen = false;
      tab.at(point, () => {
        if (!frozen) tab.freeze();
        frozen = true;
      });
      await page.basket.add('other');
      await world.advance(1_000);
      expect(frozen).toBe(true);
      await page.basket.add('other');
      await world.advance(hour);
      await thaw();

      expect(await settled).toMatchObject({ state: 'done' });
      expect(sent).toEqual([1]);
    },
  );

  test('hangs: it is aborted all the same, a timeout later', async () => {
    const { world, tab, page, id } = await sending();
    tab.freeze();
    await world.advance(hour);
    tab.thaw();
    await world.advance(150_000);

    expect(await page.basket.get(id)).toMatchObject({ state: 'dead', failures: 1 });
  });

  test('hangs that tells progress as soon as its page goes on: it is aborted a timeout later, and not hours', async () => {
    const world = createWorld();
    const tab = world.open(defineTasks(freshName(), { send: task<number>({ timeout: 60_000, failureLimit: 1 }) }));
    const id = await tab.basket.add('send', 1);
    tab.run({
      send(_, { progress }) {
        // The timer of a handler may be due before that of the runner.
        const { timer } = tab.context.ports.clock;
        for (const wait of [1_000, 2_000]) timer(wait, () => progress(wait));

        return new Promise(() => undefined);
      },
    });
    await world.advance(1_500);
    tab.freeze();
    await world.advance(8 * hour);
    tab.thaw();
    await world.advance(150_000);

    expect(await tab.basket.get(id)).toMatchObject({ state: 'dead', failures: 1 });
  });

  test('has that time back, and health does not say that its runner stalls', async () => {
    const { world, tab, page } = await sending(300_000);
    await world.advance(129_000);
    tab.freeze();
    await world.advance(160_000);
    tab.thaw();
    await world.advance(35_000);
    const health = page.basket.health();
    await world.advance(1_500);

    expect(await health).toMatchObject({ stalled: false });
  });
});

test('a handler that is a method of a class has its object as this', async () => {
  class Api {
    readonly #sent: number[] = [];

    public send(number: number): void {
      this.#sent.push(number);
    }

    public sent(): readonly number[] {
      return this.#sent;
    }
  }
  const world = createWorld();
  const tab = world.open(defineTasks(freshName(), { send: task<number>() }));
  const api = new Api();
  await tab.basket.add('send', 1);
  tab.run(api);
  await world.settle();

  expect(api.sent()).toEqual([1]);
});

test('turns that fail now and then, with others between them that do not, hold up no task for longer than the first did', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const ran: number[] = [];
  tab.run({ send: (number) => void ran.push(number) });
  await world.settle();
  let fails = false;
  tab.at('turn:requests', (transaction) => {
    if (fails) transaction?.abort();
    fails = false;
  });
  for (let number = 1; number <= 12; number += 1) {
    fails = true;
    await tab.basket.add('send', number);
    await world.advance(500);
    expect(ran).toHaveLength(number);
  }
});

test('a runner that is stopped while each turn fails aborts what runs all the same, and ends', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  let aborted = false;
  const runner = tab.run({
    send: (_, { signal }) =>
      new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => {
          aborted = true;
          resolve();
        });
      }),
  });
  await tab.basket.add('send', 1);
  await world.settle();
  tab.at('turn:requests', (transaction) => transaction?.abort());
  runner.stop();
  await world.advance(15_000);

  expect([aborted, runner.stopped()]).toEqual([true, true]);
});
