import { describe, expect, test } from 'vitest';

import type { EventOf } from '../../src/basket/telling/events.js';
import { json } from '../../src/pure/codec.js';
import type { TaskOptions } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

interface First {
  readonly text: string;
}

interface Second {
  readonly lines: readonly string[];
}

interface Third extends Second {
  readonly title: string;
}

const split = ({ text }: First): Second => ({ lines: text.split('\n') });
const titled = ({ lines: [title = '', ...lines] }: Second): Third => ({ title, lines });
const ofJson =
  <Old>(upgrade: (old: Old) => unknown) =>
  (old: string): string =>
    JSON.stringify(upgrade(JSON.parse(old) as Old));

const firstBuild = (name: string) =>
  defineTasks(name, { save: task({ lane: 'a', codec: json<First>() }), plain: task<First>() });
const thirdBuild = (name: string, options: TaskOptions<Third, string> = {}) =>
  defineTasks(name, {
    save: task({
      lane: 'a',
      codec: json<Third>(),
      version: 3,
      upgrade: { 1: ofJson(split), 2: ofJson(titled) },
      ...options,
    }),
    plain: task<Third>({ version: 3, upgrade: { 1: split, 2: titled } }),
  });

/** A world in which a first build has added tasks, and is gone. */
async function withOldTasks() {
  const name = freshName();
  const world = createWorld();
  const old = world.open(firstBuild(name));
  const id = await old.basket.add('save', { text: 'one\ntwo' });
  const plain = await old.basket.add('plain', { text: 'three\nfour' });
  old.kill();

  return { name, world, id, plain };
}

describe('an upgrade brings the stored form of an earlier version to that of now', () => {
  test('scenario 45: what version 1 has stored is read, shown and run by version 3', async () => {
    const { name, world, id } = await withOldTasks();
    const tab = world.open(thirdBuild(name));
    const upgraded = { title: 'one', lines: ['two'] };
    expect(await tab.basket.list()).toMatchObject([
      { version: 1, unreadable: false, payload: upgraded },
      { payload: { title: 'three', lines: ['four'] } },
    ]);
    expect(await tab.basket.explain(id)).toEqual([{ reason: 'no-runner' }]);

    const ran: Third[] = [];
    const handler = (payload: Third): void => void ran.push(payload);
    tab.run({ save: handler, plain: handler });
    await world.settle();
    expect(ran).toEqual([upgraded, { title: 'three', lines: ['four'] }]);
    expect(await tab.basket.list()).toEqual([]);
  });

  test('scenario 45: a task whose upgrade throws is kept, says why, holds its lane, and is run by the next build', async () => {
    const { name, world, id } = await withOldTasks();
    const broken = () => {
      throw new Error('There is no title.');
    };
    const tab = world.open(thirdBuild(name, { upgrade: { 1: ofJson(split), 2: broken } }));
    const ran: string[] = [];
    const handler = ({ title }: Third): void => void ran.push(title);
    tab.run({ save: handler, plain: handler });
    const behind = await tab.basket.add('save', { title: 'new', lines: [] });
    await world.advance(3_600_000);
    expect(ran).toEqual(['three']);
    expect(await tab.basket.explain(id)).toMatchObject([
      { reason: 'undecodable', error: { message: 'There is no title.' } },
    ]);
    expect(await tab.basket.get(id)).toMatchObject({ state: 'queued', attempts: 0, failures: 0, version: 1 });
    expect(await tab.basket.explain(behind)).toMatchObject([{ reason: 'lane', behind: id }]);
    tab.kill();

    const next = world.open(thirdBuild(name), { build: 2 });
    next.run({ save: handler, plain: handler });
    await world.settle();
    expect(ran).toEqual(['three', 'one', 'new']);
  });

  test('a build without the upgrade leaves the task as it is, and says which version it has', async () => {
    const { name, world, id } = await withOldTasks();
    const later = defineTasks(name, {
      save: task({ lane: 'a', codec: json<Third>(), version: 3, upgrade: { 2: ofJson(titled) } }),
    });
    const tab = world.open(later);
    const before = await rowsOf(later);
    tab.run({ save: () => undefined });
    await world.advance(600_000);
    expect(await rowsOf(later)).toEqual(before);
    expect(await tab.basket.explain(id)).toEqual([{ reason: 'unknown-version', version: 1, known: 3 }]);
  });

  test('an asynchronous upgrade is refused, in words, and a rejection is handled', async () => {
    const { name, world, id } = await withOldTasks();
    const tab = world.open(
      thirdBuild(name, { upgrade: { 1: () => Promise.reject(new Error('late')), 2: ofJson(titled) } }),
    );
    tab.run({ save: () => undefined, plain: () => undefined });
    await world.settle();
    const [reason] = await tab.basket.explain(id);
    expect(reason).toMatchObject({
      reason: 'undecodable',
      error: { message: 'The upgrade of version 1 returned a promise. Return the value itself.' },
    });
  });

  test('what an attempt saves is in the form of now, and the next attempt gets it, also after a crash', async () => {
    const { name, world, id } = await withOldTasks();
    const tasks = thirdBuild(name);
    const tab = world.open(tasks);
    const saved = createGate();
    tab.run({
      async save(payload, { save }) {
        await save({ ...payload, title: 'saved' });
        saved.open();
        await new Promise(() => undefined);
      },
      plain: () => undefined,
    });
    await saved.promise;
    await world.settle();
    expect(await tab.basket.get(id)).toMatchObject({ version: 3, running: true, payload: { title: 'saved' } });
    tab.kill();

    const next = world.open(tasks);
    const ran: Third[] = [];
    next.run({ save: (payload) => void ran.push(payload), plain: () => undefined });
    await world.settle();
    expect(ran).toEqual([{ title: 'saved', lines: ['two'] }]);
  });

  test('a correction is stored in the form of now', async () => {
    const { name, world, id } = await withOldTasks();
    const tab = world.open(thirdBuild(name));
    expect(await tab.basket.update(id, { title: 'corrected', lines: [] })).toBe(true);
    expect(await tab.basket.get(id)).toMatchObject({ version: 3, payload: { title: 'corrected' } });
  });

  test.each([
    ['a version is missing', { 1: split }, 3],
    ['a version is that of now', { 1: split, 2: split }, 2],
    ['a version is later', { 2: split }, 2],
    ['a version is none', { 0: split }, 1],
    ['a name is no version', { one: split }, 2],
    ['it is a function', split, 2],
    ['one is no function', { 1: 'split' }, 2],
  ])('upgrades are refused if %s', (_, upgrade, version) => {
    expect(() => task({ version, upgrade: upgrade as never })).toThrow(/upgrade/);
  });
});

