import { describe, expect, test, vi } from 'vitest';

import type { EventOf } from '../../src/basket/telling/events.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, Unavailable } from '../../src/pure/verdict.js';
import { failureOf } from '../basket/app.js';
import { endOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

const minute = 60_000;
const day = 24 * 60 * minute;

const placeTasks = () =>
  defineTasks(freshName(), {
    send: task<number>({ backoff: { base: 10 * minute, cap: 10 * minute, jitter: 'none' } }),
    share: task<number>({ lifetime: 10 * minute }),
    strict: task<number>({ lifetime: 10 * minute, onExpired: 'block', lane: 'strict' }),
    save: task<number>({ lane: 'save', key: 'save' }),
  });
type Name = 'send' | 'share' | 'strict' | 'save';

/** A runner that notes what it was called with. `how` is called first. */
function runnerIn(
  tab: ReturnType<ReturnType<typeof createWorld>['open']>,
  how: (number: number, attempt: number) => unknown = () => undefined,
): number[] {
  const ran: number[] = [];
  const handler = async (number: number, attempt: { readonly number: number }): Promise<void> => {
    ran.push(number);
    await how(number, attempt.number);
  };
  tab.run({ send: handler, share: handler, strict: handler, save: handler } as never);

  return ran;
}

function opened() {
  const tasks = placeTasks();
  const world = createWorld();
  const tab = world.open(tasks);

  return { tasks, world, tab, basket: tab.basket };
}

describe('a task that is not done in its time is dead', () => {
  test('it says why, everybody is told, and it was never called', async () => {
    const { tasks, world, tab, basket } = opened();
    const told: EventOf<'settled'>[] = [];
    basket.on('settled', (event) => told.push(event));
    const expiresAt = new Date(world.wall() - 1);
    const id = await basket.add('send', 1, { expiresAt });
    const ran = runnerIn(tab as never);
    await world.settle();

    expect(ran).toEqual([]);
    expect(await basket.settled(id)).toEqual({ state: 'dead', because: 'expired', error: undefined });
    expect(await basket.get(id)).toMatchObject({ state: 'dead', dead: { reason: 'expired' } });
    expect(await basket.explain(id)).toEqual([{ reason: 'dead', because: 'expired', error: undefined }]);
    expect(told).toEqual([{ event: 'settled', id, type: 'send', owner: null, state: 'dead' }]);
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 1, marks: [`I${id}`] }]);
  });

  test('it dies at its date, although nothing else happens, and not before', async () => {
    const { world, tab, basket } = opened();
    const id = await basket.add('send', 1, { expiresAt: world.wall() + 200_000, runAt: world.wall() + 300_000 });
    const ran = runnerIn(tab as never);
    await world.advance(199_999);
    expect(await basket.get(id)).toMatchObject({ state: 'queued' });
    await world.advance(1);
    expect(await basket.get(id)).toMatchObject({ state: 'dead' });
    await world.advance(5 * minute);
    expect(ran).toEqual([]);
  });

  test.each([
    ['its gate is closed', { gate: 'away' }],
    ['it waits for its backoff', {}],
    ['it is behind another task of its lane', { lane: 'slow' }],
  ])('while %s', async (_, options) => {
    const { world, tab, basket } = opened();
    const ran = runnerIn(tab as never, (number) => {
      if (number === 0) throw new Unavailable({ retryAfter: 60 * minute });
      if (number === 1) throw new Error('once');
    });
    await basket.add('send', 0, { gate: 'away', ...('lane' in options ? { lane: options.lane } : {}) });
    await world.settle();
    const id = await basket.add('send', 1, { ...options, expiresAt: world.wall() + 5 * minute });
    await world.advance(6 * minute);
    expect(await basket.get(id)).toMatchObject({ state: 'dead', dead: { reason: 'expired' } });
    await world.advance(95 * minute);
    expect(ran.filter((number) => number === 1).length).toBeLessThanOrEqual(1);
  });

  test('a lifetime begins at the add, or at the date of the task, and an add may say another time', async () => {
    const { world, basket, tasks } = opened();
    const now = world.wall();
    await basket.add('share', 1);
    await basket.add('share', 2, { runAt: now + minute });
    await basket.add('share', 3, { runAt: now - minute });
    await basket.add('share', 4, { expiresAt: now + day });
    await basket.add('send', 5);
    const lifetime = 10 * minute;
    expect((await rowsOf(tasks)).map(({ expiresAt }) => expiresAt && expiresAt - now)).toEqual([
      lifetime,
      minute + lifetime,
      lifetime,
      day,
      undefined,
    ]);
  });

  test('a task of a type that this build does not have expires too, by the rule that it was added with', async () => {
    const { world, tab, basket, tasks } = opened();
    await basket.add('strict', 1);
    const other = world.open(defineTasks(tasks.name, { other: task<number>({ lane: 'strict' }) }), { build: 2 });
    const behind = await other.basket.add('other', 2);
    const ran: number[] = [];
    other.run({ other: (number) => void ran.push(number) });
    tab.kill();
    await world.advance(11 * minute);
    expect(ran).toEqual([]);
    expect(await other.basket.list()).toMatchObject([{ state: 'dead', dead: { reason: 'expired' } }, { id: behind }]);
  });

  test('a date that is none is refused, and so are a lifetime and a rule', async () => {
    const { basket } = opened();
    const wrong = await failureOf(basket.add('send', 1, { expiresAt: 'tomorrow' as never }));
    expect(wrong).toMatchObject({ code: 'option' });
    expect(wrong.message).toContain('expiresAt must be a date');
    expect(await failureOf(basket.add('send', 1, { onExpired: 'drop' as never }))).toMatchObject({ code: 'option' });
    expect(() => task({ lifetime: 0 })).toThrow('lifetime must be');
    expect(() => task({ onExpired: 'drop' as never })).toThrow('onExpired must be');
  });
});

