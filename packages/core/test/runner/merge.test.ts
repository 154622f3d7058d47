import { describe, expect, test } from 'vitest';

import { json } from '../../src/pure/codec.js';
import type { TaskOptions } from '../../src/pure/registry.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { freshName, rowsOf } from '../support/database.js';
import * as fc from '../support/property.js';
import { noteUncaught } from '../support/uncaught.js';
import { createGate, createWorld } from '../support/world.js';

/** What is sent must contain each part once, in the order of the adds. */
interface Patch {
  readonly note: string;
  readonly parts: readonly number[];
  /** Is never merged. */
  readonly apart?: boolean;
  readonly fill?: string;
}

const join = (earlier: Patch, later: Patch): Patch | undefined =>
  earlier.apart === true || later.apart === true
    ? undefined
    : { ...later, parts: [...earlier.parts, ...later.parts], fill: `${earlier.fill ?? ''}${later.fill ?? ''}` };

/** A build of the app, with or without `merge`. */
function build(name: string, options: TaskOptions<Patch, string> = { merge: join }) {
  return defineTasks(name, {
    patch: task<Patch>({ lane: ({ note }) => note, key: ({ note }) => note, ...(options as TaskOptions<Patch>) }),
    loose: task<Patch>({ key: ({ note }) => note, ...(options as TaskOptions<Patch>) }),
  });
}

type Tasks = ReturnType<typeof build>;
type World = ReturnType<typeof createWorld>;
type Add = readonly [name: 'patch' | 'loose', patch: Patch, options?: object];

const part = (number: number, more: Partial<Patch> = {}): Patch => ({ note: 'n', parts: [number], ...more });
const patches = (...numbers: readonly number[]): readonly Add[] => numbers.map((number) => ['patch', part(number)]);

/** Adds each task in a tab that dies before it merges, so that only a command or the runner can do it. */
async function addAndDie(world: World, tasks: Tasks, adds: readonly Add[]): Promise<readonly string[]> {
  const ids: string[] = [];
  for (const [name, patch, options] of adds) {
    const tab = world.open(tasks);
    tab.at('tidy:before', tab.kill);
    ids.push(await tab.basket.add(name, patch, options));
    tab.kill();
  }
  await world.settle();

  return ids;
}

/** Runs everything, and gives back what was sent. */
async function sentBy(world: World, tasks: Tasks, passes = 20_000): Promise<readonly (readonly number[])[]> {
  const sent: (readonly number[])[] = [];
  const send = ({ parts }: Patch): void => void sent.push(parts);
  world.open(tasks).run({ patch: send, loose: send });
  await world.advance(passes);
  expect(await rowsOf(tasks)).toEqual([]);

  return sent;
}

describe('tasks of one key are merged', () => {
  test('fifty patches that are made in a tunnel are one request, in their order', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: (readonly number[])[] = [];
    let away = true;
    const send = ({ parts }: Patch): void => {
      if (away) throw new Unavailable({ retryAfter: 60_000 });
      sent.push(parts);
    };
    tab.run({ patch: send, loose: send });
    await tab.basket.add('patch', part(0));
    await world.settle();
    const ids: string[] = [];
    for (let number = 1; number <= 50; number += 1) {
      ids.push(await tab.basket.add('patch', part(number)));
      await world.settle();
    }
    expect(await tab.basket.count()).toEqual({ count: 2, more: false });
    const all = Array.from({ length: 50 }, (_, place) => place + 1);
    expect(await tab.basket.get(ids[49] ?? '')).toMatchObject({ payload: { parts: all } });
    expect(await tab.basket.settled(ids[0] ?? '')).toEqual({ state: 'replaced', by: ids[1] });

    away = false;
    await world.advance(200_000);
    expect(sent).toEqual([[0], all]);
  });

  test('the runner merges what a closed page left, the whole chain at once', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const ids = await addAndDie(world, tasks, patches(1, 2, 3, 4));
    expect(await rowsOf(tasks)).toHaveLength(4);
    expect(await sentBy(world, tasks)).toEqual([[1, 2, 3, 4]]);
    expect(await world.open(tasks).basket.settled(ids[0] ?? '')).toEqual({ state: 'replaced', by: ids[3] });
  });

  test('a list of one transaction is merged within itself', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    await world.open(tasks).basket.addMany(patches(1, 2, 3));
    await world.settle();
    expect(await rowsOf(tasks)).toHaveLength(1);
    expect(await sentBy(world, tasks)).toEqual([[1, 2, 3]]);
  });

  test('a codec is asked for the payloads, and for the merged one', async () => {
    const tasks = build(freshName(), { codec: json<Patch>(), merge: join });
    const world = createWorld();
    await addAndDie(world, tasks, patches(1, 2));
    expect(await sentBy(world, tasks)).toEqual([[1, 2]]);
  });

  test('without a lane, the task that starts first has the payload of all', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const late = { priority: 'low' };
    await addAndDie(world, tasks, [
      ['loose', part(1), late],
      ['loose', part(2)],
      ['loose', part(3, { note: 'other' })],
      ['loose', part(4, { note: 'other' }), { priority: 'high' }],
    ]);
    const sent = await sentBy(world, tasks);
    expect([...sent].sort((one, other) => (one[0] ?? 0) - (other[0] ?? 0))).toEqual([
      [1, 2],
      [3, 4],
    ]);
  });

  test('a merged task that is held in the same turn keeps what was merged into it', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const [, second = ''] = await addAndDie(world, tasks, [
      ['loose', part(1)],
      ['loose', part(2)],
    ]);
    const tab = world.open(tasks);
    await tab.basket.pause(second);
    const sent: (readonly number[])[] = [];
    const send = ({ parts }: Patch): void => void sent.push(parts);
    tab.run({ patch: send, loose: send });
    await world.settle();
    expect(sent).toEqual([]);
    await tab.basket.resume(second);
    await world.settle();
    expect(sent).toEqual([[1, 2]]);
  });
});

