import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { contentsOf, freshName } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

async function opened() {
  const types = {
    save: task<string>({ lane: 'notes' }),
    send: task<string>(),
    report: task<string>({ lane: 'notes', owner: 'none' }),
  };
  const tasks = defineTasks(freshName(), types, { session: session<{ token: string }>() });
  const world = createWorld();
  const [page, tab, other] = [world.open(tasks), world.open(tasks), world.open(tasks)];
  const ran: string[] = [];
  const during = new Map<string, Promise<void>>();
  const does = async (text: string): Promise<void> => {
    ran.push(text);
    await during.get(text);
  };
  tab.run({ save: does, send: does, report: does });
  const as = async (who: string): Promise<void> => {
    await page.basket.signIn(who, { token: who });
    await world.settle();
  };
  await as('ann');
  const pauses = async () => {
    const looking = page.basket.health();
    await world.advance(2_000);

    return (await looking).pauses;
  };
  const stored = async (): Promise<readonly string[]> =>
    [...(await contentsOf(tasks)).state.keys()].map(String).filter((key) => key.startsWith('paused:'));

  return { tasks, world, basket: page.basket, other: other.basket, ran, as, pauses, stored, during };
}

/** How a promise has ended. */
function endOf(promise: Promise<unknown>): () => unknown {
  let end: unknown = 'waits';
  promise.then(
    () => (end = 'resolved'),
    (error: unknown) => (end = (error as { code?: unknown }).code),
  );

  return () => end;
}

