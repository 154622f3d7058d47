import { describe, expect, test } from 'vitest';

import type { EventOf } from '../../src/basket/telling/events.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, RetryLater, Unavailable } from '../../src/pure/verdict.js';
import { contentsOf, freshName, rowsOf } from '../support/database.js';
import { failureOf } from '../basket/app.js';
import { createGate, createWorld } from '../support/world.js';

interface Draft {
  readonly note: string;
  readonly text: number;
}

const draftTasks = () =>
  defineTasks(freshName(), {
    save: task<Draft>({ lane: ({ note }) => note, key: ({ note }) => note }),
    publish: task<Draft>({ lane: ({ note }) => note }),
    loose: task<Draft>({ key: ({ note }) => note }),
  });
const nothing = (): void => undefined;

/** Two saves of each of two notes. */
const twoOfEach = [
  ['save', { note: 'n', text: 1 }],
  ['save', { note: 'n', text: 2 }],
  ['save', { note: 'm', text: 3 }],
  ['save', { note: 'm', text: 4 }],
] as const;

/** Adds each task in a tab that dies before it deletes what was replaced, so that only the runner can do it. */
async function addAndDie(
  world: ReturnType<typeof createWorld>,
  tasks: ReturnType<typeof draftTasks>,
  ...adds: readonly (readonly [name: 'save' | 'publish' | 'loose', draft: Draft, options?: object])[]
): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const [name, draft, options] of adds) {
    const tab = world.open(tasks);
    tab.at('tidy:before', tab.kill);
    ids.push(await tab.basket.add(name, draft, options));
    tab.kill();
  }
  await world.settle();
  expect(await rowsOf(tasks)).toHaveLength(adds.length);

  return ids;
}

const fifty = Array.from({ length: 50 }, (_, text): Draft => ({ note: 'n', text }));

describe('of the tasks of one key the latest runs', () => {
  test('fifty autosaves while the first is sent are two requests, and the others say what replaced them', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const told: EventOf<'settled'>[] = [];
    tab.basket.on('settled', (event) => told.push(event));
    const sent: number[] = [];
    const first = createGate();
    tab.run({
      loose: nothing,
      publish: nothing,
      async save({ text }) {
        sent.push(text);
        if (text === 0) await first.promise;
      },
    });
    const ids: string[] = [];
    for (const draft of fifty) {
      ids.push(await tab.basket.add('save', draft));
      await world.settle();
    }
    expect(await tab.basket.count()).toEqual({ count: 2, more: false });
    const end = tab.basket.settled(ids[20] ?? '');

    first.open();
    await world.settle();
    expect(sent).toEqual([0, 49]);
    expect(await end).toEqual({ state: 'replaced', by: ids[21] });
    expect(told.filter(({ state }) => state === 'replaced').length).toBe(48);
    expect(told[0]).toEqual({ event: 'settled', id: ids[1], type: 'save', owner: null, state: 'replaced', by: ids[2] });
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('in a tunnel only the latest is kept, and its payload', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: number[] = [];
    let away = true;
    tab.run({
      loose: nothing,
      publish: nothing,
      save({ text }) {
        sent.push(text);
        if (away) throw new Unavailable({ retryAfter: 60_000 });
      },
    });
    await tab.basket.add('save', { note: 'first', text: -1 });
    await world.settle();
    const large = 'x'.repeat(40_000);
    for (const draft of fifty) await tab.basket.add('save', { ...draft, large } as Draft);
    await world.settle();
    expect(await tab.basket.count()).toEqual({ count: 2, more: false });
    expect((await contentsOf(tasks)).payloads.size).toBe(1);

    away = false;
    await world.advance(200_000);
    expect(sent).toEqual([-1, 49, -1]);
  });

  test('the runner replaces what a closed page left: the whole chain at once, by the last', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const ids = await addAndDie(world, tasks, ...fifty.map((draft) => ['save', draft] as const));
    const tab = world.open(tasks);
    const sent: number[] = [];
    tab.run({ loose: nothing, publish: nothing, save: ({ text }) => void sent.push(text) });
    await world.settle();
    expect(sent).toEqual([49]);
    expect(await tab.basket.settled(ids[0] ?? '')).toEqual({ state: 'replaced', by: ids[49] });
  });

  test('a list of one transaction replaces within itself', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: number[] = [];
    await tab.basket.addMany(fifty.map((draft) => ['save', draft] as const));
    tab.run({ loose: nothing, publish: nothing, save: ({ text }) => void sent.push(text) });
    await world.settle();
    expect(sent).toEqual([49]);
  });

  test('without a lane an earlier task that is late does not undo the latest', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const [first] = await addAndDie(
      world,
      tasks,
      ['loose', { note: 'n', text: 1 }, { priority: 'low', runAt: world.wall() + 5_000 }],
      ['loose', { note: 'n', text: 2 }],
      ['loose', { note: 'other', text: 3 }],
    );
    const tab = world.open(tasks);
    const sent: number[] = [];
    tab.run({ loose: ({ text }) => void sent.push(text), publish: nothing, save: nothing });
    await world.advance(10_000);
    expect(sent).toEqual([2, 3]);
    expect(await tab.basket.settled(first ?? '')).toMatchObject({ state: 'replaced' });
  });

  test('the key of an add is instead of that of its type, and another type or lane is another key', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: number[] = [];
    await tab.basket.add('save', { note: 'n', text: 1 }, { key: 'title' });
    await tab.basket.add('save', { note: 'n', text: 2 });
    await tab.basket.add('loose', { note: 'n', text: 3 });
    await tab.basket.add('save', { note: 'n', text: 4 }, { lane: 'other' });
    await tab.basket.add('publish', { note: 'p', text: 5 }, { key: 'p' });
    await tab.basket.add('publish', { note: 'p', text: 6 }, { key: 'p' });
    const send = ({ text }: Draft): void => void sent.push(text);
    tab.run({ loose: send, publish: send, save: send });
    await world.settle();
    expect(new Set(sent)).toEqual(new Set([1, 2, 3, 4, 6]));
  });
});

