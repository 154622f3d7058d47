import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import type { Tab } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';
import { refuseCommit } from '../simulate/transactions.js';

const types = { save: task<string>({ lane: 'notes' }), photo: task<Blob>(), report: task<string>({ owner: 'none' }) };
const appBefore = (name: string) => defineTasks(name, { ...types, report: task<string>() });
const app = (name: string) => defineTasks(name, types, { session: session() });
const heavy = (): Blob => new Blob(['x'.repeat(300_000)]);
const adopt = { adopt: true };

/** A worker of the build of before runs the tasks. The first save goes on until the gate opens. */
function runningTheFirst(old: Tab<ReturnType<typeof appBefore>>) {
  const ending = createGate();
  const started: string[] = [];
  old.run({
    async save(text) {
      started.push(text);
      if (text === '1') await ending.promise;
    },
    photo: () => undefined,
    report: () => undefined,
  });

  return { started, ending };
}

describe('adopt', () => {
  test('leaves nothing for an update by a page where nobody is signed in, also if it began before', async () => {
    const name = freshName();
    const world = createWorld();
    const encoding = createGate();
    const slow = { encode: async (text: string) => encoding.promise.then(() => text), decode: (text: string) => text };
    const declared = { session: session() };
    const old = world.open(defineTasks(name, { save: task<string>() }));
    const page = world.open(defineTasks(name, { save: task<string>({ codec: slow }) }, declared));
    const tab = world.open(defineTasks(name, { save: task<string>() }, declared));
    const id = await old.basket.add('save', 'as it was');
    const updated = page.basket.update(id, 'changed');
    await world.settle();
    await tab.basket.signIn('ann', undefined, adopt);
    encoding.open();

    expect(await updated).toBe(false);
    expect(await tab.basket.list()).toMatchObject([{ id, owner: 'ann', payload: 'as it was' }]);
  });

  test('gives the tasks of before the session to an owner: they run in order before hers, whatever they waited for', async () => {
    const name = freshName();
    const world = createWorld();
    const old = world.open(appBefore(name));
    const [page, tab] = [world.open(app(name)), world.open(app(name))];
    const failing = old.run({
      save(text) {
        if (text === '1') throw new Error('500');
      },
      photo: () => undefined,
      report: () => undefined,
    });
    const ids: string[] = [await old.basket.add('save', '1'), await old.basket.add('save', '2')];
    await world.settle();
    failing.stop();
    await world.settle();
    ids.push(await old.basket.add('save', '3'), await old.basket.add('photo', heavy()));
    const report = await old.basket.add('report', 'crash');
    const later = await old.basket.add('save', 'later', { runAt: world.wall() + 600_000, lane: 'other' });
    await page.basket.signIn('ann');
    const own = await page.basket.add('save', '4');
    const started: string[] = [];
    tab.run({
      save: (text) => void started.push(text),
      photo: (photo) => void started.push(`photo of ${photo.size}`),
      report: (text) => void started.push(text),
    });
    await world.settle();
    expect(started.splice(0)).toEqual(['crash', '4']);
    const fifth = await page.basket.add('save', '5', { runAt: world.wall() + 1_000 });
    expect(await page.basket.health()).toMatchObject({ noOwner: { count: 5 } });

    await page.basket.signIn('ann', undefined, adopt);
    expect((await page.basket.list()).map(({ id, owner }) => [id, owner])).toEqual(
      [...ids, later, fifth].map((id) => [id, 'ann']),
    );
    expect(await page.basket.health()).toMatchObject({ noOwner: { count: 0 } });
    await world.advance(60_000);
    expect(started.splice(0).sort()).toEqual(['1', '2', '3', '5', 'photo of 300000']);
    await world.advance(600_000);
    expect(started).toEqual(['later']);
    expect(own).not.toBe(report);
    expect(await contentsOf(app(name))).toMatchObject({ tasks: [], bodies: new Map() });
  });

  test('in the lane of the owner they go first, and her running task ends before them', async () => {
    const name = freshName();
    const world = createWorld();
    await world.open(appBefore(name)).basket.addMany([
      ['save', '1'],
      ['save', '2'],
    ]);
    const page = world.open(app(name));
    await page.basket.signIn('ann');
    await page.basket.add('save', '3');
    await page.basket.add('save', '4');
    const ending = createGate();
    const told: string[] = [];
    world.open(app(name)).run({
      async save(text) {
        told.push(text);
        if (text === '3') await ending.promise;
        told.push(`${text} ended`);
      },
      photo: () => undefined,
      report: () => undefined,
    });
    await world.settle();
    await page.basket.signIn('ann', undefined, adopt);
    await world.settle();
    expect(told).toEqual(['3']);
    ending.open();
    await world.settle();
    expect(told).toEqual(['3', '3 ended', '1', '1 ended', '2', '2 ended', '4', '4 ended']);
  });

  test('lets a task of nobody go on that stood behind them in their lane, or waited for one of them', async () => {
    const name = freshName();
    const world = createWorld();
    const old = world.open(appBefore(name));
    const first = await old.basket.add('save', '1');
    await old.basket.add('report', 'crash', { lane: 'notes' });
    await old.basket.add('report', 'child', { after: first });
    const page = world.open(app(name));
    await page.basket.signIn('ann');
    const started: string[] = [];
    world.open(app(name)).run({
      save(text) {
        started.push(text);

        return new Promise(() => undefined);
      },
      photo: () => undefined,
      report: (text) => void started.push(text),
    });
    await world.settle();
    expect(started).toEqual([]);

    await page.basket.signIn('ann', undefined, adopt);
    await world.settle();
    expect(started.sort()).toEqual(['1', 'child', 'crash']);
  });

  test('keeps dead tasks dead, under their key, their counters and the mark that they have left their lane', async () => {
    const name = freshName();
    const world = createWorld();
    const old = world.open(appBefore(name));
    const dead = await old.basket.add('save', '1', { onDead: 'skip' });
    await old.basket.add('save', 'x', { key: 'k' });
    const runner = old.run({
      save(text) {
        throw Object.assign(new Error('422'), { text });
      },
      photo: () => undefined,
      report: () => undefined,
    });
    await world.settle();
    runner.stop();
    await world.settle();
    const page = world.open(app(name));
    await page.basket.signIn('ann', undefined, adopt);
    const rows = await rowsOf(app(name));
    expect(rows.map(({ owner, failures }) => [owner, failures])).toEqual([
      ['ann', 1],
      ['ann', expect.any(Number)],
    ]);
    expect(rows.every(({ ready }) => ready.slice(1).startsWith('ann|'))).toBe(true);
    expect(await page.basket.count({ lane: 'notes' })).toMatchObject({ count: 2 });
    expect(rows[1]?.marks).toContain('Kann|save|Lnotes|k');
    expect(await page.basket.get(dead)).toMatchObject({ owner: 'ann' });
  });

  test('of the owner who is signed in already lets a task run that an earlier build could not read', async () => {
    const name = freshName();
    const world = createWorld();
    const unreadable = (): string => {
      throw new Error('I cannot read that.');
    };
    const codec = { encode: (text: string) => text, decode: unreadable };
    const old = world.open(defineTasks(name, { save: task<string>({ codec }) }));
    old.run({ save: () => undefined });
    const id = await old.basket.add('save', 'a');
    await world.settle();
    expect(await old.basket.explain(id)).toMatchObject([{ reason: 'undecodable' }]);
    old.kill();

    const tasks = defineTasks(name, { save: task<string>() }, { session: session() });
    const [page, worker] = [world.open(tasks), world.open(tasks)];
    await page.basket.signIn('ann');
    const ran: string[] = [];
    worker.run({ save: (text) => void ran.push(text) });
    await world.settle();
    await page.basket.signIn('ann', undefined, adopt);
    await world.settle();
    expect(ran).toEqual(['a']);
  });

  test('leaves alone what an older build is running, with its lane, until the next sign-in', async () => {
    const name = freshName();
    const world = createWorld();
    const old = world.open(appBefore(name));
    await old.basket.add('save', '1');
    await old.basket.add('save', '2');
    await old.basket.add('save', 'other', { lane: 'other' });
    const { started, ending } = runningTheFirst(old);
    await world.settle();
    const page = world.open(app(name));
    await page.basket.signIn('ann', undefined, adopt);
    expect((await rowsOf(app(name))).map(({ owner }) => owner)).toEqual([null, null]);
    ending.open();
    await world.settle();
    expect(started).toEqual(['1', 'other', '2']);
  });

  test.each(['before', 'after'])(
    'gives what a closed browser was sending to the owner, if she signs in %s the new worker begins',
    async (when) => {
      const name = freshName();
      const world = createWorld();
      const [old, worker] = [world.open(appBefore(name)), world.open(appBefore(name))];
      for (const text of ['1', '2', '3']) await old.basket.add('save', text);
      runningTheFirst(worker);
      await world.settle();
      for (const tab of [worker, old]) tab.kill();
      await world.advance(86_400_000);
      const [page, next] = [world.open(app(name), { build: 1 }), world.open(app(name), { build: 1 })];
      const sent: string[] = [];
      const handlers = {
        save: (text: string) => void sent.push(text),
        photo: () => undefined,
        report: () => undefined,
      };
      if (when === 'after') next.run(handlers);
      await world.settle();
      await page.basket.signIn('ann', undefined, adopt);
      if (when === 'before') next.run(handlers);
      await world.advance(60_000);

      expect(sent).toEqual(['1', '2', '3']);
    },
  );

  test('leaves alone what an older build began to run while the sign-in looked whether a runner is there', async () => {
    const name = freshName();
    const world = createWorld();
    const gone = world.open(appBefore(name));
    await gone.basket.add('save', '1');
    runningTheFirst(gone);
    await world.settle();
    gone.kill();
    await world.settle();
    const [old, page] = [world.open(appBefore(name)), world.open(app(name))];
    const { held } = page.context.ports.locks;
    Object.assign(page.context.ports.locks, {
      async held(start: string) {
        const found = await held(start);
        runningTheFirst(old);
        await world.settle();

        return found;
      },
    });
    await page.basket.signIn('ann', undefined, adopt);

    expect((await rowsOf(app(name))).map(({ owner }) => owner)).toEqual([null]);
  });

  test('leaves alone the parents of what stays, and their lanes, so that an older build starts no child before them', async () => {
    const name = freshName();
    const world = createWorld();
    const old = world.open(appBefore(name));
    await old.basket.add('save', '1');
    await old.basket.add('save', 'before the parent', { lane: 'parents', runAt: world.wall() + 20_000 });
    const parent = await old.basket.add('save', 'parent', { lane: 'parents' });
    await old.basket.add('save', 'child', { after: parent });
    await old.basket.add('save', 'free', { lane: 'other', runAt: world.wall() + 20_000 });
    const { started, ending } = runningTheFirst(old);
    await world.settle();
    const page = world.open(app(name));
    await page.basket.signIn('ann', undefined, adopt);
    expect((await page.basket.list()).map(({ payload }) => payload)).toEqual(['free']);
    ending.open();
    await world.advance(60_000);
    expect(started).toEqual(['1', 'before the parent', 'parent', 'child']);
  });

  test('leaves a row that only a later version can read as it is', async () => {
    const tasks = app(freshName());
    const { basket } = createWorld().open(tasks);
    const [own, strange] = await basket.addMany([
      ['save', 'own', { owner: 'bob' }],
      ['save', 'strange', { owner: 'bob' }],
    ]);
    const [, row] = await rowsOf(tasks);
    const ofLater = {
      ...row,
      owner: null,
      ready: '@|save|1|save|1|000000000',
      marks: [`I${strange}`],
      timeout: 'later',
    };
    await byHand(tasks, (stores) => stores.tasks.put(ofLater));
    await basket.signIn('ann', undefined, adopt);

    expect(await rowsOf(tasks)).toEqual([expect.objectContaining({ id: own }), ofLater]);
  });

  test('is true or false, and says so', async () => {
    const { basket } = createWorld().open(app(freshName()));
    // @ts-expect-error -- true or false
    await expect(basket.signIn('ann', undefined, { adopt: 'yes' })).rejects.toMatchObject({ code: 'option' });
    // @ts-expect-error -- no such option
    await expect(basket.signIn('ann', undefined, { adopts: true })).rejects.toMatchObject({ code: 'option' });
  });
});