describe('what may have been sent is never merged', () => {
  test('a task that runs stays as it is, and those behind it are merged', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const tab = world.open(tasks);
    const sent: (readonly number[])[] = [];
    const open = createGate();
    const send = async ({ parts }: Patch): Promise<void> => {
      sent.push(parts);
      await open.promise;
    };
    tab.run({ patch: send, loose: send });
    for (const number of [1, 2, 3]) {
      await tab.basket.add('patch', part(number));
      await world.settle();
    }
    open.open();
    await world.settle();
    expect(sent).toEqual([[1], [2, 3]]);
  });

  test.each(['runs', 'has failed once'])('nothing is merged into a later task that %s', async (what) => {
    const tasks = build(freshName());
    const world = createWorld();
    const sent: (readonly number[])[] = [];
    const open = createGate();
    const send = async ({ parts }: Patch, { number }: { readonly number: number }): Promise<void> => {
      sent.push(parts);
      if (parts[0] === 2 && number === 1) await open.promise;
      if (what === 'has failed once' && number === 1) throw new Error('once');
    };
    // The earlier task is not due yet. Until it is updated, `merge` refuses it, so the later task starts.
    const soon = { runAt: world.wall() + 30_000 };
    const [first = ''] = await addAndDie(world, tasks, [
      ['loose', part(1, { apart: true }), soon],
      ['loose', part(2)],
    ]);
    const tab = world.open(tasks);
    tab.run({ patch: send, loose: send });
    await world.settle();
    if (what !== 'runs') open.open();
    await world.settle();
    expect(await tab.basket.update(first, part(1))).toBe(true);
    await world.settle();
    expect(await rowsOf(tasks)).toHaveLength(2);
    open.open();
    await world.advance(60_000);
    expect(sent.filter(([number]) => number === 1)).not.toEqual([]);
    expect(new Set(sent.flat())).toEqual(new Set([1, 2]));
    expect(sent.every(({ length }) => length === 1)).toBe(true);
  });
});