describe('what was started is never replaced', () => {
  test('a task that failed, or was asked for later, runs again before the latest', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: string[] = [];
    tab.run({
      loose: nothing,
      publish: nothing,
      save({ text }, { number }) {
        sent.push(`${text} ${number}`);
        if (number === 1 && text === 0) throw new Error('once');
        if (number === 2 && text === 0) throw new RetryLater(5_000);
      },
    });
    await tab.basket.add('save', { note: 'n', text: 0 });
    await world.settle();
    for (const text of [1, 2]) await tab.basket.add('save', { note: 'n', text });
    await world.advance(60_000);
    expect(sent).toEqual(['0 1', '0 2', '0 3', '2 1']);
  });

  test('a task whose runner died under it runs again before the latest', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const dying = world.open(tasks);
    dying.run({ loose: nothing, publish: nothing, save: () => new Promise(() => undefined) });
    await dying.basket.add('save', { note: 'n', text: 0 });
    await world.settle();
    for (const text of [1, 2]) await dying.basket.add('save', { note: 'n', text });
    dying.kill();

    const sent: number[] = [];
    world.open(tasks).run({ loose: nothing, publish: nothing, save: ({ text }) => void sent.push(text) });
    await world.settle();
    expect(sent).toEqual([0, 2]);
  });

  test('a dead task keeps its place, and its correction is sent', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: number[] = [];
    tab.run({
      loose: nothing,
      publish: nothing,
      save({ text }) {
        sent.push(text);
        if (text === 0) throw new PermanentFailure('no');
      },
    });
    const dead = await tab.basket.add('save', { note: 'n', text: 0 });
    await world.settle();
    for (const text of [1, 2]) await tab.basket.add('save', { note: 'n', text });
    await world.settle();
    expect(await tab.basket.count()).toEqual({ count: 2, more: false });

    await tab.basket.update(dead, { note: 'n', text: 9 });
    await world.settle();
    expect(sent).toEqual([0, 9, 2]);
  });
});

test('an expired task that a person retries is sent, and a later one of its key that is dead does not take its place', async () => {
  const lifetime = { lifetime: 1_000, lane: 'place', key: 'place' };
  const world = createWorld();
  const tab = world.open(defineTasks(freshName(), { share: task<string>(lifetime) }));
  const sent: string[] = [];
  await tab.basket.pause({});
  tab.run({ share: (place) => void sent.push(place) });
  const first = await tab.basket.add('share', 'first');
  await world.advance(2_000);
  const second = await tab.basket.add('share', 'second');
  await world.advance(2_000);
  await tab.basket.resume();
  expect(await tab.basket.list()).toMatchObject([
    { id: first, state: 'dead' },
    { id: second, state: 'dead' },
  ]);

  await tab.basket.retry(first);
  await world.settle();
  expect(sent).toEqual(['first']);
  expect(await tab.basket.list()).toMatchObject([{ id: second, state: 'dead' }]);
});

