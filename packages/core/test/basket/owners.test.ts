import * as fc from '../support/property.js';
import { describe, expect, test, vi } from 'vitest';

import { readyPrefix } from '../../src/pure/key.js';
import type { Filter } from '../../src/pure/query.js';
import { newRow } from '../../src/pure/record.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import type { Snapshot } from '../../src/basket/telling/watch.js';
import { byHand, freshName, rowsOf } from '../support/database.js';
import { severalHostileNames } from '../support/names.js';
import { recordTransactions } from '../support/transactions.js';
import { createGate, createWorld } from '../support/world.js';

const appWithSession = () =>
  defineTasks(
    freshName(),
    {
      save: task<string>({ lane: 'notes', onDead: 'block', failureLimit: 1 }),
      ask: task<string, string>(),
      report: task<string>({ owner: 'none' }),
    },
    { session: session() },
  );

/** Ann has two tasks and Bob has three; a report belongs to nobody, and a task of before to nobody yet. */
async function annAndBob() {
  const tasks = appWithSession();
  const world = createWorld();
  const [ann, bob, bare] = [world.open(tasks), world.open(tasks), world.open(tasks)];
  await ann.basket.signIn('ann');
  const report = await ann.basket.add('report', 'crash');
  const before = await world.open(defineTasks(tasks.name, { save: task<string>() })).basket.add('save', 'of before');
  const anns = [await ann.basket.add('save', 'a1'), await ann.basket.add('save', 'a2')] as const;
  await bob.basket.signIn('bob');
  const bobs = await bob.basket.addMany(['b1', 'b2', 'b3'].map((text) => ['save', text] as const));
  await world.settle();

  return { tasks, world, ann: ann.basket, bob: bob.basket, bare: bare.basket, report, before, anns, bobs };
}