test('an upgrade that leaves a version out is refused, with the versions that it has', () => {
  const upgrade = { 1: String, 3: String };
  expect(() => task({ version: 4, upgrade })).toThrow('from the oldest one up to 3, but it is "{1, 3}".');
});

describe('an alias is an earlier name of a type', () => {
  const before = (name: string) => defineTasks(name, { sendNote: task<First>({ lane: 'a', key: 'k' }), other: task() });
  const after = (name: string) =>
    defineTasks(name, { saveNote: task<First>({ lane: 'a', key: 'k', aliases: ['sendNote', 'note'] }), other: task() });

  async function renamed() {
    const name = freshName();
    const world = createWorld();
    const old = world.open(before(name));
    const id: string = await old.basket.add('sendNote', { text: 'old' });

    return { name, world, old, id, tasks: after(name) };
  }

  test('scenario 44: tasks of the old name wait until a build has the type under its new name, and are run by it', async () => {
    const { name, world, old, id, tasks } = await renamed();
    old.kill();
    const without = world.open(defineTasks(name, { other: task() }));
    without.run({ other: () => undefined });
    await world.advance(600_000);
    expect(await without.basket.explain(id)).toMatchObject([{ reason: 'unknown-type' }]);
    without.kill();
    await world.settle();

    const tab = world.open(tasks, { build: 2 });
    const told: EventOf<'started'>[] = [];
    tab.basket.on('started', (event) => told.push(event));
    expect(await tab.basket.explain(id)).toEqual([{ reason: 'no-runner' }]);
    const ran: string[] = [];
    tab.run({ saveNote: ({ text }) => void ran.push(text), other: () => undefined });
    await world.settle();
    expect(ran).toEqual(['old']);
    expect(told).toEqual([{ event: 'started', id, type: 'saveNote', owner: null, number: 1 }]);
  });

  test('queries by the new name find them, shown under the new name; commands and corrections too', async () => {
    const { world, old, id, tasks } = await renamed();
    old.kill();
    const { basket } = world.open(tasks);
    await basket.add('saveNote', { text: 'new' });
    await basket.add('other');
    const views = await basket.list({ type: 'saveNote' });
    expect(views.map(({ type, payload }) => [type, payload])).toEqual([
      ['saveNote', { text: 'old' }],
      ['saveNote', { text: 'new' }],
    ]);
    expect(await basket.count({ type: 'saveNote' })).toMatchObject({ count: 2 });
    expect(await basket.count({ type: 'sendNote' as 'saveNote' })).toMatchObject({ count: 1 });
    const watched = basket.watch({ type: 'saveNote' });
    const stop = watched.subscribe(() => undefined);
    await world.settle();
    expect(watched.get().tasks).toHaveLength(2);
    stop();
    expect(await basket.update(id, { text: 'corrected' })).toBe(true);
    expect(await basket.cancel({ type: 'saveNote' })).toBe(2);
    expect(await basket.count()).toMatchObject({ count: 1 });
  });

  test('what runs under the old name takes the room of its type, and a task that waits for it says so', async () => {
    const name = freshName();
    const world = createWorld();
    await world.open(defineTasks(name, { sendNote: task() })).basket.add('sendNote');
    const tasks = defineTasks(name, { saveNote: task({ concurrency: 1, aliases: ['sendNote'] }) });
    const { basket, run } = world.open(tasks, { build: 2 });
    let started = 0;
    run({
      saveNote() {
        started += 1;

        return new Promise(() => undefined);
      },
    });
    await world.settle();
    const id = await basket.add('saveNote');
    await world.settle();

    expect(started).toBe(1);
    expect(await basket.explain(id)).toEqual([{ reason: 'busy' }]);
  });

  test('an earlier build still runs its tasks, and what a newer page adds waits for the newer build', async () => {
    const { world, old, id, tasks } = await renamed();
    const ran: string[] = [];
    const page = world.open(tasks, { build: 2 });
    const added = await page.basket.add('saveNote', { text: 'new' });
    old.run({ sendNote: ({ text }) => void ran.push(text), other: () => undefined });
    await world.settle();
    expect(ran).toEqual(['old']);
    expect(await page.basket.get(id)).toBeUndefined();
    expect(await page.basket.explain(added)).toEqual([{ reason: 'other-leader', build: 0 }]);
  });

  test('a pause by the new name holds the old tasks also while a worker of an earlier build runs them', async () => {
    const { world, old, tasks } = await renamed();
    const page = world.open(tasks, { build: 2 });
    await page.basket.pause({ type: 'saveNote' });
    const ran: string[] = [];
    old.run({ sendNote: ({ text }) => void ran.push(text), other: () => undefined });
    await world.settle();
    expect(ran).toEqual([]);
    expect(await page.basket.resume({ type: 'saveNote' })).toBe(1);
    await world.settle();
    expect(ran).toEqual(['old']);
  });

  test('an earlier name is not a type: nothing is added under it', async () => {
    const { basket } = createWorld().open(after(freshName()));
    await expect(basket.add('sendNote' as 'saveNote', { text: 'x' })).rejects.toMatchObject({
      code: 'unknown-type',
    });
  });

  test('an alias that is also a type, stands twice, or is no name, is refused', () => {
    const name = freshName();
    const twice = { a: task({ aliases: ['c'] }), b: task({ aliases: ['c'] }) };
    expect(() => defineTasks(name, { a: task({ aliases: ['b'] }), b: task() })).toThrow('An alias of "a" must be');
    expect(() => defineTasks(name, { a: task({ aliases: ['a'] }) })).toThrow('An alias of "a" must be');
    expect(() => defineTasks(name, { a: task({ aliases: ['c', 'c'] }) })).toThrow('An alias of "a" must be');
    expect(() => defineTasks(name, twice)).toThrow('An alias of "b" must be');
    expect(() => task({ aliases: 'a' as never })).toThrow('aliases must be');
    expect(() => task({ aliases: [''] })).toThrow('aliases must be');
  });
});