describe('both tasks stay', () => {
  const kept: readonly (readonly [what: string, options: TaskOptions<Patch, string>, adds: readonly Add[]])[] = [
    ['if merge says so', { merge: join }, [...patches(1), ['patch', part(2, { apart: true })]]],
    ['if merge returns a promise', { merge: (async () => part(9)) as never }, patches(1, 2)],
    [
      'if the merged payload does not fit into a row',
      { merge: (one) => ({ ...one, fill: 'x'.repeat(20_000) }) },
      patches(1, 2),
    ],
    [
      'if the merged payload cannot be stored',
      { merge: (one) => ({ ...one, fill: (() => 1) as never }) },
      patches(1, 2),
    ],
    [
      'if a payload is not in its row',
      { merge: join },
      [['patch', part(1, { fill: 'x'.repeat(20_000) })], ...patches(2)],
    ],
    [
      'if the codec is asynchronous',
      {
        merge: join,
        codec: { encode: async (patch) => JSON.stringify(patch), decode: async (text) => JSON.parse(text) as Patch },
      },
      patches(1, 2),
    ],
    ['if their parents are others', { merge: join }, [...patches(1), ['patch', part(2), { after: 'gone' }]]],
    [
      'if another task of the lane is between',
      { merge: join },
      [...patches(1), ['patch', part(2), { key: 'other' }], ...patches(3)],
    ],
  ];
  test.each(kept)('%s', async (_, options, adds) => {
    noteUncaught();
    const tasks = build(freshName(), options);
    const world = createWorld();
    await addAndDie(world, tasks, adds);
    expect(await sentBy(world, tasks)).toEqual(adds.map(([, { parts }]) => parts));
  });

  test('if merge throws, and its error is reported as uncaught', async () => {
    const uncaught = noteUncaught();
    const world = createWorld();
    const tasks = build(freshName(), {
      merge(earlier) {
        (earlier.parts as number[]).push(99);
        throw new Error('This merge has a fault.');
      },
    });
    await addAndDie(world, tasks, patches(1, 2));
    expect(await sentBy(world, tasks)).toEqual([[1], [2]]);
    expect(new Set(uncaught)).toEqual(new Set(['This merge has a fault.']));
  });

  test('if merge changes the payloads that it gets, and then refuses', async () => {
    const world = createWorld();
    const tasks = build(freshName(), {
      merge(earlier, later) {
        (earlier.parts as number[]).push(99);

        return later.parts[0] === 2 ? { ...later, parts: [1, 2] } : undefined;
      },
    });
    await addAndDie(world, tasks, patches(1, 2, 3));
    expect(await sentBy(world, tasks)).toEqual([[1, 2], [3]]);
  });

  test('if the time of one of them is over', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const [first = ''] = await addAndDie(world, tasks, [
      ['patch', part(1), { expiresAt: world.wall() - 1 }],
      ['patch', part(2)],
    ]);
    const tab = world.open(tasks);
    const sent: (readonly number[])[] = [];
    tab.run({ patch: ({ parts }) => void sent.push(parts), loose: () => undefined });
    await world.settle();
    expect(sent).toEqual([[2]]);
    expect(await tab.basket.get(first)).toMatchObject({ state: 'dead', dead: { reason: 'expired' } });
  });

  test('if a task waits for the first', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const [first = ''] = await addAndDie(world, tasks, patches(1));
    await addAndDie(world, tasks, [['loose', part(7), { after: first }]]);
    await addAndDie(world, tasks, patches(2));
    expect((await sentBy(world, tasks)).slice(0, 1)).toEqual([[1]]);
  });
});

describe('another build', () => {
  test('without merge it replaces nothing that is to be merged, in its page and in its runner', async () => {
    const old = build(freshName(), {});
    const tasks = build(old.name);
    const world = createWorld();
    await addAndDie(world, tasks, patches(1, 2));
    await world.open(old).basket.add('patch', part(3));
    await world.settle();
    expect(await rowsOf(tasks)).toHaveLength(3);
    expect(await sentBy(world, old)).toEqual([[1], [2], [3]]);
  });

  test('with merge it takes in what an older build has added, and replaces what that build would', async () => {
    const old = build(freshName(), {});
    const tasks = build(old.name);
    const world = createWorld();
    await addAndDie(world, old, patches(1, 2));
    await addAndDie(world, tasks, patches(3));
    await addAndDie(world, old, patches(4));
    expect(await sentBy(world, tasks)).toEqual([[2, 3, 4]]);
  });

  test('a started task of an older build takes in nothing, also through another task of that build', async () => {
    const old = build(freshName(), {});
    const tasks = build(old.name);
    const world = createWorld();
    const [first = ''] = await addAndDie(world, tasks, [['loose', part(1)]]);
    const [second = ''] = await addAndDie(world, old, [['loose', part(2), { expiresAt: world.wall() - 1 }]]);
    const tab = world.open(tasks);
    await tab.basket.pause(first);
    const sent: (readonly number[])[] = [];
    const hold = createGate();
    const send = async ({ parts }: Patch): Promise<void> => {
      sent.push(parts);
      if (parts.includes(3)) await hold.promise;
    };
    tab.run({ patch: send, loose: send });
    await world.settle();
    await addAndDie(world, old, [['loose', part(3)]]);
    expect(sent).toEqual([[3]]);
    expect(await tab.basket.retry(second)).toBe(1);
    await world.settle();
    hold.open();
    await world.settle();
    expect(sent).toEqual([[3], [1, 2]]);
  });

  test('of another version does not merge', async () => {
    const old = build(freshName(), { merge: join });
    const tasks = build(old.name, { merge: join, version: 2, upgrade: { 1: (patch) => patch } });
    const world = createWorld();
    await addAndDie(world, old, patches(1, 2));
    await addAndDie(world, tasks, patches(3, 4));
    expect(await sentBy(world, tasks)).toEqual([[1], [2], [3, 4]]);
  });
});