describe('list, count, cancel and retry', () => {
  test('see the tasks of who is signed in here, and those of nobody; others only if they are asked for', async () => {
    const { ann, bob, bare, report, before, anns, bobs } = await annAndBob();
    const idsOf = async (basket: typeof ann, query?: Filter<'save'>): Promise<unknown> =>
      (await basket.list(query)).map(({ id }) => id);

    expect(await idsOf(ann)).toEqual([report, ...anns]);
    expect(await idsOf(bob)).toEqual([report, ...bobs]);
    expect(await idsOf(bare)).toEqual([report]);
    expect(await idsOf(bob, { owner: 'ann' })).toEqual(anns);
    expect(await idsOf(bare, { everyOwner: true })).toEqual([report, before, ...anns, ...bobs]);
    for (const state of ['queued', undefined] as const) {
      expect(await idsOf(ann, { lane: 'notes', ...(state && { state }) })).toEqual(anns);
      expect(await idsOf(ann, { lane: 'notes', everyOwner: true, ...(state && { state }) })).toEqual([
        ...anns,
        ...bobs,
      ]);
      expect(await ann.count({ lane: 'notes', owner: 'bob', ...(state && { state }) })).toEqual({
        count: 3,
        more: false,
      });
    }
    expect((await ann.list()).map(({ owner }) => owner)).toEqual([null, 'ann', 'ann']);

    await bob.signOut();
    expect(await idsOf(bob)).toEqual([report]);
    // For "3 changes are not sent yet", before a sign-out.
    expect(await ann.count({ owner: 'ann' })).toEqual({ count: 2, more: false });
    expect(await bob.cancel({})).toBe(1);
    expect(await bob.retry({ owner: 'ann' })).toBe(2);
    expect(await ann.cancel({ type: 'save' })).toBe(2);
    expect(await idsOf(bare, { everyOwner: true })).toEqual([before, ...bobs]);
    expect(await ann.cancel({ lane: 'notes', everyOwner: true })).toBe(3);
  });

  test('refuse two owners, an empty one, and an owner where no session is declared', async () => {
    const { ann, world } = await annAndBob();
    const none = world.open(defineTasks(freshName(), { save: task() })).basket;
    const option = { code: 'option' };
    await expect(ann.list({ owner: '' })).rejects.toMatchObject(option);
    await expect(ann.count({ owner: 'ann', everyOwner: true })).rejects.toMatchObject(option);
    await expect(ann.cancel({ owner: undefined })).rejects.toMatchObject(option);
    await expect(none.list({ owner: 'ann' })).rejects.toMatchObject(option);
    expect(await none.list({ everyOwner: true })).toEqual([]);
    // @ts-expect-error -- true or false
    await expect(ann.list({ everyOwner: 'yes' })).rejects.toMatchObject(option);
  });

  test('find, of hostile names of owners, types and lanes, what a plain filter finds', async () => {
    const made = fc.record({
      owner: fc.option(fc.nat(4), { nil: undefined }),
      type: fc.nat(4),
      lane: fc.option(fc.nat(4), { nil: undefined }),
      letter: fc.constantFrom('F', 'H', 'U', 'D'),
    });
    const asked = fc.record(
      {
        owner: fc.nat(4),
        everyOwner: fc.boolean(),
        type: fc.array(fc.nat(4), { maxLength: 3 }),
        lane: fc.nat(4),
        gate: fc.constantFrom('x', 'y'),
        state: fc.constantFrom('queued', 'dead'),
      },
      { requiredKeys: [] },
    );
    await fc.assert(
      fc.asyncProperty(
        severalHostileNames(5),
        fc.array(made, { maxLength: 12 }),
        fc.array(asked, { minLength: 4, maxLength: 4 }),
        fc.option(fc.nat(4), { nil: undefined }),
        async (names, rows, queries, here) => {
          const name = (at: number): string => names[at] ?? '';
          const types = Object.fromEntries(names.map((type, at) => [type, task(at === 0 ? { owner: 'none' } : {})]));
          const tasks = defineTasks(freshName(), types, { session: session() });
          const { basket } = createWorld().open(tasks);
          await basket.count();
          if (here !== undefined) await basket.signIn(name(here));
          await byHand(tasks, (stores) => {
            for (const [at, { owner, type, lane, letter }] of rows.entries()) {
              const route = {
                type: name(type),
                owner: owner === undefined ? null : name(owner),
                version: 1,
                gate: 'x',
              };
              const given = { id: `${at}`, priority: 1, addedAt: 0, payload: { inline: 0 } } as const;
              const row = newRow({ ...route, ...given, lane: lane === undefined ? undefined : name(lane) });
              stores.tasks.add({ ...row, ready: readyPrefix(letter, route, 1) });
            }
          });
          for (const query of queries) {
            if (query.owner !== undefined && query.everyOwner === true) continue;
            const { owner, type, lane, ...rest } = query;
            const asking = {
              ...rest,
              ...(owner === undefined ? {} : { owner: name(owner) }),
              ...(type === undefined ? {} : { type: type.map(name) }),
              ...(lane === undefined ? {} : { lane: name(lane) }),
            };
            const fit = (await rowsOf(tasks)).filter(
              (row) =>
                (query.everyOwner === true ||
                  (owner === undefined
                    ? row.owner === null
                      ? row.type === names[0]
                      : here !== undefined && row.owner === name(here)
                    : row.owner === name(owner))) &&
                (type === undefined || type.map(name).includes(row.type)) &&
                (lane === undefined || name(lane) === row.lane) &&
                (query.gate === undefined || query.gate === row.gate) &&
                (query.state === undefined || (query.state === 'dead') === row.ready.startsWith('D')),
            );
            const seqs = fit.map(({ seq }) => seq);
            expect((await basket.list(asking)).map(({ seq }) => seq)).toEqual(seqs);
            expect(await basket.count(asking)).toEqual({ count: seqs.length, more: false });
          }
        },
      ),
      { numRuns: 60 },
    );
  });
});

