import * as fc from '../support/property.js';
import { expect, test } from 'vitest';

import type { TaskType } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { PermanentFailure, Unavailable } from '../../src/pure/verdict.js';
import { contentsOf, freshName } from '../support/database.js';
import { hostileNames, severalHostileNames } from '../support/names.js';
import { createWorld } from '../support/world.js';

/** A registry with types of these names. */
const define = (types: readonly string[]) =>
  defineTasks(freshName(), Object.fromEntries(types.map((name): [string, TaskType<number>] => [name, task<number>()])));

/** Handlers for all of the types, by whatever name. */
const handlersOf = (types: readonly string[], handle: (number: number, type: string) => void) =>
  Object.fromEntries(types.map((type) => [type, (number: number) => handle(number, type)]));

test('tasks whose types, lanes and gates resemble each other are listed, counted and cancelled apart', async () => {
  await fc.assert(
    fc.asyncProperty(severalHostileNames(3), severalHostileNames(3), async (types, lanes) => {
      const tasks = define(types);
      const tab = createWorld().open(tasks);
      const { basket } = tab;
      const added = new Map<string, { readonly type: string; readonly lane: string }>();
      for (const type of types) {
        for (const lane of lanes) added.set(await basket.add(type, 1, { lane, gate: lane }), { type, lane });
      }
      const idsOf = (fits: (one: { readonly type: string; readonly lane: string }) => boolean): readonly string[] =>
        [...added].flatMap(([id, one]) => (fits(one) ? [id] : []));

      for (const lane of lanes) {
        const ids = idsOf((one) => one.lane === lane);
        expect((await basket.list({ lane })).map(({ id }) => id)).toEqual(ids);
        expect(await basket.count({ lane })).toEqual({ count: ids.length, more: false });
      }
      for (const type of types) {
        const ids = idsOf((one) => one.type === type);
        expect((await basket.list({ type })).map(({ id }) => id)).toEqual(ids);
        expect(await basket.count({ type, state: 'queued' })).toEqual({ count: ids.length, more: false });
        expect(await basket.count({ type, state: 'dead' })).toEqual({ count: 0, more: false });
      }

      const [lane = '', other = ''] = lanes;
      const [type = ''] = types;
      expect(await basket.cancel({ type, lane })).toBe(1);
      expect(await basket.cancel({ lane: other })).toBe(3);
      const left = idsOf((one) => one.lane !== other && (one.lane !== lane || one.type !== type));
      expect((await basket.list()).map(({ id }) => id)).toEqual(left);
      tab.kill();
    }),
    { numRuns: 8 },
  );
});

test('the name of a database, or a bucket, may have half of a character: the tasks of each run', async () => {
  const [name, world] = [freshName(), createWorld()];
  const tabs = ['\uD800', '\uD801', ':', '"', '":"'].flatMap((odd) =>
    [
      defineTasks(`${name}${odd}`, { send: task<string>() }),
      defineTasks(name, { send: task<string>() }, { bucket: odd }),
      defineTasks(`${name}${odd}`, { send: task<string>() }, { bucket: odd }),
    ].map((tasks) => world.open(tasks)),
  );
  const { size } = new Set(
    tabs.flatMap(({ context }) => Object.values(context.names).map((one) => one.toWellFormed())),
  );
  expect(size).toBe(tabs.length * 4);

  const sent: string[] = [];
  for (const [place, tab] of tabs.entries()) {
    await tab.basket.add('send', `${place}`);
    tab.run({ send: (text) => void sent.push(text) });
  }
  await world.advance(10_000);
  expect(sent.sort()).toEqual(tabs.map((_, place) => `${place}`).sort());
});

test('tasks whose types and lanes resemble each other are updated each by itself, wherever their payloads lie', async () => {
  const text = fc.constantFrom('x', 'x'.repeat(20_000), 'x'.repeat(300_000));
  await fc.assert(
    fc.asyncProperty(severalHostileNames(3), fc.array(text, { minLength: 6, maxLength: 6 }), async (names, texts) => {
      const tasks = defineTasks(freshName(), Object.fromEntries(names.map((name) => [name, task<string>()])));
      const tab = createWorld().open(tasks);
      const { basket } = tab;
      const ids: string[] = [];
      for (const [place, name] of names.entries())
        ids.push(await basket.add(name, `${place}${texts[place] ?? ''}`, { lane: name, gate: name }));
      const [, updated = ''] = ids;
      expect(await basket.update(updated, `new${texts[3] ?? ''}`)).toBe(true);

      const right = ids.map((id, place) => (id === updated ? `new${texts[3] ?? ''}` : `${place}${texts[place] ?? ''}`));
      expect((await basket.list()).map(({ payload }) => payload)).toEqual(right);
      expect((await basket.list()).map(({ lane }) => lane)).toEqual(names);
      const { payloads, bodies } = await contentsOf(tasks);
      expect(payloads.size + bodies.size).toBe(right.filter((one) => one.length > 1_000).length);
      tab.kill();
    }),
    { numRuns: 12 },
  );
});