describe('what runs at that moment is finished', () => {
  test('a success after the date is a success', async () => {
    const { world, tab, basket } = opened();
    const gate = createGate();
    runnerIn(tab as never, () => gate.promise);
    const id = await basket.add('send', 1, { expiresAt: world.wall() + minute });
    const end = basket.settled(id);
    await world.advance(90_000);
    expect(await basket.get(id)).toMatchObject({ running: true, state: 'queued' });
    gate.open();
    expect(await end).toMatchObject({ state: 'done' });
  });

  test.each([
    ['an error', new Error('no'), 1],
    ['a destination that is away', new Unavailable(), 0],
  ])('%s after the date is the end, with its message', async (_, error, failures) => {
    const { world, tab, basket } = opened();
    const failed: EventOf<'failed'>[] = [];
    basket.on('failed', (event) => failed.push(event));
    const gate = createGate();
    const ran = runnerIn(tab as never, () => gate.promise);
    const id = await basket.add('send', 1, { expiresAt: world.wall() + minute });
    await world.advance(90_000);
    gate.fail(error);
    await world.settle();
    const { name, message } = error;
    expect(await basket.settled(id)).toMatchObject({ state: 'dead', because: 'expired', error: { name, message } });
    expect(await basket.get(id)).toMatchObject({ failures, attempts: 1 });
    expect(failed).toMatchObject([{ dead: true }]);
    await world.advance(30 * minute);
    expect(ran).toEqual([1]);
  });

  test('a task whose runner died under it is dead once another runner leads', async () => {
    const { tasks, world, tab, basket } = opened();
    runnerIn(tab as never, () => new Promise(() => undefined));
    const id = await basket.add('send', 1, { expiresAt: world.wall() + minute });
    await world.advance(90_000);
    tab.kill();
    const next = world.open(tasks);
    const ran = runnerIn(next as never);
    await world.settle();
    expect(await next.basket.get(id)).toMatchObject({ state: 'dead', dead: { reason: 'expired' }, attempts: 1 });
    expect(ran).toEqual([]);
  });

  test('a task that is dead for another reason stays so', async () => {
    const { world, tab, basket } = opened();
    runnerIn(tab as never, () => {
      throw new PermanentFailure('no');
    });
    const id = await basket.add('send', 1, { expiresAt: world.wall() + minute });
    await world.advance(3 * minute);
    expect(await basket.get(id)).toMatchObject({ dead: { reason: 'permanent' } });
  });
});