describe('purge', () => {
  test('files that the browser does not delete at once: the app gets an error of ours, and a second call resolves', async () => {
    const tasks = app(freshName());
    const tab = createWorld().open(tasks);
    await tab.basket.signIn('ann');
    await tab.basket.add('photo', heavy());
    let refuses = true;
    tab.at('body:requests', (transaction) => {
      if (refuses && transaction !== undefined) refuseCommit(transaction);
    });
    await expect(tab.basket.purge('ann')).rejects.toMatchObject({ code: 'quota' });
    refuses = false;
    expect(await tab.basket.purge('ann')).toBe(0);
    expect((await contentsOf(tasks)).bodies.size).toBe(0);
  });

  test('removes everything of an owner, and nothing of anybody else; what runs is aborted', async () => {
    const name = freshName();
    const tasks = app(name);
    const world = createWorld();
    await world.open(appBefore(name)).basket.add('photo', heavy());
    const [ann, bob, tab] = [world.open(tasks), world.open(tasks), world.open(tasks)];
    await ann.basket.signIn('ann', undefined, adopt);
    await bob.basket.signIn('bob');
    await bob.basket.add('photo', heavy());
    await bob.basket.add('save', 'bob');
    const kept = await contentsOf(tasks);
    void ann.basket.signIn('ann');
    await world.settle();
    const annsPhoto = (await ann.basket.list())[0]?.id ?? '';
    await ann.basket.add('photo', heavy());
    await ann.basket.add('save', 'y'.repeat(20_000));
    await ann.basket.prepare('photo', heavy()); // Never added: an orphan.
    const [running, cancelled, done] = await ann.basket.addMany([
      ['save', 'runs', { lane: 'a' }],
      ['save', 'is cancelled', { lane: 'b' }],
      ['save', 'ends', { lane: 'c' }],
    ]);
    const signals: AbortSignal[] = [];
    const runner = tab.run({
      async save(text, { signal }) {
        if (text === 'ends') return;
        signals.push(signal);
        await new Promise(() => undefined);
      },
      photo: () => new Promise(() => undefined),
      report: () => undefined,
    });
    await world.settle();
    await ann.basket.cancel(cancelled ?? '');
    expect(await ann.basket.settled(cancelled ?? '')).toEqual({ state: 'cancelled' });
    const waiting = ann.basket.settled(running ?? '');
    const events: string[] = [];
    ann.basket.on('settled', ({ id, state }) => events.push(`${id} ${state}`));
    await world.settle();

    expect(await ann.basket.purge('ann')).toBe(4);
    await world.settle();
    expect(await waiting).toEqual({ state: 'purged' });
    expect(events).toContain(`${annsPhoto} purged`);
    expect(signals.every(({ aborted }) => aborted)).toBe(true);
    await world.advance(30_000);
    runner.stop();
    await world.settle();
    const left = await contentsOf(tasks);
    expect({ ...left, state: undefined }).toEqual({
      ...kept,
      tasks: kept.tasks.filter(({ owner }) => owner === 'bob'),
      bodies: new Map([...kept.bodies].filter(([key]) => key.startsWith('bob|'))),
      state: undefined,
    });
    const gone = ann.basket.settled(cancelled ?? '');
    await world.advance(2_000);
    expect(await gone).toEqual({ state: 'gone' });
    expect(await ann.basket.settled(done ?? '')).toMatchObject({ state: 'done' });
    expect(await ann.basket.purge('ann')).toBe(0);
  });

  test('leaves the name of the owner in no record', async () => {
    const world = createWorld();
    const tasks = app(freshName());
    const page = world.open(tasks);
    world.open(tasks).run({ save: () => undefined, photo: () => undefined, report: () => undefined });
    await page.basket.signIn('ann@example');
    await page.basket.add('save', 'one');
    await page.basket.prepare('photo', heavy());
    await page.basket.prepare('photo', heavy(), { owner: 'ben' });
    // The runner stores positions, and looks for bodies without a task.
    await world.advance(3_600_000);
    const named = async (): Promise<readonly unknown[]> => {
      const { reserve: _, ...records } = Object.fromEntries((await contentsOf(tasks)).state) as Record<string, unknown>;

      return Object.entries(records).flatMap(([key, value]) =>
        JSON.stringify([key, value]).includes('ann') ? key : [],
      );
    };
    expect(await named()).toEqual(['bodies', 'positions', 'session']);
    await page.basket.signOut();
    await world.settle();
    await page.basket.purge('ann@example');
    expect(await named()).toEqual([]);
    // The bodies of others keep the time at which they were found, so that they are collected in time.
    expect(Object.keys((await contentsOf(tasks)).state.get('bodies') as object)).toEqual([
      expect.stringMatching(/^~?ben/),
    ]);
    await world.advance(3_600_000);

    expect(await named()).toEqual([]);
  });

  test('of an owner leaves the files of everybody whose name begins alike', async () => {
    const tasks = app(freshName());
    const world = createWorld();
    const { basket } = world.open(tasks);
    const others = ['an', 'annabel', 'ann|', 'ann}', 'ann%7C', 'ann\u0000', 'ann\uffff', 'Ann'];
    for (const owner of ['ann', ...others]) await basket.add('photo', heavy(), { owner });
    await basket.purge('ann');

    const sizes = (await basket.list({ everyOwner: true })).map(({ owner, payload }) => [
      owner,
      payload instanceof Blob ? payload.size : payload,
    ]);
    expect(sizes).toEqual(others.map((owner) => [owner, 300_000]));
    expect((await contentsOf(tasks)).bodies.size).toBe(others.length);
  });

  test('is told to each of hundreds who wait for the end of a task', async () => {
    const world = createWorld();
    const { basket } = world.open(app(freshName()));
    await basket.signIn('ann');
    const ids = await basket.addMany(Array.from({ length: 300 }, (_, place) => ['save', `note ${place}`] as const));
    const ends = Promise.all(ids.map((id) => basket.settled(id)));
    await world.settle();
    await basket.purge('ann');
    await world.advance(2_000);
    expect(new Set((await ends).map(({ state }) => state))).toEqual(new Set(['purged']));
  });

  test('needs an owner, and a declared session', async () => {
    const option = { code: 'option' };
    const world = createWorld();
    const { basket } = world.open(app(freshName()));
    await expect(basket.purge('')).rejects.toMatchObject(option);
    await expect(basket.purge(undefined as unknown as string)).rejects.toMatchObject(option);
    const none = world.open(appBefore(freshName())).basket;
    await expect(none.purge('ann')).rejects.toMatchObject(option);
  });
});

test('a purge leaves a heavy task that another tab adds for the same owner after it has read what there is', async () => {
  const tasks = app(freshName());
  const world = createWorld();
  const [tab, other] = [world.open(tasks), world.open(tasks)];
  for (const { basket } of [tab, other]) await basket.signIn('ann');
  await tab.basket.add('photo', heavy());
  await world.settle();
  let late: Promise<unknown> | undefined;
  const { begin } = tab.context.database;
  Object.assign(tab.context.database, {
    async begin(...what: Parameters<typeof begin>) {
      // The last transaction of a purge writes the bodies.
      if (what[0] === 'readwrite' && what[1].includes('bodies')) await (late ??= other.basket.add('photo', heavy()));

      return begin(...what);
    },
  });

  expect(await tab.basket.purge('ann')).toBe(1);
  const { bodies } = await contentsOf(tasks);
  expect(bodies.size).toBe(1);
  expect(await other.basket.list()).toMatchObject([{ id: await late, unreadable: false }]);
});
