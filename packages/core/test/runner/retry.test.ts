import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, RetryLater, Unavailable } from '../../src/pure/verdict.js';
import { freshName, rowsOf } from '../support/database.js';
import { hostileName } from '../support/names.js';
import { createGate, createWorld } from '../support/world.js';

const day = 24 * 3_600_000;
const backoff = { base: 1_000, cap: 60_000 };
const sendTasks = () => defineTasks(freshName(), { send: task<number>({ backoff }) });
const fails = (): never => {
  throw Object.assign(new Error('refused'), { status: 500 });
};

test('scenario 20: the waits follow the backoff within its bounds', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const at: number[] = [];
  tab.run({
    send() {
      at.push(world.wall());
      fails();
    },
  });
  await tab.basket.add('send', 1);
  await world.advance(600_000);

  const waits = at.slice(1).map((time, place) => time - (at[place] ?? 0));
  expect(waits.length).toBeGreaterThan(8);
  for (const [place, wait] of waits.entries()) {
    const ceiling = Math.min(backoff.cap, backoff.base * 2 ** place);
    expect(wait).toBeGreaterThanOrEqual(ceiling / 2);
    expect(wait).toBeLessThanOrEqual(ceiling);
  }
});

test('scenario 20: two browsers with the same failures do not come back together', async () => {
  const times = async (seed: number): Promise<readonly number[]> => {
    const tasks = sendTasks();
    const world = createWorld(seed);
    const tab = world.open(tasks);
    const at: number[] = [];
    const began = world.wall();
    tab.run({
      send() {
        at.push(world.wall() - began);
        fails();
      },
    });
    await tab.basket.add('send', 1);
    await world.advance(120_000);

    return at.slice(1);
  };

  const [one, other] = [await times(1), await times(3)];
  expect(one.length).toBeGreaterThan(4);
  expect(one.filter((time) => other.includes(time))).toEqual([]);
});

test('scenario 21: the counts and the time of the next attempt survive a reload, and the reload runs nothing early', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const first = world.open(tasks);
  let attempts = 0;
  const send = (): never => {
    attempts += 1;

    return fails();
  };
  first.run({ send });
  await first.basket.add('send', 1);
  await world.advance(20_000);
  const [before] = await first.basket.list();
  const counted = attempts;
  expect(before).toMatchObject({ attempts: counted, failures: counted, lastError: { status: 500 } });
  const left = (before?.dueAt ?? 0) - world.wall();
  expect(left).toBeGreaterThan(1);
  first.kill();

  const second = world.open(tasks);
  second.run({ send });
  await world.settle();
  expect(await second.basket.list()).toEqual([before]);
  await world.advance(left - 1);
  expect(attempts).toBe(counted);
  await world.advance(1);
  expect(attempts).toBe(counted + 1);
});