describe('replacing changes no order', () => {
  test('another task of the lane between two ends it', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const sent: number[] = [];
    const save = (text: number) => ['save', { note: 'n', text }] as const;
    await addAndDie(world, tasks, save(1), save(2), ['publish', { note: 'n', text: 3 }], save(4), save(5));
    const send = ({ text }: Draft): void => void sent.push(text);
    world.open(tasks).run({ loose: send, publish: send, save: send });
    await world.settle();
    expect(sent).toEqual([2, 3, 5]);
  });

  test('a dead task that has left the lane, and comes back between two of a key, ends it', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: number[] = [];
    const send = ({ text }: Draft): void => void sent.push(text);
    tab.run({ loose: send, publish: send, save: send });
    await tab.basket.add('save', { note: 'n', text: 1 }, { runAt: world.wall() + 3_600_000 });
    const between = await tab.basket.add('publish', { note: 'n', text: 2 }, { expiresAt: world.wall() + 10_000 });
    await world.advance(20_000);
    expect(await tab.basket.settled(between)).toMatchObject({ state: 'dead', because: 'expired' });
    await tab.basket.add('save', { note: 'n', text: 3 });
    await world.settle();
    await tab.basket.retry(between);
    await world.advance(3_600_000);

    expect(sent).toEqual([1, 2, 3]);
  });

  test('a task that the runner had read before another one took its place is not sent after it', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const [tab, page] = [world.open(tasks), world.open(tasks)];
    const sent: number[] = [];
    const first = createGate();
    await tab.basket.add('loose', { note: 'first', text: 0 }, { priority: 'low' });
    await tab.basket.add('loose', { note: 'n', text: 1 }, { priority: 'low' });
    const loose = async ({ text }: Draft): Promise<void> => {
      sent.push(text);
      if (text === 0) await first.promise;
    };
    tab.run({ loose, publish: nothing, save: nothing }, { concurrency: 1 });
    await world.settle();
    page.at('tidy:before', page.kill);
    await page.basket.add('loose', { note: 'n', text: 2 }, { priority: 'high' });
    await world.settle();
    first.open();
    await world.advance(600_000);

    expect(sent).toEqual([0, 2]);
  });
});