describe('a command finds the tasks of a key merged', () => {
  test('to cancel the last cancels what was merged into it', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const [first = '', last = ''] = await addAndDie(world, tasks, patches(1, 2));
    const { basket } = world.open(tasks);
    expect(await basket.cancel(first)).toBe(0);
    expect(await basket.get(last)).toMatchObject({ payload: { parts: [1, 2] } });
    expect(await basket.cancel(last)).toBe(1);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('update gives another payload to the merged task, and later ones are merged with that', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const [, last = ''] = await addAndDie(world, tasks, patches(1, 2));
    const { basket } = world.open(tasks);
    expect(await basket.update(last, part(3))).toBe(true);
    expect(await rowsOf(tasks)).toMatchObject([{ revision: 2 }]);
    await addAndDie(world, tasks, patches(4));
    expect(await sentBy(world, tasks)).toEqual([[3, 4]]);
  });

  test('a retry of a task that is due keeps what the same transaction merges into it', async () => {
    const tasks = build(freshName());
    const world = createWorld();
    const [first = '', last = ''] = await addAndDie(world, tasks, [
      ['patch', part(1, { apart: true })],
      ['patch', part(2)],
    ]);
    const tab = world.open(tasks);
    // Both corrections make the tasks due at once, by the key that `retry` writes anew.
    await tab.basket.update(last, part(2));
    tab.at('tidy:before', tab.kill);
    await tab.basket.update(first, part(1));
    expect(await tab.basket.retry(last)).toBe(1);
    expect(await rowsOf(tasks)).toMatchObject([{ payload: { parts: [1, 2] } }]);
  });
});

test('of whatever is added, merged, refused and closed in between, each part is sent once, in order', async () => {
  const step = fc.record({ apart: fc.boolean(), dies: fc.boolean(), run: fc.nat(3) });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 12 }), async (steps) => {
      const tasks = build(freshName());
      const world = createWorld();
      const sent: (readonly number[])[] = [];
      const send = ({ parts }: Patch): void => void sent.push(parts);
      for (const [number, { apart, dies, run }] of steps.entries()) {
        const tab = world.open(tasks);
        if (dies) tab.at('tidy:before', tab.kill);
        await tab.basket.add('patch', part(number, { apart }));
        if (!dies) await world.settle();
        tab.kill();
        if (run > 0) continue;
        const runner = world.open(tasks);
        runner.run({ patch: send, loose: send });
        await world.settle();
        runner.kill();
      }
      world.open(tasks).run({ patch: send, loose: send });
      await world.settle();
      expect(sent.flat()).toEqual(steps.map((_, number) => number));
    }),
    { numRuns: 25 },
  );
});

test('a task for which another one waits is not merged, also if that one names a task that was merged into it', async () => {
  const tasks = defineTasks(freshName(), {
    save: task<string>({ key: () => 'k', merge: (one: string, other: string) => one + other }),
    photo: task<string>(),
  });
  const world = createWorld();
  const { basket } = world.open(tasks);
  const first = await basket.add('save', 'a');
  const second = await basket.add('save', 'b');
  await world.settle();
  expect(await basket.settled(first)).toEqual({ state: 'replaced', by: second });
  await basket.add('photo', 'p', { after: first });
  const third = await basket.add('save', 'c');
  await world.settle();
  await basket.cancel(third);
  const sent: string[] = [];
  const send = (text: string): void => void sent.push(text);
  world.open(tasks).run({ save: send, photo: send });
  await world.advance(120_000);
  expect(sent).toEqual(['ab', 'p']);
});