describe('a task keeps the lane, the key and the owner of its add, also if a later build gives its type others', () => {
  const declared = { session: session() };

  test('an update is refused whose payload gives a lane or a key that the task does not have', async () => {
    const name = freshName();
    const world = createWorld();
    const old = world.open(defineTasks(name, { save: task<string>(), draft: task<string>() }));
    const [saved, drafted] = [await old.basket.add('save', 'a'), await old.basket.add('draft', 'a')];
    const next = { save: task<string>({ lane: (text) => text }), draft: task<string>({ key: (text) => text }) };
    const { basket } = world.open(defineTasks(name, next));

    for (const id of [saved, drafted]) await expect(basket.update(id, 'a')).rejects.toMatchObject({ code: 'option' });
    expect(await basket.list()).toMatchObject([{ payload: 'a' }, { payload: 'a' }]);
  });

  test("a type that loses owner: 'none' leaves its tasks to the next adopt; a build without a session runs nothing of an owner", async () => {
    const name = freshName();
    const world = createWorld();
    const first = world.open(defineTasks(name, { save: task<string>({ owner: 'none' }) }, declared));
    const id = await first.basket.add('save', 'a');
    first.kill();
    const ran: string[] = [];
    const handlers = { save: (text: string): void => void ran.push(text) };

    const second = world.open(defineTasks(name, { save: task<string>() }, declared));
    second.run(handlers);
    await second.basket.signIn('ann');
    await world.settle();
    expect(await second.basket.explain(id)).toEqual([{ reason: 'no-owner' }]);
    second.kill();

    const third = world.open(defineTasks(name, { save: task<string>() }, declared));
    await third.basket.signIn('ann', undefined, { adopt: true });
    const without = world.open(defineTasks(name, { save: task<string>() }));
    const runner = without.run(handlers);
    await world.settle();
    expect(await without.basket.explain(id)).toEqual([{ reason: 'signed-out', owner: 'ann' }]);
    expect(ran).toEqual([]);

    runner.stop();
    third.run(handlers);
    await world.settle();
    expect(ran).toEqual(['a']);
  });
});