describe('commands do not find a task that was replaced', () => {
  test('to cancel the latest cancels all of its key that were never started', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const [first = '', last = ''] = await addAndDie(
      world,
      tasks,
      ['save', { note: 'n', text: 1 }],
      ['save', { note: 'n', text: 2 }],
    );
    const tab = world.open(tasks);
    expect(await tab.basket.cancel(last)).toBe(1);
    expect(await tab.basket.settled(first)).toEqual({ state: 'replaced', by: last });
    expect(await tab.basket.settled(last)).toEqual({ state: 'cancelled' });
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('to cancel a replaced task with its children tells every tab that it was replaced', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const [first = '', last = ''] = await addAndDie(
      world,
      tasks,
      ['save', { note: 'n', text: 1 }],
      ['save', { note: 'n', text: 2 }],
    );
    const [tab, other] = [world.open(tasks), world.open(tasks)];
    const told: EventOf<'settled'>[] = [];
    other.basket.on('settled', (event) => told.push(event));
    expect(await tab.basket.cancel(first, { children: true })).toBe(0);
    await world.settle();
    expect(told).toEqual([{ event: 'settled', id: first, type: 'save', owner: null, state: 'replaced', by: last }]);
  });

  test('a child that was read before its parent was replaced in the same turn is still found by its parent', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const soon = world.wall() + 1_000;
    const [, first = '', last = ''] = await addAndDie(
      world,
      tasks,
      ['publish', { note: 'm', text: 1 }, { runAt: soon + 3_600_000 }],
      ['save', { note: 'n', text: 2 }, { runAt: soon }],
      ['save', { note: 'n', text: 3 }],
    );
    const tab = world.open(tasks);
    const child = await tab.basket.add('publish', { note: 'm', text: 4 }, { after: first, runAt: soon + 1_000 });
    await world.advance(5_000);
    tab.run({ loose: nothing, publish: nothing, save: () => new Promise(nothing) });
    await world.settle();

    expect(await tab.basket.settled(first)).toEqual({ state: 'replaced', by: last });
    expect((await tab.basket.list({ parent: last })).map(({ id }) => id)).toEqual([child]);
    expect(await tab.basket.cancel(last, { children: true })).toBe(2);
  });

  test('a child that expires in the turn in which its parent is replaced is still found by its parent', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const soon = world.wall() + 1_000;
    const [first = '', last = ''] = await addAndDie(
      world,
      tasks,
      ['save', { note: 'n', text: 1 }, { expiresAt: soon }],
      ['save', { note: 'n', text: 2 }],
    );
    const tab = world.open(tasks);
    const child = await tab.basket.add('publish', { note: 'm', text: 3 }, { after: first, expiresAt: soon + 1 });
    await world.advance(5_000);
    tab.run({ loose: nothing, publish: nothing, save: () => new Promise(nothing) });
    await world.settle();

    expect(await tab.basket.settled(first)).toEqual({ state: 'replaced', by: last });
    expect(await tab.basket.get(child)).toMatchObject({ state: 'dead' });
    expect((await tab.basket.list({ parent: last })).map(({ id }) => id)).toEqual([child]);
    expect(await tab.basket.cancel(last, { children: true })).toBe(2);
  });

  test('a child that names a task whose place was taken before is cancelled with the task that took it', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const { basket } = world.open(tasks);
    const ids = [];
    for (const text of [1, 2, 3]) {
      ids.push(await basket.add('save', { note: 'n', text }));
      await world.settle();
    }
    const [first = '', , last = ''] = ids;
    expect(await basket.settled(first)).toMatchObject({ state: 'replaced' });
    await basket.add('publish', { note: 'p', text: 4 }, { after: first });

    expect(await basket.cancel(last, { children: true })).toBe(2);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('a child of two tasks that one command replaces waits for both that replaced them', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const [first = '', last = '', other = '', latest = ''] = await addAndDie(world, tasks, ...twoOfEach);
    const tab = world.open(tasks);
    const child = await tab.basket.add('publish', { note: 'p', text: 5 }, { after: [first, other] });
    const apart = await tab.basket.add('save', { note: 'q', text: 6 });
    expect(await tab.basket.retry({ type: 'save' })).toBe(3);
    for (const parent of [last, latest])
      expect((await tab.basket.list({ parent })).map(({ id }) => id)).toEqual([child]);
    expect(await tab.basket.cancel(last, { children: true })).toBe(2);
    expect(await tab.basket.get(apart)).toMatchObject({ state: 'queued' });
  });

  test('a replaced task is neither cancelled nor corrected, and the task behind it goes on', async () => {
    const tasks = draftTasks();
    const world = createWorld();
    const [first = '', second = ''] = await addAndDie(world, tasks, ...twoOfEach);
    const tab = world.open(tasks);
    const told: unknown[] = [];
    tab.basket.on('settled', ({ id, state }) => told.push([id, state]));
    expect(await tab.basket.update(first, { note: 'n', text: 9 })).toBe(false);
    expect(told).toEqual([[first, 'replaced']]);
    expect(await tab.basket.update(second, { note: 'n', text: 10 })).toBe(true);
    expect(await tab.basket.cancel({ lane: 'm' })).toBe(1);

    const sent: number[] = [];
    tab.run({ loose: nothing, publish: nothing, save: ({ text }) => void sent.push(text) });
    await world.settle();
    expect(sent).toEqual([10]);
  });

  test('a correction with another key is refused, unless the key was an option of the add', async () => {
    const tasks = draftTasks();
    const { basket } = createWorld().open(tasks);
    const id = await basket.add('loose', { note: 'n', text: 1 });
    const error = await failureOf(basket.update(id, { note: 'm', text: 1 }));
    expect(error).toMatchObject({ code: 'option' });
    expect(error.message).toContain('gives the key "m", but the key of the task is "n"');

    const given = await basket.add('loose', { note: 'n', text: 1 }, { key: 'k' });
    expect(await basket.update(given, { note: 'm', text: 1 })).toBe(true);
  });

  test('a key that is no text is refused', async () => {
    const { basket } = createWorld().open(draftTasks());
    const draft = { note: 'n', text: 1 };
    for (const key of ['', 7, null]) {
      const error = await failureOf(basket.add('loose', draft, { key } as never));
      expect(error).toMatchObject({ code: 'option' });
      expect(error.message).toContain('The key of "loose"');
    }
    expect(() => task({ key: 7 as never })).toThrow('A key must be');
  });
});