describe('a pause', () => {
  test('holds the tasks of who is signed in, and those of nobody, and none of another owner', async () => {
    const { world, basket, ran, as, pauses } = await opened();
    await basket.pause({});
    await basket.add('send', 'ann');
    await basket.add('report', 'nobody');
    await world.settle();
    expect(ran).toEqual([]);
    await as('bob');
    await basket.add('send', 'bob');
    await world.settle();
    expect(ran).toEqual(['bob']);
    expect(await pauses()).toEqual([{}]);
    expect(await basket.resume({})).toBe(1);
    await world.settle();
    expect(ran).toEqual(['bob', 'nobody']);
    expect(await pauses()).toEqual([]);

    await as('ann');
    expect(ran).toEqual(['bob', 'nobody']);
    expect(await pauses()).toEqual([{}]);
    expect(await basket.resume()).toBe(1);
    await world.settle();
    expect(ran).toEqual(['bob', 'nobody', 'ann']);
  });

  test.each([
    ['a type that has an owner', { type: 'send' }, 1, 'save'],
    ['a type that belongs to nobody', { type: 'report' }, 1, 'send'],
    ['a lane', { lane: 'notes' }, 2, 'send'],
    ['an owner who is named', { owner: 'ann' }, 1, 'report'],
  ] as const)('of %s is stored once for each owner, and ends whole', async (_, filter, records, free) => {
    const { world, basket, ran, stored, pauses } = await opened();
    await basket.pause(filter);
    expect(await stored()).toHaveLength(records);
    await basket.add('save', 'save');
    await basket.add('send', 'send');
    await basket.add('report', 'report');
    await world.settle();
    expect(ran).toContain(free);
    expect(ran.length).toBeLessThan(3);
    const [shown = ''] = await pauses();
    expect(await basket.resume(shown)).toBe(1);
    await world.settle();
    expect([...ran].sort()).toEqual(['report', 'save', 'send']);
    expect(await stored()).toEqual([]);
  });

  test('of every owner holds all, is named with its part, and may be ended by anybody', async () => {
    const { world, basket, ran, as, pauses } = await opened();
    await basket.pause({ everyOwner: true, lane: 'notes' });
    const id = await basket.add('save', 'ann');
    await as('bob');
    await basket.add('save', 'bob');
    await world.settle();
    expect(ran).toEqual([]);
    expect(await pauses()).toEqual([{ everyOwner: true, lane: 'notes' }]);
    expect(await basket.resume({ lane: 'notes' })).toBe(0);
    expect(await basket.resume({ lane: 'notes', everyOwner: true })).toBe(1);
    await world.settle();
    await as('ann');
    expect(ran).toEqual(['bob', 'ann']);
    expect(await basket.get(id)).toBe(undefined);
  });

  test('of before the session holds everybody’s, and ends by the same filter, whoever is signed in', async () => {
    const name = freshName();
    const world = createWorld();
    const old = world.open(defineTasks(name, { send: task<string>() }));
    await old.basket.pause({ type: 'send' });
    await old.basket.pause({});
    await old.basket.add('send', 'before');
    old.kill();
    const page = world.open(defineTasks(name, { send: task<string>() }, { session: session() }));
    const ran: string[] = [];
    page.run({ send: (text) => void ran.push(text) });
    await page.basket.signIn('ann', undefined, { adopt: true });
    const id = await page.basket.add('send', 'after');
    await world.settle();
    expect(await page.basket.explain(id)).toEqual([
      { reason: 'paused', filter: { type: ['send'] } },
      { reason: 'paused', filter: {} },
    ]);
    expect(await page.basket.resume({ everyOwner: true })).toBe(0);
    expect(await page.basket.resume({ type: 'send' })).toBe(1);
    expect(await page.basket.resume({ owner: 'bob' })).toBe(1);
    await world.settle();
    expect(ran).toEqual(['before', 'after']);
  });

  test.each([
    ['gets', undefined, 'none'],
    ['loses', 'none', undefined],
  ] as const)('of a type that %s `owner: none` ends by the same filter', async (_, before, after) => {
    const name = freshName();
    const world = createWorld();
    const build = (owner: 'none' | undefined) =>
      world.open(defineTasks(name, { send: task<string>({ owner }) }, { session: session() }));
    const old = build(before);
    await old.basket.signIn('ann');
    await old.basket.pause({});
    await old.basket.pause({ type: 'send' });
    await old.basket.add('send', 'before');
    old.kill();
    const page = build(after);
    const ran: string[] = [];
    page.run({ send: (text) => void ran.push(text) });
    await page.basket.signIn('ann', undefined, { adopt: true });
    expect(await page.basket.resume({ type: 'send' })).toBe(1);
    expect(await page.basket.resume({})).toBe(1);
    await world.settle();
    expect(ran).toEqual(['before']);
    expect([...(await contentsOf(page.context.registry)).state.keys()].join()).not.toContain('paused:');
  });

  test('of another owner stays, by its filter and by its id', async () => {
    const { world, basket, ran, as, pauses } = await opened();
    await basket.pause({ type: 'send' });
    const id = await basket.add('save', 'ann');
    await basket.pause(id);
    await as('bob');
    expect(await pauses()).toEqual([]);
    expect(await basket.resume()).toBe(0);
    expect(await basket.resume(id)).toBe(0);
    expect(await basket.resume({ type: 'send' })).toBe(0);
    await as('ann');
    expect(await pauses()).toEqual([id, { type: ['send'] }]);
    expect(await basket.explain(id)).toEqual([{ reason: 'paused', filter: id }]);
    expect(ran).toEqual([]);
    await as('bob');
    expect(await basket.resume({ type: 'send', owner: 'ann' })).toBe(1);
    await as('ann');
    expect(await basket.resume(id)).toBe(1);
    await world.settle();
    expect(ran).toEqual(['ann']);
  });

  test('of the id of somebody else’s task, or of none, holds nothing', async () => {
    const { world, basket, as, stored } = await opened();
    const id = await basket.add('save', 'ann', { runAt: world.wall() + 60_000 });
    await as('bob');
    await basket.pause(id);
    await basket.pause('nobody knows it');
    expect(await stored()).toEqual([]);
  });

  test('needs somebody who is signed in, or says whose tasks it means', async () => {
    const { other, stored } = await opened();
    for (const call of [() => other.pause({}), () => other.resume({ lane: 'notes' }), () => other.whenIdle()])
      await expect(call()).rejects.toMatchObject({ code: 'signed-out' });
    expect(await stored()).toEqual([]);
    await other.pause({ type: 'report' });
    await other.pause({ owner: 'ann' });
    await other.pause({ everyOwner: true });
    expect(await stored()).toHaveLength(3);
    expect(await other.resume()).toBe(2);
    await other.whenIdle({ type: 'report' });
    await other.whenIdle({ owner: 'ann' });
  });

  test('goes with its owner', async () => {
    const { basket, as, stored } = await opened();
    await basket.pause({ lane: 'notes' });
    await basket.pause(await basket.add('save', 'ann'));
    await as('bob');
    await basket.pause({ type: 'save' });
    expect(await stored()).toHaveLength(4);
    expect(await basket.purge('ann')).toBe(1);
    expect(await stored()).toEqual([
      'paused:[["lane","notes"],["owner",null]]',
      'paused:[["owner","bob"],["types",["save"]]]',
    ]);
  });
});

