import { describe, expect, test } from 'vitest';

import { waited } from '../../src/ports/wait.js';
import type { Codec } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { byHand, freshName, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

const nothing = (): void => undefined;

describe('what this build does not know', () => {
  test('scenarios 43 and 44: tasks of a type or a version that this build has not are left as they are, cost nothing, and run once a build has them', async () => {
    const name = freshName();
    const newest = defineTasks(name, {
      known: task<number>(),
      unknown: task<number>({ lane: 'a' }),
      versioned: task<number>({ version: 2 }),
    });
    const older = defineTasks(name, { known: task<number>(), versioned: task<number>() });
    const world = createWorld();
    const adder = world.open(newest);
    for (let number = 0; number < 3; number += 1) {
      await adder.basket.add('unknown', number);
      await adder.basket.add('versioned', number);
      await adder.basket.add('known', number);
    }
    const added = (await rowsOf(newest)).filter((row) => row.type !== 'known');

    const old = world.open(older);
    const ran: string[] = [];
    const handler = (type: string) => (number: number) => void ran.push(`${type} ${number}`);
    old.run({ known: handler('known'), versioned: handler('old version') });
    await world.advance(600_000);
    expect(ran).toEqual(['known 0', 'known 1', 'known 2']);
    expect(await rowsOf(newest)).toEqual(added);
    expect(await old.basket.list()).toMatchObject(
      added.map(({ id }) => ({ id, unreadable: true, payload: undefined, attempts: 0, state: 'queued' })),
    );
    old.kill();

    world.open(newest).run({
      known: handler('known'),
      unknown: handler('unknown'),
      versioned: handler('version 2'),
    });
    await world.settle();
    expect(ran.slice(3).sort()).toEqual([
      'unknown 0',
      'unknown 1',
      'unknown 2',
      'version 2 0',
      'version 2 1',
      'version 2 2',
    ]);
    expect(await rowsOf(newest)).toEqual([]);
  });

  test('a row of an unknown letter, or with fields of a later version, keeps everything that it had', async () => {
    const tasks = defineTasks(freshName(), { send: task<number>({ backoff: { base: 1_000, cap: 1_000 } }) });
    const world = createWorld();
    const tab = world.open(tasks);
    await tab.basket.add('send', 1);
    await tab.basket.add('send', 2);
    const [first, second] = await rowsOf(tasks);
    const later = { ...first, ready: (first?.ready ?? '').replace('F', 'X'), fromLater: { deep: [1, new Date(5)] } };
    const more = { ...second, fromLater: new Map([['a', 1]]) };
    await byHand(tasks, (stores) => {
      stores.tasks.put(later);
      stores.tasks.put(more);
    });
    const ran: number[] = [];
    tab.run({
      send(number) {
        ran.push(number);
        throw new Error('again');
      },
    });
    await world.advance(10_000);

    const rows = await rowsOf(tasks);
    expect(ran.every((number) => number === 2)).toBe(true);
    expect(ran.length).toBeGreaterThan(3);
    expect(rows[0]).toEqual(later);
    expect(rows[1]).toMatchObject({ fromLater: new Map([['a', 1]]), failures: ran.length });
  });
});

describe('what this build cannot decode', () => {
  /** Reads numbers up to a limit. */
  const upTo = (limit: number): Codec<number, number> => ({
    encode: (number) => number,
    decode(stored) {
      if (stored > limit) throw new Error(`cannot read ${stored}`);

      return stored;
    },
  });
  const build = (name: string, limit: number) =>
    defineTasks(name, { send: task({ codec: upTo(limit) }), laned: task({ codec: upTo(limit), lane: 'a' }) });

  test('scenario 45: it uses no attempt, is visible, holds its lane, and runs first once a build can read it', async () => {
    const name = freshName();
    const world = createWorld();
    const good = build(name, 100);
    const adder = world.open(good);
    for (const number of [1, 50, 2]) await adder.basket.add('laned', number);
    for (const number of [1, 50, 2]) await adder.basket.add('send', number);

    const ran: string[] = [];
    const handlers = {
      send: (number: number) => void ran.push(`send ${number}`),
      laned: (number: number) => void ran.push(`laned ${number}`),
    };
    const bad = world.open(build(name, 10));
    bad.run(handlers);
    await world.advance(600_000);
    expect([...ran].sort()).toEqual(['laned 1', 'send 1', 'send 2']);
    expect(await bad.basket.list()).toMatchObject([
      { type: 'laned', unreadable: true, attempts: 0, failures: 0, lastError: { message: 'cannot read 50' } },
      { type: 'laned', unreadable: false, payload: 2 },
      { type: 'send', unreadable: true, attempts: 0, failures: 0, state: 'queued' },
    ]);
    bad.kill();

    ran.length = 0;
    world.open(good).run(handlers);
    await world.settle();
    expect([...ran].sort()).toEqual(['laned 2', 'laned 50', 'send 50']);
    expect(ran.indexOf('laned 50')).toBeLessThan(ran.indexOf('laned 2'));
    expect(await rowsOf(good)).toEqual([]);
  });

  test('it is not tried again at each turn, neither from the start of a term nor after a sign-in', async () => {
    const name = freshName();
    let tries = 0;
    const codec: Codec<number, number> = {
      encode: (number) => number,
      decode(stored) {
        tries += stored === 50 ? 1 : 0;
        if (stored === 50) throw new Error('cannot read 50');

        return stored;
      },
    };
    const tasks = defineTasks(name, { send: task({ codec, owner: 'none' }) }, { session: session() });
    const world = createWorld();
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    await page.basket.add('send', 50);
    const ran: number[] = [];
    const handlers = { send: (number: number) => void ran.push(number) };
    const runner = worker.run(handlers);
    await world.settle();
    runner.stop();
    await world.settle();

    /** How often it is tried while other tasks come and go. */
    const triesIn = async (turns: number): Promise<number> => {
      tries = 0;
      for (let turn = 0; turn < turns; turn += 1) {
        await page.basket.add('send', turn);
        await world.settle();
      }

      return tries;
    };
    world.open(tasks).run(handlers);
    await world.settle();
    expect(await triesIn(20)).toBe(0);
    await page.basket.signIn('ann');
    await world.settle();
    expect(await triesIn(20)).toBe(0);
    expect(ran).toHaveLength(40);
  });

  test('scenario 65: a deploy whose decoder throws on everything sets nothing aside; the next deploy runs it all', async () => {
    const name = freshName();
    const world = createWorld();
    const good = build(name, 1_000);
    const adder = world.open(good);
    const db = await new Promise<IDBDatabase>((resolve, reject) => {
      void adder.basket.list().then(() => {
        const request = indexedDB.open(name);
        request.addEventListener('success', () => resolve(request.result));
        request.addEventListener('error', () => reject(request.error ?? new Error('not opened')));
      });
    });
    const tx = db.transaction([...good.stores], 'readwrite');
    for (let number = 1; number <= 150; number += 1) adder.basket.addTx(tx, 'send', number);
    await new Promise((resolve) => {
      tx.addEventListener('complete', resolve);
    });
    db.close();

    const handlers = { send: nothing, laned: nothing };
    for (let deploy = 0; deploy < 3; deploy += 1) {
      const bad = world.open(build(name, 0));
      bad.run(handlers);
      await world.settle();
      bad.kill();
    }
    const rows = await rowsOf(good);
    expect(rows).toHaveLength(150);
    expect(rows.every((row) => row.attempts === 0 && row.failures === 0 && row.dead === undefined)).toBe(true);

    world.open(good).run(handlers);
    await world.settle();
    expect(await rowsOf(good)).toEqual([]);
  });

  test('a decoder that never ends keeps nothing else from running', async () => {
    const name = freshName();
    const world = createWorld();
    const hanging = createGate();
    const decodes: Codec<number, number> = {
      encode: (number) => number,
      decode: async (stored) => {
        if (stored === 50) await hanging.promise;

        return stored;
      },
    };
    const first = world.open(build(name, 10));
    await first.basket.add('send', 50);
    first.run({ send: nothing, laned: nothing });
    await world.settle();
    expect((await rowsOf(first.context.registry))[0]?.ready).toMatch(/^U/);
    first.kill();

    const tasks = defineTasks(name, { send: task({ codec: decodes }), laned: task<number>({ lane: 'a' }) });
    const stopped = world.open(tasks);
    const runner = stopped.run({ send: nothing, laned: nothing });
    await world.settle();
    runner.stop();
    await runner.done;
    let after = 0;
    stopped.at('audit:before', () => void (after += 1));

    const tab = world.open(tasks);
    const ran: number[] = [];
    tab.run({ send: (number) => void ran.push(number), laned: nothing });
    await tab.basket.add('send', 1);
    await world.settle();
    expect(ran).toEqual([1]);

    hanging.open();
    await world.settle();
    expect(ran).toEqual([1, 50]);
    // The runner that was stopped meanwhile begins nothing any more.
    expect(after).toBe(0);
  });

  test('a decoder that never ends keeps no other unreadable task from coming back, and no timer beyond its runner', async () => {
    const name = freshName();
    const world = createWorld();
    const first = world.open(build(name, 10));
    for (const number of [50, 51]) await first.basket.add('send', number);
    await first.basket.add('laned', 50);
    first.run({ send: nothing, laned: nothing });
    await world.settle();
    first.kill();

    const codec: Codec<number, number> = {
      encode: (number) => number,
      decode: (stored) => (stored === 50 ? new Promise(() => undefined) : stored),
    };
    const tasks = defineTasks(name, {
      send: task({ codec, timeout: 5_000 }),
      laned: task({ codec, lane: 'a', timeout: 5_000 }),
    });
    const ran: number[] = [];
    const handler = (number: number): void => void ran.push(number);
    const tab = world.open(tasks);
    tab.run({ send: handler, laned: handler });
    await world.advance(10_000);
    expect(ran).toEqual([51]);
    const hangs = { payload: 50, attempts: 0, failures: 0 };
    expect(await rowsOf(tasks)).toMatchObject([hangs, hangs]);
    tab.kill();

    const stopped = world.open(tasks);
    const idle = world.alarms();
    const runner = stopped.run({ send: handler, laned: handler });
    await world.settle();
    runner.stop();
    await runner.done;
    expect(world.alarms()).toBe(idle);
  });

  test('a payload that lay apart and is not there any more is unreadable, and not a failure', async () => {
    const tasks = defineTasks(freshName(), { send: task<string>() });
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', 'x'.repeat(20_000));
    await byHand(tasks, (stores) => stores.payloads.clear());
    let ran = 0;
    tab.run({ send: () => void (ran += 1) });
    await world.advance(120_000);

    expect(ran).toBe(0);
    expect(await tab.basket.get(id)).toMatchObject({ unreadable: true, attempts: 0, failures: 0, state: 'queued' });
    expect(await tab.basket.cancel(id)).toBe(1);
    expect(await rowsOf(tasks)).toEqual([]);
  });
});

test('what an earlier build could not decode runs with a build whose decoder takes a second', async () => {
  const name = freshName();
  const world = createWorld();
  const codec = (decode: (stored: number) => number | Promise<number>) => ({
    encode: (number: number) => number,
    decode,
  });
  const build = (decode: (stored: number) => number | Promise<number>) =>
    defineTasks(name, { send: task<number>({ codec: codec(decode) }) });
  const bad = world.open(
    build(() => {
      throw new Error('It is garbled.');
    }),
  );
  await bad.basket.add('send', 1);
  bad.run({ send: nothing });
  await world.settle();
  bad.kill();
  const ran: number[] = [];
  const good = world.open(build((stored) => waited(bad.context.ports.clock, 1_000).then(() => stored)));
  good.run({ send: (number) => void ran.push(number) });
  await world.advance(5_000);

  expect(ran).toEqual([1]);
});

test('a task that was corrected and died while its old payload was still being decoded does not run again', async () => {
  const name = freshName();
  const world = createWorld();
  const build = (decode: (stored: number) => number | Promise<number>) =>
    defineTasks(name, { send: task<number>({ codec: { encode: (number) => number, decode } }) });
  const bad = world.open(
    build(() => {
      throw new Error('It is garbled.');
    }),
  );
  const id = await bad.basket.add('send', 1);
  bad.run({ send: nothing });
  await world.settle();
  bad.kill();
  const decoded = createGate();
  const good = world.open(build((stored) => (stored === 1 ? decoded.promise.then(() => 1) : stored)));
  const ran: number[] = [];
  good.run({
    send(number) {
      ran.push(number);
      throw new PermanentFailure('no');
    },
  });
  await world.settle();
  expect(await good.basket.update(id, 2)).toBe(true);
  await world.settle();
  expect(ran).toEqual([2]);

  decoded.open();
  await world.advance(10_000);
  expect(ran).toEqual([2]);
  expect(await good.basket.list()).toMatchObject([{ id, state: 'dead' }]);
});

test('a decoder that never ends, of a type whose attempts may take a day, keeps no other unreadable task from coming back', async () => {
  const name = freshName();
  const encode = (value: unknown): unknown => value;
  const broken = (): never => {
    throw new Error('This build cannot read it.');
  };
  const first = defineTasks(name, {
    film: task<number>({ codec: { encode, decode: broken } }),
    note: task<number>({ codec: { encode, decode: broken } }),
  });
  const world = createWorld();
  const old = world.open(first);
  const handlers = { film: () => undefined, note: () => undefined };
  old.run(handlers);
  await old.basket.add('film', 1);
  await old.basket.add('note', 2);
  await world.settle();
  old.kill();

  const second = defineTasks(name, {
    film: task<number>({
      timeout: 86_400_000,
      codec: { encode, decode: () => new Promise<never>(() => undefined) },
    }),
    note: task<number>({ codec: { encode, decode: (stored) => stored as number } }),
  });
  const sent: number[] = [];
  world.open(second, { build: 1 }).run({ film: () => undefined, note: (n) => void sent.push(n) });
  await world.advance(3_600_000);
  expect(sent).toEqual([2]);
});