describe('by its id', () => {
  test('a task of another owner is as if it were absent, for each call', async () => {
    const { tasks, bob, bare, anns } = await annAndBob();
    const [id] = anns;
    const before = await rowsOf(tasks);
    for (const basket of [bob, bare]) {
      expect(await basket.get(id)).toBeUndefined();
      expect(await basket.explain(id)).toEqual([{ reason: 'gone' }]);
      expect(await basket.update(id, 'x')).toBe(false);
      expect(await basket.cancel(id)).toBe(0);
      expect(await basket.retry(id)).toBe(0);
    }
    expect(await rowsOf(tasks)).toEqual(before);
  });

  test('a task of nobody, and one of before the session, is found by everybody', async () => {
    const { ann, bare, report, before } = await annAndBob();
    for (const basket of [ann, bare]) {
      expect(await basket.get(report)).toMatchObject({ owner: null });
      expect(await basket.get(before)).toMatchObject({ owner: null });
      expect(await basket.explain(before)).toContainEqual({ reason: 'no-owner' });
      expect(await basket.explain(report)).toEqual([{ reason: 'no-runner' }]);
    }
  });

  test('get answers for who was signed in at the call', async () => {
    const { ann, anns } = await annAndBob();
    const asked = ann.get(anns[0]);
    const signingIn = ann.signIn('bob');
    expect(await asked).toMatchObject({ id: anns[0] });
    expect(await ann.get(anns[0])).toBeUndefined();
    await signingIn;
  });

  test('explain answers each call for who was signed in at that call, also if another owner asks at once', async () => {
    const { ann, anns } = await annAndBob();
    const asked = ann.explain(anns[0]);
    const signingIn = ann.signIn('bob');
    expect(await Promise.all([asked, ann.explain(anns[0])])).toEqual([
      [{ reason: 'signed-out', owner: 'ann' }, { reason: 'no-runner' }],
      [{ reason: 'gone' }],
    ]);
    await signingIn;
  });

  test('explain says that the owner is not signed in, where another tab has signed in last', async () => {
    const { ann, bob, anns, bobs } = await annAndBob();
    expect(await ann.explain(anns[0])).toContainEqual({ reason: 'signed-out', owner: 'ann' });
    expect(await bob.explain(bobs[0] ?? '')).toEqual([{ reason: 'no-runner' }]);
  });
});

describe('settled', () => {
  test('rejects for a task of somebody who is not here: while it waits, when it is dead, and after it has ended', async () => {
    const tasks = appWithSession();
    const world = createWorld();
    const [ann, bob, bare] = [world.open(tasks), world.open(tasks), world.open(tasks)];
    await ann.basket.signIn('ann');
    const ids = [
      await ann.basket.add('ask', 'x'),
      await ann.basket.add('save', 'dead'),
      await ann.basket.add('ask', 'y'),
    ];
    const runner = world.open(tasks).run({
      ask: (text) => (text === 'x' ? 'an answer' : new Promise(() => undefined)),
      save() {
        throw new Error('422');
      },
      report: () => undefined,
    });
    await world.settle();
    runner.stop();
    const waiting = ids.map((id) => ann.basket.settled(id));
    expect(await Promise.all(waiting.slice(0, 2))).toMatchObject([{ state: 'done' }, { state: 'dead' }]);

    const refused = { code: 'signed-out' };
    void bob.basket.signIn('bob').catch(() => undefined); // A handler of Ann's still runs.
    await world.settle();
    for (const id of ids) {
      await expect(bob.basket.settled(id)).rejects.toMatchObject(refused);
      await expect(bare.basket.settled(id)).rejects.toMatchObject(refused);
    }
    void ann.basket.signOut().catch(() => undefined);
    await expect(waiting[2]).rejects.toMatchObject(refused);
    await expect(ann.basket.settled(ids[0] ?? '')).rejects.toMatchObject(refused);
    expect(await bob.basket.settled('nobody')).toEqual({ state: 'gone' });
  });

  test('of a task of nobody that another tab added goes on, also if somebody else signs in before it was looked for', async () => {
    const tasks = appWithSession();
    const world = createWorld();
    const [page, other] = [world.open(tasks), world.open(tasks)];
    const report = await other.basket.add('report', 'x');
    void page.basket.signIn('ann');
    const end = page.basket.settled(report);
    void page.basket.signIn('bob');
    await world.settle();
    world.open(tasks).run({ ask: () => '', save: () => undefined, report: () => undefined });
    await world.advance(3_000);
    expect(await end).toEqual({ state: 'done', result: undefined });
  });

  test('of a task of nobody goes on over a sign-out, and a success that this page was told of is told to its owner only', async () => {
    const tasks = appWithSession();
    const world = createWorld();
    const page = world.open(tasks);
    await page.basket.signIn('ann');
    const ending = createGate();
    const report = await page.basket.add('report', 'x');
    const saved = await page.basket.add('save', 'y');
    world.open(tasks).run({ ask: () => '', save: () => undefined, report: () => ending.promise });
    const reported = page.basket.settled(report);
    await world.settle();
    await page.basket.signOut();
    ending.open();
    expect(await reported).toEqual({ state: 'done', result: undefined });
    await expect(page.basket.settled(saved)).rejects.toMatchObject({ code: 'signed-out' });
    await page.basket.signIn('ann');
    expect(await page.basket.settled(saved)).toEqual({ state: 'done', result: undefined });
  });
});