describe('scenario 22', () => {
  test.each([
    ['forward', 3 * day],
    ['back', -3 * day],
  ])(
    'scenario 22: the wall clock jumps %s by days: no task waits longer than one maximum wait, and no alarm rings in a loop',
    async (_, jump) => {
      const tasks = sendTasks();
      const world = createWorld();
      const tab = world.open(tasks);
      let attempts = 0;
      let turns = 0;
      tab.at('turn:before', () => void (turns += 1));
      tab.run({
        send() {
          attempts += 1;
          fails();
        },
      });
      await tab.basket.add('send', 1);
      await world.advance(300_000);
      world.jump(jump);
      const counted = attempts;
      await world.advance(backoff.cap);
      expect(attempts).toBeGreaterThan(counted);

      const [again, before] = [attempts, turns];
      await world.advance(10 * backoff.cap);
      expect(attempts - again).toBeGreaterThanOrEqual(10);
      expect(attempts - again).toBeLessThanOrEqual(20);
      expect(turns - before).toBeLessThan(100);
    },
  );

  test('scenario 22: a clock that stood days ahead when the runner before led delays nothing once it is put right', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    world.jump(3 * day);
    const first = world.open(tasks);
    first.run({ send: fails });
    await first.basket.add('send', 1);
    await world.advance(60_000);
    first.kill();
    world.jump(-3 * day);

    let attempts = 0;
    const second = world.open(tasks);
    second.run({ send: () => void (attempts += 1) });
    await world.advance(backoff.cap);
    expect(attempts).toBe(1);
  });

  test('scenario 22: a clock that stood days ahead once, two runners before: a wait passes also while no runner leads', async () => {
    const tasks = defineTasks(freshName(), {
      send: task<number>({ backoff: { base: 60_000, cap: 60_000, jitter: 'none' } }),
    });
    const world = createWorld();
    world.jump(3 * day);
    const first = world.open(tasks);
    first.run({ send: fails });
    await world.settle();
    first.kill();
    world.jump(-3 * day);
    const second = world.open(tasks);
    second.run({ send: fails });
    await second.basket.add('send', 1);
    await world.settle();
    second.kill();
    await world.advance(60_000);

    let attempts = 0;
    world.open(tasks).run({ send: () => void (attempts += 1) });
    await world.settle();
    expect(attempts).toBe(1);
  });

  test('scenario 22: after sleep, a task whose wait has passed meanwhile runs at once', async () => {
    const tasks = defineTasks(freshName(), { send: task<number>({ backoff: { base: day, cap: day } }) });
    const world = createWorld();
    const tab = world.open(tasks);
    let attempts = 0;
    tab.run({
      send() {
        attempts += 1;
        if (attempts === 1) fails();
      },
    });
    await tab.basket.add('send', 1);
    await world.settle();

    // Asleep: the wall clock goes on, the monotonic one may stand.
    world.jump(2 * day);
    await world.advance(60_000);
    expect(attempts).toBe(2);
  });

  test('scenario 22: a task with a date beyond what a timer holds waits for it, without a loop of alarms', async () => {
    const tasks = sendTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    let attempts = 0;
    let turns = 0;
    tab.at('turn:before', () => void (turns += 1));
    tab.run({ send: () => void (attempts += 1) });
    await tab.basket.add('send', 1, { runAt: world.wall() + 60 * day });
    await world.advance(3_600_000);
    expect(turns).toBeLessThan(150);
    expect(attempts).toBe(0);

    world.jump(60 * day - 3_600_000 - 1);
    await world.advance(0);
    expect(attempts).toBe(0);
    await world.advance(60_000);
    expect(attempts).toBe(1);
  });
});

test('a task with a date runs at its date and not before, also after a reload', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const first = world.open(tasks);
  let attempts = 0;
  const handlers = { send: () => void (attempts += 1) };
  first.run(handlers);
  const id = await first.basket.add('send', 1, { runAt: new Date(world.wall() + 30_000) });
  await world.advance(20_000);
  expect(await first.basket.get(id)).toMatchObject({ dueAt: world.wall() + 10_000, attempts: 0 });
  first.kill();

  const second = world.open(tasks);
  second.run(handlers);
  await world.advance(9_999);
  expect(attempts).toBe(0);
  await world.advance(1);
  expect(attempts).toBe(1);
});

test('a clock that is put back before the date of a task makes it wait for its date again, whatever had brought it on', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>({ lane: (number) => `lane ${number % 2}` }) });
  const world = createWorld();
  const first = world.open(tasks);
  const date = world.wall() + 60_000;
  // 3 waits behind 1 when its date comes; 2 is interrupted after its date.
  await first.basket.add('send', 1);
  for (const number of [2, 3]) await first.basket.add('send', number, { runAt: date });
  first.run({ send: () => new Promise(() => undefined) });
  await world.advance(70_000);
  expect((await rowsOf(tasks)).map((row) => row.ready.charAt(0))).toEqual(['F', '!', 'H']);
  first.kill();
  world.jump(-3_600_000);

  const second = world.open(tasks);
  const started: number[] = [];
  second.run({ send: (number) => void started.push(number) });
  await world.advance(120_000);
  expect(started).toEqual([1]);
  world.jump(date - world.wall());
  await world.advance(60_000);
  expect([...started].sort((one, other) => one - other)).toEqual([1, 2, 3]);
});

test('a retry runs a task that waits for its backoff at once and sets its failures back, but not its attempts', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>({ backoff: { base: day, cap: day } }) });
  const world = createWorld();
  const tab = world.open(tasks);
  tab.run({ send: fails });
  const id = await tab.basket.add('send', 1);
  await world.settle();
  expect(await tab.basket.get(id)).toMatchObject({ attempts: 1, failures: 1 });

  expect(await tab.basket.retry(id)).toBe(1);
  await world.settle();
  expect(await tab.basket.get(id)).toMatchObject({ attempts: 2, failures: 1 });
});

