import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

async function opened() {
  const backoff = { base: 60_000, cap: 60_000, jitter: 'none' } as const;
  const tasks = defineTasks(
    freshName(),
    {
      note: task<string>({ gate: 'api', backoff }),
      photo: task<string>({ gate: 'media', backoff }),
      edit: task<string>({ lane: (text) => text.charAt(0), gate: 'api', backoff }),
    },
    { gates: { base: 60_000, cap: 60_000 } },
  );
  const world = createWorld();
  const page = world.open(tasks);
  const ran: string[] = [];
  const answers = new Map<string, () => Promise<void>>();
  const does = async (text: string): Promise<void> => {
    ran.push(text);
    await answers.get(text)?.();
  };
  const run = () => {
    const tab = world.open(tasks);
    const { audits } = tab.run({ note: does, photo: does, edit: does });

    return { ...tab, audits };
  };

  return { tasks, world, page, basket: page.basket, run, ran, answers };
}

const pausesOf = async (tasks: Awaited<ReturnType<typeof opened>>['tasks']): Promise<readonly string[]> =>
  [...(await contentsOf(tasks)).state.keys()].map(String).filter((key) => key.startsWith('paused:'));

describe('a pause', () => {
  test.each([
    ['of everything', {}, ['n', 'p', 'a1', 'a2', 'b1']],
    ['of a type', { type: 'note' }, ['n']],
    ['of several types', { type: ['photo', 'note'] }, ['n', 'p']],
    ['of a gate', { gate: 'api' }, ['n', 'a1', 'a2', 'b1']],
    ['of a lane', { lane: 'a' }, ['a1', 'a2']],
    ['of a type in a lane', { type: 'edit', lane: 'b' }, ['b1']],
    ['of a type at another gate', { type: 'note', gate: 'media' }, []],
  ] as const)('%s holds what fits, added before or later, and nothing else, until it ends', async (_, filter, held) => {
    const { world, basket, run, ran } = await opened();
    await basket.add('note', 'n');
    await basket.add('edit', 'a1');
    await basket.pause(filter);
    await basket.add('photo', 'p');
    await basket.add('edit', 'a2');
    await basket.add('edit', 'b1');
    run();
    await world.advance(600_000);
    expect([...ran].sort()).toEqual(
      ['n', 'p', 'a1', 'a2', 'b1'].filter((text) => !held.includes(text as never)).sort(),
    );

    expect(await basket.resume(filter)).toBe(1);
    await world.settle();
    expect([...ran].sort()).toEqual(['a1', 'a2', 'b1', 'n', 'p']);
    expect(ran.indexOf('a1')).toBeLessThan(ran.indexOf('a2'));
  });

  test('of one task holds it, and what stands behind it in its lane', async () => {
    const { world, basket, run, ran } = await opened();
    run();
    await basket.pause({});
    const alone = await basket.add('note', 'n');
    await basket.add('note', 'm');
    const head = await basket.add('edit', 'a1');
    await basket.add('edit', 'a2');
    await basket.add('edit', 'b1');
    await basket.pause(alone);
    await basket.pause(head);
    await basket.resume({});
    await world.advance(600_000);
    expect([...ran].sort()).toEqual(['b1', 'm']);

    await basket.resume(head);
    await basket.resume(alone);
    await world.settle();
    expect(ran).toEqual(['b1', 'm', 'a1', 'a2', 'n'].sort((one, other) => ran.indexOf(one) - ran.indexOf(other)));
    expect(ran.indexOf('a1')).toBeLessThan(ran.indexOf('a2'));
  });

  test('holds a task that was held behind its head and becomes the head itself', async () => {
    const { world, basket, run, ran, answers } = await opened();
    const first = createGate();
    answers.set('a1', () => first.promise);
    run();
    await basket.add('edit', 'a1');
    const second = await basket.add('edit', 'a2');
    await world.settle();
    await basket.pause(second);
    first.open();
    await world.advance(600_000);
    expect(ran).toEqual(['a1']);

    await basket.resume(second);
    await world.settle();
    expect(ran).toEqual(['a1', 'a2']);
  });

  test('survives a reload, and holds in every tab', async () => {
    const { world, basket, run, ran } = await opened();
    await basket.pause({ lane: 'a' });
    await basket.add('edit', 'a1');
    const first = run();
    await world.settle();
    first.kill();
    run();
    await world.advance(600_000);
    expect(ran).toEqual([]);
  });

  test('lets what runs end normally, and holds its next attempt', async () => {
    const { world, basket, run, ran, answers } = await opened();
    const answered = createGate();
    answers.set('a1', () => answered.promise);
    run();
    await basket.add('edit', 'a1');
    await world.settle();
    await basket.pause({ lane: 'a' });
    answered.fail(new Error('not yet'));
    await world.advance(600_000);
    expect(ran).toEqual(['a1']);

    answers.clear();
    await basket.resume({ lane: 'a' });
    await world.settle();
    expect(ran).toEqual(['a1', 'a1']);
    expect(await basket.list()).toEqual([]);
  });

  test('lets a probe end normally, and the gate opens for what is not paused', async () => {
    const { world, basket, run, ran, answers } = await opened();
    const probe = createGate();
    answers.set('n', () => Promise.reject(new Unavailable({ retryAfter: 60_000 })));
    run();
    await basket.add('note', 'n');
    await world.settle();
    answers.set('n', () => probe.promise);
    await world.advance(100_000);
    expect(ran).toEqual(['n', 'n']);

    await basket.pause({ type: 'note' });
    await basket.add('edit', 'a1');
    await world.settle();
    expect(ran).toEqual(['n', 'n']);
    probe.open();
    await world.settle();
    expect(ran).toEqual(['n', 'n', 'a1']);
  });

  test('of a task with a date ends after that date or before it: the date still counts', async () => {
    const { world, basket, run, ran } = await opened();
    run();
    const id = await basket.add('note', 'n', { runAt: world.wall() + 100_000 });
    await basket.pause(id);
    await world.advance(50_000);
    await basket.resume(id);
    await world.advance(49_000);
    expect(ran).toEqual([]);
    await world.advance(2_000);
    expect(ran).toEqual(['n']);
  });
});