describe('its lane', () => {
  test.each([
    ['goes on', 'skip', [2]],
    ['stops with `block`', 'block', []],
  ] as const)('%s', async (_, onExpired, expected) => {
    const { world, tab, basket } = opened();
    const id = await basket.add('send', 1, { lane: 'a', expiresAt: world.wall() - 1, onExpired });
    await basket.add('send', 2, { lane: 'a' });
    const ran = runnerIn(tab as never);
    await world.advance(5 * minute);
    expect(ran).toEqual(expected);

    await basket.retry(id);
    await world.advance(minute);
    expect(ran).toEqual(onExpired === 'block' ? [1, 2] : [2, 1]);
    expect(await basket.list()).toEqual([]);
  });

  test('goes on also behind a task that expires while another task of the lane waits', async () => {
    const { world, tab, basket } = opened();
    const ran = runnerIn(tab as never, (number, attempt) => {
      if (number === 1 && attempt === 1) throw new Error('once');
    });
    await basket.add('send', 1, { lane: 'a' });
    await world.settle();
    await basket.add('send', 2, { lane: 'a', expiresAt: world.wall() + minute });
    await basket.add('send', 3, { lane: 'a' });
    await world.advance(20 * minute);
    expect(ran).toEqual([1, 1, 3]);
  });
});

describe('a person decides', () => {
  test('retry of an expired task removes its date', async () => {
    const { world, tab, basket, tasks } = opened();
    const id = await basket.add('send', 1, { expiresAt: world.wall() - 1 });
    let away = true;
    const ran = runnerIn(tab as never, () => {
      if (away) throw new Error('no');
    });
    await world.settle();
    await basket.retry(id);
    await world.settle();
    expect(ran).toEqual([1]);
    expect((await rowsOf(tasks))[0]).not.toHaveProperty('expiresAt');
    away = false;
    await world.advance(11 * minute);
    expect(ran).toEqual([1, 1]);
  });

  test('so does a correction, and it is sent', async () => {
    const { world, tab, basket } = opened();
    const id = await basket.add('send', 1, { expiresAt: world.wall() - 1 });
    const ran = runnerIn(tab as never);
    await world.settle();
    expect(await basket.update(id, 2)).toBe(true);
    await world.settle();
    expect(ran).toEqual([2]);
  });

  test('"try now" for all that wait lets none of them live longer', async () => {
    const { world, tab, basket } = opened();
    runnerIn(tab as never, () => {
      throw new Error('no');
    });
    const id = await basket.add('send', 1, { expiresAt: world.wall() + 5 * minute });
    await world.advance(minute);
    await basket.retry({ state: 'queued' });
    await world.advance(5 * minute);
    expect(await basket.get(id)).toMatchObject({ dead: { reason: 'expired' } });
  });
});

describe('whatever the clock does', () => {
  test('a clock that is put forward expires at the next turn, and no later than in a minute', async () => {
    const { world, tab, basket } = opened();
    runnerIn(tab as never);
    const id = await basket.add('send', 1, { runAt: world.wall() + 30 * day, expiresAt: world.wall() + 10 * day });
    await world.settle();
    world.jump(11 * day);
    await world.advance(minute);
    expect(await basket.get(id)).toMatchObject({ dead: { reason: 'expired' } });
  });

  test('a clock that is put back gives more time, brings nothing back, and no timer rings all the time', async () => {
    const { world, tab, basket } = opened();
    runnerIn(tab as never);
    const first = await basket.add('send', 1, { runAt: world.wall() + 30 * day, expiresAt: world.wall() + minute });
    const second = await basket.add('send', 2, {
      runAt: world.wall() + 30 * day,
      expiresAt: world.wall() + 3 * minute,
    });
    await world.advance(2 * minute);
    world.jump(-60 * minute);
    let turns = 0;
    tab.at('turn:requests', () => (turns += 1));
    await world.advance(59 * minute);
    expect(await basket.get(first)).toMatchObject({ state: 'dead' });
    expect(await basket.get(second)).toMatchObject({ state: 'queued' });
    expect(turns).toBeLessThan(200);
    await world.advance(3 * minute);
    expect(await basket.get(second)).toMatchObject({ state: 'dead' });
  });
});

test('after a week with no page, many expire at the next start, at most 64 of them in one turn', async () => {
  const { tasks, world, tab, basket } = opened();
  const dates = { runAt: world.wall() + 30 * day, expiresAt: world.wall() + day };
  const many = Array.from({ length: 300 }, (_, place) => place);
  await basket.addMany(
    many.map((place) => ['send', place, place % 3 === 0 ? { ...dates, lane: `lane ${place}` } : dates] as const),
  );
  tab.kill();
  world.jump(7 * day);

  const put = vi.spyOn(IDBObjectStore.prototype, 'put');
  const next = world.open(tasks);
  const alive = await next.basket.add('send', 1_000);
  const writes: number[] = [];
  next.at('turn:requests', (transaction) => {
    const stores = put.mock.contexts as readonly IDBObjectStore[];
    writes.push(stores.filter((one) => one.name === tasks.stores[0] && one.transaction === transaction).length);
  });
  const ran = runnerIn(next as never);
  await world.settle();
  put.mockRestore();
  expect(await next.basket.count({ state: 'dead' })).toEqual({ count: 300, more: false });
  expect(ran).toEqual([1_000]);
  expect(await next.basket.settled(alive)).toMatchObject({ state: 'done' });
  expect(Math.max(...writes)).toBe(64);
});