test('a retry leaves a date that was given at the add as it is', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  let attempts = 0;
  tab.run({ send: () => void (attempts += 1) });
  const id = await tab.basket.add('send', 1, { runAt: world.wall() + day });
  expect(await tab.basket.retry(id)).toBe(1);
  await world.advance(120_000);

  expect(attempts).toBe(0);
  expect(await tab.basket.get(id)).toMatchObject({ dueAt: (await rowsOf(tasks))[0]?.runAt });
});

test('a permanent failure is never tried again by itself, and a handler that asks for later is not counted', async () => {
  const tasks = sendTasks();
  const world = createWorld();
  const tab = world.open(tasks);
  const at: number[] = [];
  tab.run({
    send(number, attempt) {
      if (number === 1) throw new PermanentFailure('gone', { status: 410 });
      at.push(world.wall());
      if (attempt.number === 1) throw new RetryLater(0);
      if (attempt.number === 2) throw new RetryLater(new Date(world.wall() + 90_000));
    },
  });
  const dead = await tab.basket.add('send', 1);
  const later = await tab.basket.add('send', 2);
  await world.advance(500);
  expect(await tab.basket.get(later)).toMatchObject({ attempts: 1, failures: 0, dueAt: (at[0] ?? 0) + 1_000 });
  await world.advance(600_000);

  expect(await tab.basket.get(dead)).toMatchObject({
    state: 'dead',
    attempts: 1,
    lastError: { name: 'PermanentFailure' },
  });
  expect(at.slice(1).map((time) => time - (at[0] ?? 0))).toEqual([1_000, 91_000]);
});

test('scenario 29: a handler that never settles is aborted at its deadline and counted; what it says later is ignored', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>({ timeout: 30_000, backoff: { base: day, cap: day } }) });
  const world = createWorld();
  const tab = world.open(tasks);
  const late = createGate();
  let signal: AbortSignal | undefined;
  tab.run({
    async send(_, attempt) {
      ({ signal } = attempt);
      await late.promise;
    },
  });
  const id = await tab.basket.add('send', 1);
  await world.advance(29_999);
  expect(signal?.aborted).toBe(false);
  expect(await tab.basket.get(id)).toMatchObject({ running: true, attempts: 1, failures: 0 });

  await world.advance(1);
  expect(signal?.aborted).toBe(true);
  expect(signal?.reason).toMatchObject({ name: 'TimeoutError' });
  await world.advance(10_000);
  const failed = { running: false, state: 'queued', attempts: 1, failures: 1, lastError: { name: 'TimeoutError' } };
  expect(await tab.basket.get(id)).toMatchObject(failed);

  late.open();
  await world.advance(1_000);
  expect(await tab.basket.get(id)).toMatchObject(failed);
  expect(await rowsOf(tasks)).toMatchObject([{ recovered: true }]);
});