describe('pauses are a set:', () => {
  test('one task may be held by several, and runs when the last of them ends', async () => {
    const { world, basket, run, ran } = await opened();
    run();
    const id = await basket.add('edit', 'a1', { runAt: world.wall() + 1_000 });
    for (const filter of [{}, { lane: 'a' }, { type: 'edit', lane: 'a' }, { gate: 'api' }] as const)
      await basket.pause(filter);
    await basket.pause(id);
    await basket.pause({ lane: 'a', type: ['edit', 'edit'] });
    await world.advance(100_000);
    expect(await basket.resume({ type: 'edit' })).toBe(0);
    expect(await basket.resume({ type: ['edit'], lane: 'a' })).toBe(1);
    expect(await basket.resume({})).toBe(1);
    await world.advance(100_000);
    expect(ran).toEqual([]);

    expect(await basket.resume()).toBe(3);
    await world.settle();
    expect(ran).toEqual(['a1']);
    expect(await basket.resume()).toBe(0);
  });

  test('explain, a watch and health name each pause that holds, as resume takes it', async () => {
    const { world, basket, run } = await opened();
    run();
    await basket.pause({ lane: 'a' });
    await basket.pause({ type: 'edit' });
    const id = await basket.add('edit', 'a1');
    const behind = await basket.add('edit', 'a2');
    const other = await basket.add('edit', 'b1');
    await basket.pause(other);
    const watched = basket.watch({}, { reasons: true });
    watched.subscribe(() => undefined);
    await world.settle();

    const ofLane = { reason: 'paused', filter: { lane: 'a' } };
    const ofType = { reason: 'paused', filter: { type: ['edit'] } };
    expect(await basket.explain(id)).toEqual([ofLane, ofType]);
    expect(await basket.explain(behind)).toEqual([
      ofLane,
      ofType,
      { reason: 'lane', lane: 'a', behind: id, dead: false },
    ]);
    expect(await basket.explain(other)).toEqual([{ reason: 'paused', filter: other }, ofType]);
    expect(watched.get().tasks.map(({ reasons }) => reasons.length)).toEqual([2, 3, 2]);
    expect((await basket.health()).pauses).toEqual([other, { lane: 'a' }, { type: ['edit'] }]);

    for (const filter of (await basket.health()).pauses) await basket.resume(filter);
    await world.settle();
    expect(watched.get().tasks).toEqual([]);
  });

  test('the pause of a task goes with it: it succeeded or was cancelled', async () => {
    const { tasks, world, basket, run, answers } = await opened();
    const answered = createGate();
    answers.set('n', () => answered.promise);
    run();
    const running = await basket.add('note', 'n');
    await world.settle();
    const waiting = await basket.add('note', 'm', { runAt: world.wall() + 1_000 });
    await basket.pause(running);
    await basket.pause(waiting);
    expect(await pausesOf(tasks)).toHaveLength(2);

    await basket.cancel(waiting);
    expect(await pausesOf(tasks)).toHaveLength(1);
    answered.open();
    await world.settle();
    expect(await pausesOf(tasks)).toEqual([]);
  });

  test('the pause of a task stays when an attempt of it fails: it is not tried again', async () => {
    const { world, basket, run, ran, answers } = await opened();
    const answered = createGate();
    answers.set('n', () => answered.promise);
    run();
    const running = await basket.add('note', 'n');
    await world.settle();
    await basket.pause(running);
    answered.fail(new Error('refused'));
    await world.advance(600_000);

    expect(ran).toEqual(['n']);
    expect((await basket.health()).pauses).toEqual([running]);
  });

  test('the pause of a task that another one replaced goes with it', async () => {
    const { tasks, world, basket } = await opened();
    const first = await basket.add('note', 'n', { key: 'k' });
    await basket.pause(first);
    const second = await basket.add('note', 'm', { key: 'k' });
    await world.settle();

    expect(await basket.settled(first)).toEqual({ state: 'replaced', by: second });
    expect(await pausesOf(tasks)).toEqual([]);
  });

  test('a paused basket is not stalled, and an audit leaves what is held', async () => {
    const { tasks, world, basket, run, ran } = await opened();
    const { audits } = run();
    await basket.pause({ lane: 'a' });
    const id = await basket.add('note', 'n', { runAt: world.wall() + 1_000 });
    await basket.pause(id);
    await basket.add('edit', 'a1');
    await world.advance(400_000);
    expect(audits.length).toBeGreaterThan(2);
    expect((await rowsOf(tasks)).map(({ ready }) => ready.charAt(0))).toEqual(['H', 'H']);
    const looking = basket.health();
    await world.advance(2_000);
    expect((await looking).stalled).toBe(false);
    expect(ran).toEqual([]);
  });

  test('ends by the same parts in another order, and each of many ends by itself', async () => {
    const { tasks, world, basket, run, ran } = await opened();
    await basket.pause({ type: ['photo', 'edit', 'edit'], lane: 'a', gate: 'api' });
    await basket.pause({ everyOwner: true });
    const lanes = Array.from({ length: 64 }, (_, n) => `lane ${n}`);
    for (const lane of lanes) await basket.pause({ lane });
    expect(await pausesOf(tasks)).toHaveLength(66);
    await basket.add('edit', 'a1');
    run();
    await world.settle();
    expect(await basket.resume({})).toBe(1);
    expect(ran).toEqual([]);
    for (const lane of lanes) expect(await basket.resume({ lane })).toBe(1);
    expect(await basket.resume({ gate: 'api', lane: 'a', type: ['edit', 'photo'] })).toBe(1);
    await world.settle();
    expect(ran).toEqual(['a1']);
  });

  test('of a later build holds what fits the parts that are known here, and may be ended', async () => {
    const { tasks, world, basket, run, ran } = await opened();
    await basket.add('edit', 'a1');
    const record = { lane: 'a', priority: 'low' };
    await byHand(tasks, ({ state }) => {
      state.put(record, 'paused:[["lane","a"],["priority","low"]]');
      state.put('another stamp', 'edits');
    });
    run();
    await basket.add('edit', 'b1');
    await world.settle();
    expect(ran).toEqual(['b1']);
    const looking = basket.health();
    await world.advance(2_000);
    expect((await looking).pauses).toEqual([{ lane: 'a' }]);
    expect(await basket.resume({ lane: 'a' })).toBe(1);
    await world.settle();
    expect(ran).toEqual(['b1', 'a1']);
  });

  test.each([
    ['a record under another key', { lane: 'a' }, 'paused:x'],
    ['a record that is none', 'everything', 'paused:[]'],
  ])('%s holds nothing', async (_, record, key) => {
    const { tasks, world, basket, run, ran } = await opened();
    await basket.list();
    await byHand(tasks, ({ state }) => void state.put(record, key));
    run();
    await basket.add('edit', 'a1');
    await world.settle();
    expect(ran).toEqual(['a1']);
  });
});