test('lanes that resemble each other go on by themselves: one that is blocked holds up its own tasks alone', async () => {
  const lanes = hostileNames.slice(0, 24);
  const tasks = define(['a', 'ab']);
  const world = createWorld();
  const { basket, run } = world.open(tasks);
  const [blocked = '', ...others] = lanes;
  await basket.add('a', -1, { lane: blocked });
  for (const [number, lane] of lanes.entries()) await basket.add(number % 2 === 0 ? 'ab' : 'a', number, { lane });
  const ran: number[] = [];
  const handle = (number: number): void => {
    if (number < 0) throw new PermanentFailure('no');
    ran.push(number);
  };
  run(handlersOf(['a', 'ab'], handle));
  await world.advance(1_000);

  expect(ran.sort((one, other) => one - other)).toEqual(others.map((_, place) => place + 1));
  expect((await basket.list({ state: 'dead' })).map(({ lane }) => lane)).toEqual([blocked]);
  expect((await basket.list({ lane: blocked })).map(({ payload }) => payload)).toEqual([-1, 0]);
});

test('every hostile name is a type whose task runs once and whose end is told', async () => {
  const tasks = define(hostileNames);
  const world = createWorld();
  const { basket, run } = world.open(tasks);
  const ran: (readonly [number, string])[] = [];
  const ids = [];
  for (const [number, type] of hostileNames.entries()) ids.push(await basket.add(type, number));
  const ends = ids.map((id) => basket.settled(id));
  run(handlersOf(hostileNames, (number, type) => void ran.push([number, type])));
  await world.advance(1_000);

  expect(ran.sort(([one], [other]) => one - other)).toEqual(hostileNames.map((type, number) => [number, type]));
  expect(new Set((await Promise.all(ends)).map(({ state }) => state))).toEqual(new Set(['done']));
  expect(await basket.list()).toEqual([]);
});

test('an id that is no task of ours, whatever it looks like, is found by nothing and changes nothing', async () => {
  const tasks = define(['a']);
  const world = createWorld();
  const { basket } = world.open(tasks);
  const id = await basket.add('a', 1, { lane: 'a' });
  const strangers = [...hostileNames, `${id}|`, `${id}%7C`, `I${id}`, id.slice(0, -1), `${id}\u0000`, `${id}\uFFFF`];
  for (const stranger of strangers) {
    expect(await basket.get(stranger)).toBeUndefined();
    expect(await basket.explain(stranger)).toEqual([{ reason: 'gone' }]);
    expect(await basket.cancel(stranger)).toBe(0);
    expect(await basket.retry(stranger)).toBe(0);
    expect(await basket.update(stranger, 2)).toBe(false);
    expect(await basket.settled(stranger)).toEqual({ state: 'gone' });
  }

  expect((await basket.list()).map((view) => [view.id, view.payload])).toEqual([[id, 1]]);
});

test('gates that are closed hold up no gate whose name resembles theirs, nor open each other', async () => {
  const gates = hostileNames.slice(0, 24);
  const tasks = define(['a']);
  const world = createWorld();
  const { basket, run } = world.open(tasks);
  const ran: number[] = [];
  const closed = ['a', 'a|', 'a%7C'];
  for (const gate of closed) await basket.add('a', -1, { gate });
  run(
    handlersOf(['a'], (number) => {
      if (number < 0) throw new Unavailable({ retryAfter: 3_600_000 });
      ran.push(number);
    }),
  );
  await world.advance(1_000);
  for (const [number, gate] of gates.entries()) await basket.add('a', number, { gate });
  await world.advance(60_000);

  expect(new Set(ran.map((number) => gates[number]))).toEqual(new Set(gates.filter((gate) => !closed.includes(gate))));
  expect(ran).toHaveLength(gates.length - closed.length);
  const waiting = await basket.list();
  expect(waiting.map(({ gate }) => gate.name)).toEqual([...closed, ...closed]);
  expect(waiting.every(({ gate }) => gate.closedUntil !== undefined)).toBe(true);
});