test('a task of which the handler throws as often as its type allows is dead, and its lane heeds what onDead says', async () => {
  const tasks = defineTasks(freshName(), {
    send: task<number>({ lane: 'a', failureLimit: 3, onDead: 'skip' }),
    slow: task<number>({ failureLimit: 1, timeout: 1_000 }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  const ids = [await tab.basket.add('send', 1), await tab.basket.add('send', 2), await tab.basket.add('slow', 3)];
  const ran: number[] = [];
  let broken = true;
  tab.run({
    send(number) {
      ran.push(number);
      if (number === 1 && broken) throw new Error(`no ${ran.length}`);
    },
    slow: () => new Promise(() => undefined),
  });
  await world.advance(60_000);

  expect(ran).toEqual([1, 1, 1, 2]);
  expect(await tab.basket.list()).toMatchObject([
    { id: ids[0], state: 'dead', failures: 3, dead: { reason: 'limit' }, lastError: { message: 'no 3' } },
    { id: ids[2], state: 'dead', failures: 1, dead: { reason: 'limit' }, lastError: { name: 'TimeoutError' } },
  ]);

  broken = false;
  await tab.basket.retry(ids[0] ?? '');
  await world.settle();
  expect(ran).toEqual([1, 1, 1, 2, 1]);
});

describe('waits beyond what a timer holds', () => {
  const long = { base: 60 * day, cap: 60 * day, jitter: 'none' } as const;

  /** Days pass; the alarms set meanwhile are counted, since a timer that is too long rings at once and again. */
  test('a backoff, a gate and a date of sixty days each hold, and none comes early', async () => {
    const tasks = defineTasks(
      freshName(),
      { fail: task<number>({ backoff: long }), away: task<number>(), later: task<number>() },
      { gates: { base: 120 * day, cap: 120 * day } },
    );
    const world = createWorld();
    const tab = world.open(tasks);
    const began = world.wall();
    const at: Record<string, number[]> = { fail: [], away: [], later: [] };
    const note = (name: string): number => at[name]?.push((world.wall() - began) / day) ?? 0;
    tab.run({
      fail() {
        if (note('fail') === 1) throw new Error('no');
      },
      away() {
        if (note('away') === 1) throw new Unavailable();
      },
      later: () => void note('later'),
    });
    await tab.basket.add('fail', 1);
    await tab.basket.add('away', 1);
    await tab.basket.add('later', 1, { runAt: new Date(began + 60 * day) });
    await world.settle();
    // The days between are slept through: a machine that was off for weeks.
    for (let days = 0; days < 59; days += 1) {
      world.jump(day);
      await world.advance(61_000);
    }
    expect(at).toEqual({ fail: [0], away: [0], later: [] });
    world.jump(day);
    await world.advance(61_000);
    expect(at['fail']).toHaveLength(2);
    expect(at['later']).toHaveLength(1);
    expect(Math.min(...(at['fail'] ?? []).slice(1), ...(at['later'] ?? []))).toBeGreaterThanOrEqual(60);

    for (let days = 0; days < 61; days += 1) {
      world.jump(day);
      await world.advance(61_000);
    }
    expect(at['away']).toHaveLength(2);
    expect(at['away']?.[1]).toBeGreaterThanOrEqual(60);
    expect(await rowsOf(tasks)).toEqual([]);
  });
});

test('however the wall clock jumps, each wait ends, none sooner than time or a jump forward allows, and no alarm rings in a loop', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.tuple(fc.integer({ min: -30, max: 30 }), fc.integer({ min: 1, max: 40 })), {
        minLength: 3,
        maxLength: 12,
      }),
      hostileName,
      async (plan, name) => {
        const tasks = defineTasks(freshName(), {
          [name]: task<number>({ lane: name, gate: name, backoff: { base: 20_000, cap: 20_000, jitter: 'none' } }),
        });
        const world = createWorld();
        const tab = world.open(tasks);
        let monotonic = 0;
        let forward = 0;
        const tries: { readonly time: number; readonly forward: number }[] = [];
        tab.run({
          [name]() {
            tries.push({ time: tab.context.ports.clock.monotonic(), forward });
            throw new Error('no');
          },
        });
        await tab.basket.add(name, 1);
        await world.settle();
        for (const [hours, seconds] of plan) {
          world.jump(hours * 60 * 60_000);
          forward += Math.max(0, hours * 60 * 60_000);
          await world.advance(seconds * 1_000);
          monotonic += seconds * 1_000;
        }

        for (const [place, { time, forward: jumped }] of tries.slice(1).entries()) {
          const before = tries[place];
          expect(time - (before?.time ?? 0) + jumped - (before?.forward ?? 0)).toBeGreaterThanOrEqual(20_000);
        }
        // One each 20 s, or a poll later where a jump was not noticed, and one for each jump forward.
        expect(tries.length).toBeGreaterThanOrEqual(1 + Math.floor(monotonic / 80_000));
        expect(tries.length).toBeLessThanOrEqual(2 + monotonic / 20_000 + plan.length);
        tab.kill();
      },
    ),
    { numRuns: 40 },
  );
});

test('new tasks do not wait for tasks that fail again and again, of which one is always due, also with one slot', async () => {
  const often = { base: 1_000, cap: 1_000 };
  const tasks = defineTasks(freshName(), { fail: task<number>({ backoff: often }), send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  const sent: number[] = [];
  tab.run(
    {
      async fail() {
        await new Promise<void>((over) => tab.context.ports.clock.timer(500, over));
        fails();
      },
      send: (number) => void sent.push(number),
    },
    { concurrency: 1 },
  );
  for (let number = 0; number < 5; number += 1) await tab.basket.add('fail', number);
  await world.advance(10_000);

  for (let number = 0; number < 3; number += 1) await tab.basket.add('send', number);
  await world.advance(5_000);
  expect(sent).toEqual([0, 1, 2]);
});
