import { describe, expect, test, vi } from 'vitest';

import { json } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { PermanentFailure, RetryLater, Unavailable } from '../../src/pure/verdict.js';
import { byHand, freshName } from '../support/database.js';
import { aTurnOfTheLoop, createGate, createWorld } from '../support/world.js';

async function opened() {
  const types = {
    send: task<string>({ lane: (text) => text.split(' ')[1], backoff: { base: 60_000, cap: 60_000, jitter: 'none' } }),
    other: task<string>({ lane: (text) => text.split(' ')[1] }),
    skips: task<string>({ lane: (text) => text.split(' ')[1], onDead: 'skip' }),
    text: task({ codec: json<string>() }),
  };
  const name = freshName();
  const tasks = defineTasks(name, types, { gates: { base: 60_000, cap: 60_000 } });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const answer = createGate();
  const does = async (what: string, { number }: { readonly number: number }): Promise<void> => {
    if (what.startsWith('waits')) await answer.promise;
    if (what.startsWith('dies')) throw new PermanentFailure('The server refused it.');
    if (number > 1) return;
    if (what.startsWith('throws')) throw new Error('not yet');
    if (what.startsWith('later')) throw new RetryLater(90_000);
    if (what.startsWith('away')) throw new Unavailable({ retryAfter: 50_000 });
  };
  const run = () => tab.run({ send: does, other: does, skips: does, text: () => undefined });
  const page = world.open(tasks);
  /** Whether a wait has ended, as far as it can be told without a message. */
  const told = (waiting: Promise<void>): (() => string) => {
    let state = 'waits';
    waiting.then(
      () => (state = 'idle'),
      (error: unknown) => (state = error instanceof Error ? error.message : String(error)),
    );

    return () => state;
  };

  return { name, types, tasks, world, tab, run, page, basket: page.basket, told, answer };
}

describe('whenIdle waits', () => {
  test('for nothing if there is no task', async () => {
    const { basket } = await opened();
    await expect(basket.whenIdle()).resolves.toBe(undefined);
  });

  test.each([
    ['runs', 'waits'],
    ['waits for its backoff', 'throws'],
    ['was put off by its handler', 'later'],
    ['waits for its gate', 'away'],
  ])('for a task that %s', async (_, what) => {
    const { world, run, basket, told, answer } = await opened();
    run();
    await basket.add('send', what);
    await world.settle();
    const state = told(basket.whenIdle());
    await world.advance(20_000);
    expect(state()).toBe('waits');

    answer.open();
    await world.advance(200_000);
    expect(state()).toBe('idle');
  });

  test('for a task with a date, for what stands behind it, and for a runner', async () => {
    const { world, run, basket, told } = await opened();
    await basket.add('send', 'fine a', { runAt: world.wall() + 500_000 });
    await basket.add('other', 'fine a');
    const state = told(basket.whenIdle({ type: 'other' }));
    await world.advance(400_000);
    expect(state()).toBe('waits');

    run();
    await world.advance(90_000);
    expect(state()).toBe('waits');
    await world.advance(20_000);
    expect(state()).toBe('idle');
  });

  test('for a task that is added meanwhile, and for hundreds', async () => {
    const { world, run, basket, told, answer } = await opened();
    run();
    await basket.add('send', 'waits');
    const state = told(basket.whenIdle());
    await basket.addMany(Array.from({ length: 600 }, () => ['other', 'fine'] as const));
    answer.open();
    await basket.add('send', 'throws');
    await world.settle();
    expect((await basket.list()).length).toBe(1);
    expect(state()).toBe('waits');
    await world.advance(61_000);
    expect(state()).toBe('idle');
  });
});

test('whenIdle waits for a task that goes on in a part that it has read, while it reads the second and last part', async () => {
  const { world, tab, run, page, basket, told, answer } = await opened();
  const paused = await basket.add('send', 'waits');
  await basket.pause(paused);
  await basket.pause({ type: 'other' });
  await basket.addMany(Array.from({ length: 300 }, () => ['other', 'fine'] as const));
  run();
  await world.settle();
  const { database } = page.context;
  const { begin } = database;
  let begun = 0;
  const spy = vi.spyOn(database, 'begin').mockImplementation(async (...how) => {
    begun += 1;
    if (begun === 2) {
      await tab.basket.resume(paused);
      while ((await tab.basket.get(paused))?.running !== true) await aTurnOfTheLoop();
    }

    return begin(...how);
  });
  const state = told(basket.whenIdle());
  await world.advance(10_000);
  expect(begun).toBeGreaterThan(1);
  spy.mockRestore();
  expect(state()).toBe('waits');

  answer.open();
  await world.advance(10_000);
  expect(state()).toBe('idle');
});