describe('watch', () => {
  test('that nobody subscribes to any more is not read when somebody else signs in', async () => {
    const tasks = appWithSession();
    const world = createWorld();
    const { basket, context } = world.open(tasks);
    await basket.signIn('ann');
    const begin = vi.spyOn(context.database, 'begin');
    const transactionsOf = async (owner: string): Promise<number> => {
      begin.mockClear();
      await basket.signIn(owner);
      await world.settle();

      return begin.mock.calls.length;
    };
    const without = await transactionsOf('bob');
    const watch = basket.watch();
    watch.subscribe(() => undefined)();
    await world.settle();

    expect(await transactionsOf('ann')).toBe(without);
  });

  test('follows who is signed in here, and shows nothing of the last one, not for one look', async () => {
    const { world, bare, ann, bob, anns, report } = await annAndBob();
    const shown: Snapshot[] = [];
    const watch = bare.watch();
    const everybody = bare.watch({ everyOwner: true });
    watch.subscribe((value) => shown.push(value));
    everybody.subscribe(() => undefined);
    await world.settle();
    // Nobody has signed in here: nothing is known yet, but what does not depend on it.
    expect(shown).toEqual([{ loaded: false, tasks: [], more: false }]);
    expect(everybody.get()).toMatchObject({ loaded: true });
    expect(everybody.get().tasks).toHaveLength(7);

    const owners = (): unknown =>
      shown.splice(0).map(({ loaded, tasks }) => [loaded, ...tasks.map(({ owner }) => owner)]);
    owners();
    void bare.signIn('ann');
    await world.settle();
    expect(watch.get().tasks.map(({ id }) => id)).toEqual([report, ...anns]);
    expect(owners()).toEqual([[true, null, 'ann', 'ann']]);

    // A look of Ann's is under way when Bob signs in.
    await ann.add('save', 'a3');
    void bare.signIn('bob');
    expect(watch.get()).toEqual({ loaded: false, tasks: [], more: false });
    await world.settle();
    expect(owners()).toEqual([[false], [true, null, 'bob', 'bob', 'bob']]);

    void bare.signOut();
    await world.settle();
    expect(owners()).toEqual([[false], [true, null]]);
    await bob.add('save', 'b4');
    await world.advance(60_000);
    expect(owners()).toEqual([]);
  });

  test('shows nothing of a look that was under way when somebody else signed in', async () => {
    const decoding = createGate();
    const codec = { encode: (text: string) => text, decode: async (text: string) => (await decoding.promise, text) };
    const tasks = defineTasks(freshName(), { save: task({ codec }) }, { session: session() });
    const world = createWorld();
    const { basket } = world.open(tasks);
    await basket.signIn('ann');
    await basket.add('save', 'a');
    const shown: number[] = [];
    basket.watch().subscribe((value) => shown.push(value.tasks.length));
    await world.settle();
    void basket.signIn('bob');
    await world.advance(1_000);
    decoding.open();
    await world.advance(1_000);
    expect([...new Set(shown)]).toEqual([0]);
  });

  test('that nobody subscribes to at the moment shows nothing of the last one either', async () => {
    const { world, ann } = await annAndBob();
    const watch = ann.watch();
    const stop = watch.subscribe(() => undefined);
    await world.settle();
    stop();
    expect(watch.get().tasks).toHaveLength(3);
    void ann.signIn('bob');
    expect(watch.get()).toEqual({ loaded: false, tasks: [], more: false });
    const told: boolean[] = [];
    watch.subscribe(({ loaded }) => told.push(loaded))();
    expect(told).toEqual([false]);
    expect(ann.watch()).toBe(watch);
    expect(ann.watch({ owner: 'ann' })).not.toBe(watch);
  });
});