describe('a pause is refused', () => {
  test.each([
    ['without a filter', undefined, /must be an object/],
    ['for a part that is undefined', { lane: undefined }, /lane is undefined, which would mean all tasks/],
    ['for a state', { state: 'dead' }, /can have no "state"/],
    ['for a part that is unknown', { lanes: 'a' }, /can have no "lanes"/],
    ['for a lane that is no text', { lane: 7 }, /lane must be a string/],
    ['for an owner without a session', { owner: 'ann' }, /declares no session/],
    ['for a promise', Promise.resolve('id'), /must be an object/],
  ])('%s, and so is the end of one', async (_, filter, message) => {
    const { basket } = await opened();
    const given = filter as never;

    await expect(basket.pause(given)).rejects.toMatchObject({
      code: 'option',
      message: expect.stringMatching(message) as string,
    });
    await expect(basket.resume(given)).rejects.toMatchObject({ code: 'option' });
  });
});

test('a pause of a type that is renamed holds it under both names, is named by the new one, and ends by it', async () => {
  const name = freshName();
  const world = createWorld();
  const old = world.open(defineTasks(name, { sendPhoto: task<string>() }));
  await old.basket.pause({ type: 'sendPhoto' });
  const first = await old.basket.add('sendPhoto', 'before');
  old.kill();
  const tasks = defineTasks(name, { uploadPhoto: task<string>({ aliases: ['sendPhoto'] }) });
  const { basket, run } = world.open(tasks);
  const ran: string[] = [];
  run({ uploadPhoto: (text) => void ran.push(text) });
  await basket.add('uploadPhoto', 'after');
  await world.settle();
  expect(ran).toEqual([]);

  await basket.pause({ type: 'uploadPhoto' });
  expect(await basket.explain(first)).toEqual([{ reason: 'paused', filter: { type: ['uploadPhoto'] } }]);
  expect(await basket.resume({ type: 'uploadPhoto' })).toBe(1);
  await world.settle();
  expect(ran).toEqual(['before', 'after']);
});