describe('whenIdle does not wait', () => {
  test('for a dead task, nor for what stands behind it', async () => {
    const { world, run, basket } = await opened();
    run();
    const dead = await basket.add('send', 'dies a');
    for (let n = 0; n < 300; n += 1) await basket.add('other', 'fine a');
    await basket.add('skips', 'dies b');
    await world.settle();
    await basket.whenIdle();
    await basket.whenIdle({ lane: 'a' });
    expect((await basket.list({ limit: 1_000 })).length).toBe(302);

    await basket.cancel(dead);
    await basket.whenIdle();
    expect((await basket.list({ limit: 1_000 })).length).toBe(1);
  });

  test('for a paused task, nor for what stands behind it, until the pause ends', async () => {
    const { world, run, basket, told } = await opened();
    run();
    await basket.pause({ type: 'send' });
    await basket.add('send', 'throws a');
    await basket.add('other', 'fine a');
    await world.settle();
    await basket.whenIdle();

    await basket.resume();
    const state = told(basket.whenIdle({ type: 'other' }));
    await world.advance(59_000);
    expect(state()).toBe('waits');
    await world.advance(2_000);
    expect(state()).toBe('idle');
  });

  test('for a child of a dead or a paused task, nor for its child, until that parent can end', async () => {
    const { world, run, basket, told } = await opened();
    run();
    const dead = await basket.add('send', 'dies');
    const child = await basket.add('other', 'fine', { after: dead });
    await basket.add('other', 'fine', { after: ['gone', child] });
    const paused = await basket.add('send', 'later', { runAt: world.wall() + 1_000 });
    await basket.pause(paused);
    await basket.add('other', 'fine', { after: paused });
    await world.settle();
    await basket.whenIdle({ type: 'other' });

    await basket.resume();
    const state = told(basket.whenIdle({ type: 'other' }));
    await world.advance(80_000);
    expect(state()).toBe('waits');
    await world.advance(20_000);
    expect(state()).toBe('idle');
    expect(await basket.count({ type: 'other' })).toMatchObject({ count: 2 });
  });

  test('for an unreadable task, a task of an unknown type or version, nor for what stands behind them', async () => {
    const { name, types, tasks, world, run, basket } = await opened();
    const later = world.open(
      defineTasks(name, { ...types, send: task<string>({ version: 2, lane: 'v' }), news: task<string>({ lane: 'n' }) }),
    ).basket;
    await later.add('send', 'fine');
    await later.add('other', 'fine v');
    await later.add('news', 'fine');
    await later.add('other', 'fine n');
    await later.add('text', 'fine', { lane: 'u' });
    await later.add('other', 'fine u');
    await byHand(tasks, ({ tasks: store }) => {
      store.get(5).addEventListener('success', (event) => {
        store.put({ ...(event.target as IDBRequest<object>).result, payload: '{' });
      });
    });
    run();
    await world.advance(100_000);
    await basket.whenIdle();
    expect((await basket.list()).length).toBe(6);
  });

  test('for tasks that do not fit', async () => {
    const { world, run, basket, answer } = await opened();
    run();
    await basket.add('send', 'waits a');
    await basket.add('other', 'fine b');
    await basket.whenIdle({ type: 'other' });
    await basket.whenIdle({ lane: 'b' });
    await basket.whenIdle({ gate: 'other' });
    expect((await basket.list()).length).toBe(1);
    answer.open();
    await world.settle();
  });
});