describe('whenIdle', () => {
  test('waits for the tasks of who is signed in, and not for those of another owner', async () => {
    const { world, basket, as, during, other } = await opened();
    await basket.add('send', 'ann', { runAt: world.wall() + 10_000 });
    await as('bob');
    await basket.whenIdle();
    await basket.whenIdle({ everyOwner: true });
    const answered = createGate();
    during.set('bob', answered.promise);
    await basket.add('send', 'bob');
    const [own, every, ofBob] = [
      endOf(basket.whenIdle()),
      endOf(other.whenIdle({ everyOwner: true })),
      endOf(other.whenIdle({ owner: 'bob' })),
    ];
    await world.settle();
    expect([own(), every(), ofBob()]).toEqual(['waits', 'waits', 'waits']);
    answered.open();
    await world.settle();
    await world.advance(2_000);
    expect([own(), every(), ofBob()]).toEqual(['resolved', 'resolved', 'resolved']);
  });

  test('rejects when its owner leaves, here or in another tab', async () => {
    const { world, basket, other, as } = await opened();
    await basket.add('send', 'ann', { runAt: world.wall() + 10_000_000 });
    const [own, named, every] = [
      endOf(basket.whenIdle()),
      endOf(other.whenIdle({ owner: 'ann' })),
      endOf(other.whenIdle({ everyOwner: true })),
    ];
    await world.settle();
    await other.signOut();
    await world.advance(2_000);
    expect([own(), named(), every()]).toEqual(['signed-out', 'signed-out', 'resolved']);
    expect(endOf(basket.whenIdle())()).toBe('waits');
    await expect(basket.whenIdle()).rejects.toMatchObject({ code: 'signed-out', message: /"ann" is not signed in/ });

    await as('ann');
    const again = endOf(basket.whenIdle());
    await world.settle();
    expect(again()).toBe('waits');
    await as('bob');
    await world.advance(2_000);
    expect(again()).toBe('signed-out');
  });

  test('rejects if another tab has signed somebody else in, also if no task of its owner is left', async () => {
    const { basket, other, world } = await opened();
    const before = endOf(basket.whenIdle());
    await world.settle();
    expect(before()).toBe('resolved');
    await other.signIn('bob', { token: 'bob' });
    const after = endOf(basket.whenIdle());
    await world.settle();
    expect(after()).toBe('signed-out');
  });

  test('waits for the tasks of an owner whose signIn was not awaited', async () => {
    const { basket, other, world, ran } = await opened();
    await other.signOut();
    await basket.add('send', 'ann');
    void basket.signIn('ann', { token: 'ann' });
    const idle = endOf(basket.whenIdle());
    const named = endOf(basket.whenIdle({ owner: 'ann' }));
    await world.advance(2_000);
    expect(ran).toEqual(['ann']);
    expect([idle(), named()]).toEqual(['resolved', 'resolved']);
  });

  test('waits as long as no page has given the values of who is signed in', async () => {
    const { world, basket, ran } = await opened();
    await basket.signIn('cleo', () => new Promise<{ token: string }>(() => undefined));
    await basket.add('send', 'cleo');
    const idle = endOf(basket.whenIdle());
    await world.advance(100_000);
    expect(idle()).toBe('waits');
    await basket.signIn('cleo', { token: 'c' });
    await world.settle();
    await world.advance(2_000);
    expect(ran).toEqual(['cleo']);
    expect(idle()).toBe('resolved');
  });
});

test('a pause that is ended while somebody else signs in is counted as one, for who asked', async () => {
  const { basket, as } = await opened();
  await basket.pause({});
  const ending = basket.resume({});
  await as('bob');

  expect(await ending).toBe(1);
});