test('of more than one turn makes dead, none starts meanwhile', async () => {
  const { tasks, world, tab, basket } = opened();
  await basket.addMany(Array.from({ length: 200 }, (_, place) => ['share', place] as const));
  tab.kill();
  world.jump(day);
  const next = world.open(tasks);
  const ran = runnerIn(next as never);
  await world.settle();
  expect(ran).toEqual([]);
  expect(await next.basket.count({ state: 'dead' })).toEqual({ count: 200, more: false });
});

describe('beside keys', () => {
  test('a task that was replaced is not dead, also if its time is over before it is deleted', async () => {
    const { tasks, world } = opened();
    const ids: string[] = [];
    for (const number of [1, 2]) {
      const tab = world.open(tasks);
      tab.at('tidy:before', tab.kill);
      const options = number === 1 ? { expiresAt: world.wall() + minute } : {};
      ids.push(await tab.basket.add('save', number, options));
      tab.kill();
    }
    await world.settle();
    world.jump(day);
    const tab = world.open(tasks);
    const ran = runnerIn(tab as never);
    await world.settle();
    expect(ran).toEqual([2]);
    expect(await tab.basket.settled(ids[0] ?? '')).toEqual({ state: 'replaced', by: ids[1] });
  });

  test('a dead task that has left the lane, and may come back, stays before what was added after it', async () => {
    const { world, tab, basket } = opened();
    const between = { lane: 'save', expiresAt: world.wall() - 1 } as const;
    await basket.add('save', 1);
    const id = await basket.add('send', 2, between);
    let away = true;
    const ran = runnerIn(tab as never, () => {
      if (away) throw new Unavailable({ retryAfter: minute });
    });
    const names: Name[] = ['save', 'save'];
    await world.settle();
    for (const [place, name] of names.entries()) await basket.add(name, 3 + place);
    await world.settle();
    expect(await basket.get(id)).toMatchObject({ state: 'dead' });
    expect((await basket.list()).map(({ payload }) => payload)).toEqual([1, 2, 4]);

    away = false;
    await basket.retry(id);
    await world.advance(5 * minute);
    expect(ran).toEqual([1, 1, 2, 4]);
  });
});

test('a head that expires as it is checked lets its lane go on at once, not after a minute', async () => {
  const backoff = { base: 10 * minute, cap: 10 * minute, jitter: 'none' } as const;
  const tasks = defineTasks(freshName(), {
    other: task<number>({ backoff }),
    send: task<number>({ lane: 'a', backoff }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  const expiresAt = world.wall() + 10 * minute;
  // As many as one turn searches for. So the head is left to the check before its claim.
  for (let number = 0; number < 64; number += 1) await tab.basket.add('other', number, { expiresAt });
  await tab.basket.add('send', 1, { expiresAt });
  await tab.basket.add('send', 2);
  const ran: number[] = [];
  const fails = (): never => {
    throw new Error('not yet');
  };
  tab.run({ other: fails, send: (number) => (number === 1 ? fails() : void ran.push(number)) }, { concurrency: 100 });
  await world.advance(10 * minute + 5_000);

  expect(ran).toEqual([2]);
});

test('the lifetime of a prepared task begins when it is added; a date that the app gave stays', async () => {
  const { tasks, world, tab, basket } = opened();
  const ran: number[] = [];
  const nothing = (): void => undefined;
  tab.run({ send: nothing, share: (number) => void ran.push(number), strict: nothing, save: nothing });
  const expiresAt = world.wall() + 25 * minute;
  const prepared = [await basket.prepare('share', 1), await basket.prepare('share', 2, { expiresAt })];
  await world.advance(20 * minute); // The person fills in the form.
  await basket.pause({});
  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  for (const one of prepared) basket.addTx(tx, one);
  await endOf(tx);
  db.close();

  const addedAt = world.wall();
  expect(await rowsOf(tasks)).toMatchObject([
    { addedAt, expiresAt: addedAt + 10 * minute },
    { addedAt, expiresAt },
  ]);
  await basket.resume();
  await world.settle();
  expect([...ran].sort((one, other) => one - other)).toEqual([1, 2]);
});