describe('events and health', () => {
  test('an event of a task reaches who is signed in, or who asks for its owner', async () => {
    const { world, ann, bob, bare } = await annAndBob();
    const heard: string[] = [];
    for (const [who, basket] of Object.entries({ ann, bob, bare })) {
      basket.on('added', ({ type, owner }) => heard.push(`${who}: ${type} of ${String(owner)}`));
    }
    bob.on('added', ({ owner }) => heard.push(`asked: ${String(owner)}`), { owner: 'ann' });
    bare.on('added', ({ owner }) => heard.push(`every: ${String(owner)}`), { everyOwner: true });
    expect(() => bob.on('added', () => undefined, { owner: '' })).toThrow(/owner/);
    await ann.add('save', 'x');
    await world.settle();
    expect(heard.splice(0).sort()).toEqual(['ann: save of ann', 'asked: ann', 'every: ann']);
    await bob.add('report', 'x');
    await world.settle();
    expect(heard.splice(0).sort()).toEqual([
      'ann: report of null',
      'bare: report of null',
      'bob: report of null',
      'every: null',
    ]);
  });

  test('health counts and names what this owner has, and counts what has no owner', async () => {
    const { world, tasks, ann, bob, anns, bobs, report } = await annAndBob();
    const runner = world.open(tasks).run({
      ask: () => '',
      save() {
        throw new Error('422');
      },
      report: () => new Promise(() => undefined),
    });
    await world.settle();
    const lane = (by: string | undefined): unknown => ({ lane: 'notes', by, because: 'dead' });
    expect(await ann.health()).toMatchObject({
      queued: { count: 3 },
      dead: { count: 0 },
      noOwner: { count: 1 },
      blockedLanes: [],
      oldest: { id: report },
      runner: { running: [report] },
      stalled: false,
    });
    expect(await bob.health()).toMatchObject({
      queued: { count: 3 },
      dead: { count: 1 },
      blockedLanes: [lane(bobs[0])],
    });
    await ann.signIn('ann');
    await world.settle();
    expect(await bob.health({ owner: 'ann' })).toMatchObject({
      queued: { count: 1 },
      dead: { count: 1 },
      blockedLanes: [lane(anns[0])],
    });
    expect(await ann.health({ everyOwner: true })).toMatchObject({
      queued: { count: 5 },
      dead: { count: 2 },
      blockedLanes: [lane(anns[0]), lane(bobs[0])],
      runner: { running: [report] },
    });
    await expect(ann.health({ owner: '' })).rejects.toMatchObject({ code: 'option' });
    runner.stop();
  });

  test('what waits for its owner does not look stalled', async () => {
    const { world, tasks, ann } = await annAndBob();
    world.open(tasks).run({ ask: () => '', save: () => undefined, report: () => undefined });
    await world.advance(10 * 60_000);
    expect(await ann.health({ everyOwner: true })).toMatchObject({ stalled: false, queued: { count: 3 } });
  });

  test('without a declared session, health says nothing of owners', async () => {
    const { basket } = createWorld().open(defineTasks(freshName(), { save: task() }));
    expect(await basket.health()).not.toHaveProperty('noOwner');
  });
});

test('who is signed in is on disk when signIn resolves, and signOut too', async () => {
  const { basket } = createWorld().open(appWithSession());
  await basket.list();
  const recorded = recordTransactions();
  await basket.signIn('ann');
  await basket.signOut();

  expect(recorded.map(({ durability }) => durability)).toEqual(['strict', 'strict']);
});

test('a sign-in leaves no listener on its basket', async () => {
  const { basket, context } = createWorld().open(appWithSession());
  const added = vi.spyOn(context.closed.signal, 'addEventListener');
  await basket.signIn('ann');

  const left = added.mock.calls.filter(([, , options]) => Object(options).signal?.aborted !== true);
  expect([added.mock.calls.length, left]).toEqual([1, []]);
});

test('every tab is told that the owner has changed, also to nobody, and not of the same owner again', async () => {
  const tasks = appWithSession();
  const world = createWorld();
  const [ann, other] = [world.open(tasks).basket, world.open(tasks).basket];
  const told: unknown[] = [];
  for (const basket of [ann, other]) basket.on('session', ({ owner, state }) => void told.push([owner, state]));

  for (const owner of ['ann', 'ann', 'bob']) await ann.signIn(owner);
  await ann.signOut();
  await world.settle();

  const twice = (owner: string | null): unknown[] => [
    [owner, 'changed'],
    [owner, 'changed'],
  ];
  expect(told).toEqual([...twice('ann'), ...twice('bob'), ...twice(null)]);
});

test('a page that comes back from the back/forward cache hears who is signed in, unless it has never signed anybody in', async () => {
  const tasks = appWithSession();
  const world = createWorld();
  const [ann, loading, other] = [world.open(tasks), world.open(tasks), world.open(tasks)];
  await ann.basket.signIn('ann');
  const told: unknown[] = [];
  for (const [page, { basket }] of Object.entries({ ann, loading })) {
    basket.on('session', ({ owner, state }) => void told.push([page, owner, state]));
  }
  for (const { context } of [ann, loading]) context.hub.suspend();
  await other.basket.signIn('bob');
  await world.settle();
  for (const { context } of [ann, loading]) context.hub.resume();
  await world.settle();

  expect(told).toEqual([['ann', 'bob', 'changed']]);
});