describe('a wait ends', () => {
  test('with the reason of its signal, before or after it began', async () => {
    const { basket } = await opened();
    await basket.add('send', 'fine');
    const aborting = new AbortController();
    const reason = new Error('The person left the page.');
    const waiting = basket.whenIdle({}, { signal: aborting.signal });
    aborting.abort(reason);
    await expect(waiting).rejects.toBe(reason);
    await expect(basket.whenIdle({}, { signal: aborting.signal })).rejects.toBe(reason);
  });

  test('and leaves no listener on the signal, nor on its basket', async () => {
    const { tab } = await opened();
    const { signal } = new AbortController();
    const { signal: closed } = tab.context.closed;
    const counts = [signal, closed].map((target) => {
      const spies = (['addEventListener', 'removeEventListener'] as const).map((name) => vi.spyOn(target, name));

      return () => spies.map((spy) => spy.mock.calls.length);
    });
    for (let time = 0; time < 3; time += 1) await tab.basket.whenIdle({}, { signal });

    expect(counts.map((count) => count())).toEqual([
      [3, 3],
      [3, 3],
    ]);
  });

  test('with its basket, also one that was closed before', async () => {
    const { basket } = await opened();
    await basket.add('send', 'fine');
    const waiting = basket.whenIdle();
    basket.close();
    await expect(waiting).rejects.toMatchObject({ code: 'closed' });
    await expect(basket.whenIdle()).rejects.toMatchObject({ code: 'closed' });
  });

  test.each([
    ['an id', ['id']],
    ['a state', [{ state: 'dead' }]],
    ['a signal that is none', [{}, { signal: new AbortController() }]],
    ['another option', [{}, { timeout: 5 }]],
  ])('at once for %s, with a word for the developer', async (_, given) => {
    const { basket } = await opened();
    await expect(basket.whenIdle(...(given as [])).catch((error: unknown) => error)).resolves.toMatchObject({
      code: 'option',
    });
  });

  test('and reads nothing more: not each minute, and not at a message', async () => {
    const { world, run, basket } = await opened();
    run();
    await basket.add('send', 'fine');
    await basket.whenIdle();
    await world.settle();
    const before = world.alarms();
    await basket.whenIdle();
    expect(world.alarms()).toBe(before);
  });
});

test('a wait reads no more often than a watch: after each message, and once a minute', async () => {
  const { world, basket, page } = await opened();
  await basket.add('send', 'fine', { runAt: world.wall() + 10_000_000 });
  const looks = vi.spyOn(page.context.ports.locks, 'held');
  const aborting = new AbortController();
  const waiting = basket.whenIdle({}, { signal: aborting.signal });
  await world.advance(600_000);
  expect(looks.mock.calls.length).toBe(11);
  aborting.abort();
  await expect(waiting).rejects.toMatchObject({ name: 'AbortError' });
});

test('whenIdle goes on to wait for a task if the head of its lane dies between two readings, and leaves the lane', async () => {
  const { world, tab, page, told } = await opened();
  const head = createGate();
  const other = createGate();
  const sent: string[] = [];
  tab.run({
    send: () => undefined,
    async skips() {
      await head.promise;
    },
    async other(what) {
      await other.promise;
      sent.push(what);
    },
    text: () => undefined,
  });
  await tab.basket.add('skips', 'first lane');
  await tab.basket.add('other', 'second lane');
  await world.settle();

  let readings = 0;
  const { begin } = page.context.database;
  Object.assign(page.context.database, {
    async begin(...what: Parameters<typeof begin>) {
      readings += 1;
      if (readings === 2) {
        head.fail(new PermanentFailure('The server refused it.'));
        while ((await tab.basket.count({ state: 'dead' })).count === 0) await aTurnOfTheLoop();
      }

      return begin(...what);
    },
  });
  const state = told(page.basket.whenIdle({ type: 'other' }));
  await world.advance(5_000);
  expect(readings).toBeGreaterThan(1);
  expect([state(), sent]).toEqual(['waits', []]);
  other.open();
  await world.advance(70_000);
  expect([state(), sent]).toEqual(['idle', ['second lane']]);
});

test('whenIdle of all owners goes on to wait if somebody else signs in between two readings', async () => {
  const options = { lane: () => 'lane' };
  const tasks = defineTasks(
    freshName(),
    { first: task<string>(options), other: task<string>(options) },
    { session: session() },
  );
  const world = createWorld();
  const [tab, page] = [world.open(tasks), world.open(tasks)];
  await tab.basket.signIn('bob');
  await tab.basket.add('other', 'of Bob');
  await page.basket.signIn('ann');
  await page.basket.add('first', 'of Ann');
  await page.basket.add('other', 'of Ann');

  let readings = 0;
  const { begin } = page.context.database;
  Object.assign(page.context.database, {
    async begin(...what: Parameters<typeof begin>) {
      readings += 1;
      if (readings === 2) await tab.basket.signIn('bob');

      return begin(...what);
    },
  });
  let isIdle = false;
  void page.basket.whenIdle({ everyOwner: true, type: 'other' }).then(() => {
    isIdle = true;
  });
  await world.advance(70_000);
  expect(readings).toBeGreaterThan(1);
  expect(isIdle).toBe(false);
});
