import { describe, expect, test } from 'vitest';

import type { Prepared } from '../../src/basket/basket.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import type { Attempt } from '../../src/runner/term/leader.js';
import { PermanentFailure, RetryLater } from '../../src/pure/verdict.js';
import { openNotes } from '../basket/app.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import type { Gate, Tab, World } from '../support/world.js';
import { createGate, createWorld, daysOf } from '../support/world.js';

interface Created {
  readonly number: string;
}

const define = (name = freshName()) =>
  defineTasks(name, {
    create: task<string, Created>({ timeout: 86_400_000 }),
    send: task<string>(),
    note: task<string>({ lane: 'notes' }),
    skip: task<string>({ lane: 'notes', onDead: 'skip' }),
  });

type Tasks = ReturnType<typeof define>;

/** What a test sees of an app: which tasks were started, with what of their parents, and the end of each `create`. */
interface App {
  readonly tasks: Tasks;
  readonly world: World;
  readonly page: Tab<Tasks>;
  readonly basket: Tab<Tasks>['basket'];
  /** The payloads of the tasks that were started, in order. */
  readonly started: string[];
  readonly parents: Map<string, readonly unknown[]>;
  /** The ends of running `create` tasks, by payload. */
  readonly creating: Map<string, Gate<Created>>;
  /** Starts a worker. */
  readonly work: () => Tab<Tasks>;
}

function createApp(tasks = define()): App {
  const world = createWorld();
  const page = world.open(tasks);
  const started: string[] = [];
  const parents: App['parents'] = new Map();
  const creating: App['creating'] = new Map();
  const note = (payload: string, attempt: Attempt<string>): void => {
    started.push(payload);
    parents.set(payload, attempt.parents);
  };

  return {
    tasks,
    world,
    page,
    basket: page.basket,
    started,
    parents,
    creating,

    work() {
      const worker = world.open(tasks);
      worker.run({
        create(payload, attempt) {
          note(payload, attempt);
          const answer = createGate<Created>();
          creating.set(payload, answer);

          return answer.promise;
        },
        send: note,
        note,
        skip: note,
      });

      return worker;
    },
  };
}

const letters = async ({ tasks }: App): Promise<string> =>
  (await rowsOf(tasks)).map(({ ready }) => ready.charAt(0)).join('');

test('scenario 17: a child waits for its parent, and gets what the parent returned', async () => {
  const app = createApp();
  const { basket, world, started, creating, parents } = app;
  app.work();
  const report = await basket.add('create', 'report');
  const photo = await basket.add('send', 'photo', { after: report });
  const comment = await basket.add('send', 'comment', { after: [report] });
  await world.advance(600_000);
  expect(started).toEqual(['report']);
  expect(await basket.explain(photo)).toEqual([{ reason: 'parent', parent: report, state: 'running' }]);

  creating.get('report')?.open({ number: 'R1' });
  await world.settle();
  expect(started).toEqual(['report', 'photo', 'comment']);
  expect([...parents.values()]).toEqual([[], [{ number: 'R1' }], [{ number: 'R1' }]]);
  expect(await basket.settled(comment)).toMatchObject({ state: 'done' });
  expect(await rowsOf(app.tasks)).toEqual([]);
});

test('scenario 17: the result is there after a reload, and the child had its first attempt cut off', async () => {
  const app = createApp();
  const { basket, world, started, creating, parents } = app;
  const first = app.work();
  const report = await basket.add('create', 'report');
  const other = await basket.add('create', 'other');
  await basket.add('create', 'sub', { after: [report, other] });
  await world.settle();
  creating.get('report')?.open({ number: 'R1' });
  await world.settle();
  expect(started).toEqual(['report', 'other']);
  first.kill();

  const second = app.work();
  await world.settle();
  creating.get('other')?.open({ number: 'O2' });
  await world.settle();
  second.kill();
  expect(started).toEqual(['report', 'other', 'other', 'sub']);
  parents.clear();

  app.work();
  await world.settle();
  expect(parents.get('sub')).toEqual([{ number: 'R1' }, { number: 'O2' }]);
});

test('scenario 17: a parent that ended before its child was added gives its result too', async () => {
  const app = createApp();
  const { basket, world, creating, parents } = app;
  app.work();
  const report = await basket.add('create', 'report');
  await world.settle();
  creating.get('report')?.open({ number: 'R1' });
  const silent = await basket.add('send', 'silent');
  await world.settle();
  expect(await rowsOf(app.tasks)).toEqual([]);

  await basket.add('send', 'photo', { after: [silent, report, 'never-there', report] });
  await world.settle();
  expect(parents.get('photo')).toEqual([undefined, { number: 'R1' }, undefined, { number: 'R1' }]);
});

test('a parent and its child that are added in one transaction: both or neither, and in order', async () => {
  const name = freshName();
  const app = createApp(define(name));
  const { basket, world, started, creating } = app;
  const db = await openNotes(name, app.tasks);
  app.work();
  for (const end of ['abort', 'commit'] as const) {
    const tx = db.transaction(['notes', ...app.tasks.stores], 'readwrite');
    const report = basket.addTx(tx, 'create', 'report');
    basket.addTx(tx, 'send', 'photo', { after: report });
    tx[end]();
    await world.settle();
    expect(started).toEqual(end === 'abort' ? [] : ['report']);
  }
  creating.get('report')?.open({ number: 'R1' });
  await world.settle();
  expect(started).toEqual(['report', 'photo']);
  db.close();
});

test('a parent that is named twice is one reason, and gives its result to both places', async () => {
  const app = createApp();
  const { basket, world, creating, parents } = app;
  app.work();
  const report = await basket.add('create', 'report');
  const photo = await basket.add('send', 'photo', { after: [report, report] });
  await world.settle();
  expect(await basket.explain(photo)).toEqual([{ reason: 'parent', parent: report, state: 'running' }]);

  creating.get('report')?.open({ number: 'R1' });
  await world.settle();
  expect(parents.get('photo')).toEqual([{ number: 'R1' }, { number: 'R1' }]);
});

describe('a dead parent', () => {
  async function dead(): Promise<App & { readonly parent: string; readonly child: string }> {
    const app = createApp();
    app.work();
    const parent = await app.basket.add('create', 'report');
    const child = await app.basket.add('send', 'photo', { after: parent });
    await app.world.settle();
    app.creating.get('report')?.fail(new PermanentFailure('It has no title.'));
    await app.world.advance(3_600_000);
    expect(app.started).toEqual(['report']);

    return { ...app, parent, child };
  }

  test('scenario 18: holds its child, which says so', async () => {
    const { basket, world, parent, child } = await dead();

    expect(await basket.explain(child)).toEqual([{ reason: 'parent', parent, state: 'dead' }]);
    const children = basket.watch({ parent }, { reasons: true });
    const stop = children.subscribe(() => undefined);
    await world.settle();
    const [shown, ...others] = children.get().tasks;
    expect(shown).toMatchObject({ id: child, state: 'queued', reasons: [{ reason: 'parent', parent, state: 'dead' }] });
    expect(others).toEqual([]);
    stop();
  });

  test.each(['retry', 'update'] as const)(
    'scenario 18: lets its child run once it succeeded after %s',
    async (what) => {
      const { basket, parent, world, creating, started, parents } = await dead();
      await (what === 'retry' ? basket.retry(parent) : basket.update(parent, 'title'));
      await world.settle();
      const payload = what === 'retry' ? 'report' : 'title';
      expect(started).toEqual(['report', payload]);

      creating.get(payload)?.open({ number: 'R2' });
      await world.settle();
      expect(started).toEqual(['report', payload, 'photo']);
      expect(parents.get('photo')).toEqual([{ number: 'R2' }]);
    },
  );

  test('if it is cancelled, its child is dead, for the reason parent', async () => {
    const { basket, parent, child, world, started } = await dead();
    const told: unknown[] = [];
    basket.on('settled', (event) => told.push([event.id, event.state]));
    const end = basket.settled(child);
    expect(await basket.cancel(parent)).toBe(1);
    await world.settle();

    expect(await end).toEqual({ state: 'dead', because: 'parent', error: undefined });
    expect(told).toEqual([
      [parent, 'cancelled'],
      [child, 'dead'],
    ]);
    expect(await basket.explain(child)).toEqual([{ reason: 'dead', because: 'parent', error: undefined }]);
    expect(started).toEqual(['report']);
  });

  test.each(['retry', 'update'] as const)('if it is cancelled, %s runs its child without it', async (what) => {
    const { basket, parent, child, world, started, parents } = await dead();
    await basket.cancel(parent);
    await world.settle();
    await (what === 'retry' ? basket.retry(child) : basket.update(child, 'photo'));
    await world.settle();

    expect(started).toEqual(['report', 'photo']);
    expect(parents.get('photo')).toEqual([undefined]);
  });

  test('that is cancelled with its children takes them along, and theirs, and no other task', async () => {
    const { basket, parent, child, world, started, tasks } = await dead();
    const grandchild = await basket.add('send', 'thumb', { after: [child, 'x'], onParent: 'run' });
    const stranger = await basket.add('send', 'stranger', { after: 'y', runAt: world.wall() + 86_400_000 });
    expect(await basket.cancel({ state: 'dead' }, { children: true })).toBe(3);
    await world.settle();

    for (const id of [parent, child, grandchild]) expect(await basket.settled(id)).toEqual({ state: 'cancelled' });
    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual([stranger]);
    expect(started).toEqual(['report']);
  });
});

test('a child that runs without a cancelled parent still waits for the other ones', async () => {
  const app = createApp();
  const { basket, world, started, creating, parents } = app;
  app.work();
  const lost = await basket.add('create', 'lost');
  const found = await basket.add('create', 'found');
  await basket.add('send', 'photo', { after: [lost, found], onParent: 'run' });
  await basket.add('send', 'strict', { after: [lost, found] });
  await world.settle();
  await basket.cancel(lost);
  await world.settle();
  // The cancelled one runs on until its handler ends.
  expect(await letters(app)).toBe('DFHH');

  creating.get('lost')?.fail(new Error('cancelled'));
  await world.settle();
  // The strict one is dead, whatever becomes of the other parent.
  expect(await letters(app)).toBe('FHD');
  expect(started).toEqual(['lost', 'found']);

  creating.get('found')?.open({ number: 'F1' });
  await world.settle();
  expect(started).toEqual(['lost', 'found', 'photo']);
  expect(parents.get('photo')).toEqual([undefined, { number: 'F1' }]);
});

test('a child of a task that was cancelled while it ran starts only when the runner that ran it is gone', async () => {
  const app = createApp();
  const { basket, world, started } = app;
  const first = app.work();
  const upload = await basket.add('create', 'upload');
  const tidy = await basket.add('send', 'tidy', { after: upload, onParent: 'run' });
  await world.settle();
  await basket.cancel(upload);
  await world.advance(1_000);
  expect(await basket.explain(tidy)).toEqual([{ reason: 'parent', parent: upload, state: 'running' }]);
  expect(started).toEqual(['upload']);
  first.kill();

  app.work();
  await world.settle();
  expect(started).toEqual(['upload', 'tidy']);
});

test.each([
  ['note', 'DF', []],
  ['skip', 'D', ['next']],
] as const)(
  'a child of the type "%s" that is dead for its parent holds or leaves its lane as any dead task does',
  async (type, left, runs) => {
    const app = createApp();
    const { basket, world, started } = app;
    const parent = await basket.add('create', 'parent', { runAt: world.wall() + 86_400_000 });
    const child = await basket.add(type, 'child', { after: parent });
    const next = await basket.add('note', 'next');
    app.work();
    await world.settle();
    expect(await letters(app)).toBe('!HF');
    expect(await basket.explain(next)).toMatchObject([{ reason: 'lane', behind: child, dead: false }]);

    await basket.cancel(parent);
    await world.settle();
    expect(await letters(app)).toBe(left);
    expect(started).toEqual(runs);
  },
);

test('a child waits in its lane for its parent, and the lane goes on in order', async () => {
  const app = createApp();
  const { basket, world, started, creating } = app;
  app.work();
  await basket.add('note', 'before');
  const parent = await basket.add('create', 'parent');
  await basket.add('note', 'child', { after: parent });
  await basket.add('note', 'next');
  await world.advance(3_600_000);
  expect(started).toEqual(['before', 'parent']);

  creating.get('parent')?.open({ number: 'P' });
  await world.settle();
  expect(started).toEqual(['before', 'parent', 'child', 'next']);
});

/** Adds what was prepared, in a transaction of the app. */
async function addPrepared({ tasks, basket, world }: App, prepared: Prepared<'note'>): Promise<void> {
  const db = await openNotes(tasks.name, tasks);
  const tx = db.transaction(tasks.stores, 'readwrite');
  basket.addTx(tx, prepared);
  tx.commit();
  db.close();
  await world.settle();
}

test('a task that was prepared first and added last is no parent: it may stand behind its child in their lane', async () => {
  const app = createApp();
  const { basket, world, started } = app;
  const prepared = await basket.prepare('note', 'late');
  await basket.add('note', 'early', { after: prepared.id });
  await addPrepared(app, prepared);
  app.work();
  await world.settle();

  expect(started).toEqual(['early', 'late']);
});

test('neither is the task that took the place of such a task', async () => {
  const app = createApp();
  const { basket, world, started } = app;
  const prepared = await basket.prepare('note', 'late', { key: 'k' });
  await basket.add('note', 'early', { after: prepared.id });
  await addPrepared(app, prepared);
  await basket.add('note', 'latest', { key: 'k' });
  await world.settle();
  app.work();
  await world.settle();

  expect(started).toEqual(['early', 'latest']);
});

test('a task stays if only the next one of its key waits for a parent that both name: no task waits for ever', async () => {
  const app = createApp();
  const { basket, world, started } = app;
  const photo = await basket.prepare('note', 'photo');
  const first = await basket.add('send', 'first', { key: 'k', after: photo.id });
  await basket.add('note', 'edit', { after: first });
  await addPrepared(app, photo);
  await basket.add('send', 'second', { key: 'k', after: photo.id });
  await world.settle();
  app.work();
  await world.settle();

  expect(started).toEqual(['first', 'edit', 'photo', 'second']);
});

test('a task of another owner is no parent', async () => {
  const app = createApp();
  const { basket, world, started, parents } = app;
  const queued = await basket.add('send', 'hers');
  await byHand(app.tasks, ({ tasks, outcomes }) => {
    const marks = [`I${queued}`];
    const ready = 'Fann|send|1|send|1';
    tasks.put({ ...rowLike(queued, 1), owner: 'ann', ready, marks });
    outcomes.add({
      id: 'done',
      type: 'create',
      owner: 'ann',
      state: 'done',
      at: 1,
      result: 'secret',
      marks: ['Idone'],
    });
    outcomes.add({ id: 'off', type: 'create', owner: 'ann', state: 'cancelled', at: 1, marks: ['Ioff'] });
  });
  await basket.add('send', 'mine', { after: [queued, 'done', 'off'] });
  app.work();
  await world.settle();

  expect(started).toEqual(['mine']);
  expect(parents.get('mine')).toEqual([undefined, undefined, undefined]);
  expect(await basket.cancel(queued, { children: true })).toBe(1);
});

test('for a parent that was replaced, the task that replaced it counts', async () => {
  const app = createApp();
  const { basket, world, started, creating, parents } = app;
  app.work();
  const draft = await basket.add('create', 'draft');
  await world.settle();
  await byHand(app.tasks, ({ outcomes }) => {
    for (const [id, by] of [
      ['first', 'second'],
      ['second', draft],
      ['left', 'right'],
      ['right', 'left'],
    ]) {
      outcomes.add({ id, type: 'create', owner: null, state: 'replaced', by, at: 1, marks: [`I${id}`] });
    }
  });
  const child = await basket.add('send', 'photo', { after: 'first' });
  await basket.add('send', 'circle', { after: 'left' });
  await world.settle();
  expect(started).toEqual(['draft', 'circle']);
  expect(await basket.explain(child)).toEqual([{ reason: 'parent', parent: draft, state: 'running' }]);
  expect((await basket.list({ parent: draft })).map(({ id }) => id)).toEqual([child]);

  creating.get('draft')?.open({ number: 'D' });
  await world.settle();
  expect(started).toEqual(['draft', 'circle', 'photo']);
  expect(parents.get('photo')).toEqual([{ number: 'D' }]);
});

test('a child that is read in the turn that replaces its parent follows the task that took its place', async () => {
  const app = createApp();
  const { world, tasks, started, creating, parents } = app;
  /** Adds in a tab that dies before it deletes what was replaced, so that only the runner can do it. */
  const addAndDie = async (add: (basket: App['basket']) => Promise<string>): Promise<string> => {
    const tab = world.open(tasks);
    tab.at('tidy:before', tab.kill);
    const id = await add(tab.basket);
    tab.kill();

    return id;
  };
  const first = await addAndDie((basket) => basket.add('create', 'first', { key: 'draft' }));
  await addAndDie((basket) => basket.add('create', 'second', { key: 'draft' }));
  await addAndDie((basket) => basket.add('send', 'photo', { after: first }));
  app.work();
  await world.settle();
  expect(started).toEqual(['second']);

  creating.get('second')?.open({ number: 'R2' });
  await world.settle();
  expect(started).toEqual(['second', 'photo']);
  expect(parents.get('photo')).toEqual([{ number: 'R2' }]);
});

test('a parent that was replaced 150 times is awaited all the same', async () => {
  const app = createApp();
  const { basket, world, started, creating } = app;
  const last = await basket.add('create', 'last');
  await byHand(app.tasks, ({ outcomes }) => {
    for (let n = 1; n <= 150; n += 1) {
      const by = n === 150 ? last : `draft ${n + 1}`;
      outcomes.add({
        id: `draft ${n}`,
        type: 'create',
        owner: null,
        state: 'replaced',
        by,
        at: 1,
        marks: [`Idraft ${n}`],
      });
    }
  });
  const child = await basket.add('send', 'photo', { after: 'draft 1' });
  app.work();
  await world.settle();
  expect(started).toEqual(['last']);
  expect(await basket.explain(child)).toEqual([{ reason: 'parent', parent: last, state: 'running' }]);

  creating.get('last')?.open({ number: 'L' });
  await world.settle();
  expect(started).toEqual(['last', 'photo']);
});

test('a task that names itself, in a row that was written by hand, does not wait for itself', async () => {
  const app = createApp();
  const { world, started } = app;
  await app.basket.list();
  await byHand(app.tasks, ({ tasks }) => {
    tasks.put({ ...rowLike('me', 1), after: ['me'], marks: ['Ime', 'Wme'] });
  });
  app.work();
  await world.settle();

  expect(started).toEqual(['me']);
});

test('a dead parent that has left the lane holds its child there, and comes back before it', async () => {
  const app = createApp();
  const { basket, world, started } = app;
  const parent = await basket.add('skip', 'parent', { expiresAt: world.wall() + 1_000 });
  await world.advance(2_000);
  const child = await basket.add('skip', 'child', { after: parent });
  await basket.add('note', 'next');
  app.work();
  await world.settle();
  expect(started).toEqual([]);
  expect(await basket.explain(child)).toEqual([{ reason: 'parent', parent, state: 'dead' }]);

  await basket.retry(parent);
  await world.settle();
  expect(started).toEqual(['parent', 'child', 'next']);
});

describe('a child whose date is ahead', () => {
  const hour = 3_600_000;

  test.each([
    ['that is due on its date', {}],
    ['that waits in its lane', { lane: 'busy' }],
  ])('%s is dead at once if its parent is cancelled', async (_, lane) => {
    const app = createApp();
    const { basket, world, started } = app;
    app.work();
    const parent = await basket.add('create', 'parent', { runAt: world.wall() + hour });
    const head = await basket.add('create', 'head', lane);
    const child = await basket.add('send', 'child', { ...lane, after: parent, runAt: world.wall() + 2 * hour });
    const runs = await basket.add('send', 'runs', { after: parent, runAt: world.wall() + 2 * hour, onParent: 'run' });
    await world.settle();
    await basket.cancel(parent);
    await basket.cancel(head);
    app.creating.get('head')?.fail(new Error('cancelled'));
    await world.settle();
    expect(await basket.settled(child)).toEqual({ state: 'dead', because: 'parent', error: undefined });
    expect(await basket.explain(runs)).toEqual([{ reason: 'date', until: world.wall() + 2 * hour }]);

    await world.advance(2 * hour);
    expect(started).toEqual(['head', 'runs']);
  });

  test('runs on its date if its parent succeeded before', async () => {
    const app = createApp();
    const { basket, world, started, creating, parents } = app;
    app.work();
    const parent = await basket.add('create', 'parent');
    await basket.add('send', 'child', { after: parent, runAt: world.wall() + hour });
    await world.settle();
    creating.get('parent')?.open({ number: 'P' });
    await world.advance(hour - 1);
    expect(started).toEqual(['parent']);
    await world.advance(1);
    expect(parents.get('child')).toEqual([{ number: 'P' }]);
  });
});

test('a task may have 100 parents, and gets what each returned', async () => {
  const app = createApp();
  const { basket, world, started, creating, parents } = app;
  app.work();
  const names = Array.from({ length: 100 }, (_, number) => `${number}`);
  const ids = await basket.addMany(names.map((name) => ['create', name] as const));
  await basket.add('send', 'child', { after: ids });
  for (const name of names) {
    await world.settle();
    expect(started).not.toContain('child');
    creating.get(name)?.open({ number: name });
  }
  await world.settle();
  expect(parents.get('child')).toEqual(names.map((number) => ({ number })));
});

describe('an outcome that a child waits for', () => {
  test('is kept for longer than 30 days, until the child has ended', async () => {
    const app = createApp();
    const { basket, world, parents } = app;
    const ids = ['kept', 'other'].map((id) => ({ id, marks: [`I${id}`] }));
    await basket.list();
    await byHand(app.tasks, ({ outcomes }) => {
      for (const one of ids)
        outcomes.add({ ...one, type: 'create', owner: null, state: 'done', at: world.wall(), result: one.id });
    });
    await basket.add('send', 'photo', { after: 'kept', runAt: world.wall() + 40 * 86_400_000 });
    const runIn = (tab: Tab<Tasks>) =>
      tab.run({
        create: () => ({ number: '' }),
        send: (payload, attempt) => void parents.set(payload, attempt.parents),
        note: () => undefined,
        skip: () => undefined,
      });
    const left = async (): Promise<unknown> => (await contentsOf(app.tasks)).outcomes.map(({ id }) => id);

    await daysOf(world, 35, () => runIn(world.open(app.tasks)));
    expect(await left()).toEqual(['kept']);
    await daysOf(world, 10, () => runIn(world.open(app.tasks)));
    expect(parents.get('photo')).toEqual(['kept']);
    expect(await left()).toEqual([]);
  });

  test('is kept also if 10,000 others came after it', async () => {
    const app = createApp();
    const { basket, world } = app;
    await basket.list();
    await byHand(app.tasks, ({ outcomes }) => {
      for (const n of [1, 2, 10_000])
        outcomes.put({ n, id: `${n}`, type: 'create', owner: null, state: 'done', at: world.wall(), marks: [`I${n}`] });
    });
    const child = await basket.add('send', 'photo', { after: '1', runAt: world.wall() + 86_400_000 });
    const cancelled = await basket.add('send', 'cancelled');
    await basket.cancel(cancelled);
    const left = async (): Promise<unknown> => (await contentsOf(app.tasks)).outcomes.map(({ n }) => n);
    expect(await left()).toEqual([1, 2, 10_000, 10_001]);

    // The chore finds out which one is needed.
    await basket.cancel(await basket.add('note', 'cancelled'));
    const worker = app.work();
    await world.settle();
    expect(await left()).toEqual([1, 10_000, 10_001, 10_002]);
    worker.kill();
    await basket.cancel(child);
    app.work();
    await world.settle();
    expect(await left()).toEqual([10_000, 10_001, 10_002, 10_003]);
  });

  test.each([
    ['waits, so the child does too', undefined, ['block', 'save 3', 'photo 3']],
    ['was cancelled, so the child is dead', 'cancelled', ['block']],
  ])(
    'also if its child names the first of three tasks that replaced each other, and the last one %s',
    async (...rule) => {
      const [, cancelled, wanted] = rule;
      const tasks = defineTasks(freshName(), {
        block: task({ lane: 'photos' }),
        save: task<number, number>({ key: 'note' }),
        photo: task({ lane: 'photos' }),
      });
      const world = createWorld();
      const { basket } = world.open(tasks);
      const in40Days = world.wall() + 40 * 86_400_000;
      const save = async (number: number): Promise<string> => {
        const id = await basket.add('save', number, { runAt: in40Days + 60_000 });
        await world.settle();

        return id;
      };
      await basket.add('block', undefined, { runAt: in40Days });
      const first = await save(1);
      await save(2);
      await basket.add('photo', undefined, { after: first });
      const last = await save(3);
      if (cancelled !== undefined) await basket.cancel(last);

      const ran: string[] = [];
      for (const days of [31, 10]) {
        world.jump(days * 86_400_000);
        const tab = world.open(tasks);
        tab.run({
          block: () => void ran.push('block'),
          photo: (_, { parents }) => void ran.push(`photo ${String(parents[0])}`),
          save(number) {
            ran.push(`save ${number}`);

            return number;
          },
        });
        await world.advance(60_000);
        tab.kill();
      }
      expect(ran).toEqual(wanted);
    },
  );
});

test('the audit finds a held child whose parents have ended, and leaves one that waits', async () => {
  const tasks = define();
  const world = createWorld();
  const { basket } = world.open(tasks);
  const later = await basket.add('create', 'later', { runAt: world.wall() + 86_400_000 });
  await byHand(tasks, (stores) => {
    const child = (seq: number, parent: string) => ({
      ...rowLike(`child ${seq}`, seq),
      ready: 'H|send|1|send|1',
      after: [parent],
      marks: [`Ichild ${seq}`, `W${parent}`],
    });
    for (const row of [child(10, 'gone'), child(11, later)]) stores.tasks.put(row);
    const lane = { lane: 'a', marks: ['Ichild 12', 'L|a', 'Wgone'] };
    stores.tasks.put({ ...child(12, 'gone'), ...lane });
  });
  const started: string[] = [];
  const worker = world.open(tasks);
  const runner = worker.run(
    {
      create: () => ({ number: '' }),
      send: (_, { id }) => void started.push(id),
      note: () => undefined,
      skip: () => undefined,
    },
    { lostByHand: true },
  );
  await world.settle();

  expect(started.sort()).toEqual(['child 10', 'child 12']);
  expect(runner.audits.reduce((sum, found) => sum + found, 0)).toBe(2);
});

test('a parent with many children brings back all of them', async () => {
  const app = createApp();
  const { basket, world, started, creating } = app;
  app.work();
  const report = await basket.add('create', 'report');
  await basket.addMany(
    Array.from({ length: 300 }, (_, number) => ['send', `photo ${number}`, { after: report }] as const),
  );
  await world.settle();
  expect(await letters(app)).toBe(`F${'H'.repeat(300)}`);

  creating.get('report')?.open({ number: 'R' });
  await world.settle();
  expect(started).toHaveLength(301);
  expect(new Set(started).size).toBe(301);
});

test.each([
  ['a promise of an id', Promise.resolve('x')],
  ['an empty id', ''],
  ['a number', 7],
  ['a list with a hole', ['x', undefined]],
  ['more than 100 ids', Array.from({ length: 101 }, (_, number) => `${number}`)],
])('after takes ids, and not %s', async (_, after) => {
  const { basket } = createApp();
  const add = basket.add('send', 'x', { after } as never);

  await expect(add).rejects.toThrow(
    /^after must be the id that an add resolved with, or a list of up to 100 ids, but it is/,
  );
  await expect(add).rejects.toMatchObject({ code: 'option' });
  expect(await basket.count()).toMatchObject({ count: 0 });
});

/** A row of the type `send` as an add would have written it. */
function rowLike(id: string, seq: number) {
  return {
    seq,
    id,
    type: 'send',
    version: 1,
    owner: null as string | null,
    gate: 'send',
    priority: 1,
    addedAt: 1_700_000_000_000,
    ready: 'F|send|1|send|1',
    marks: [`I${id}`],
    payload: id,
    attempts: 0,
    failures: 0,
    interruptions: 0,
    blames: 0,
  };
}

test('a child that is put off by its handler waits for that date, also if the clock is put back before its first one', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>({ lane: 'a' }) });
  const minute = 60_000;
  const world = createWorld();
  const tab = world.open(tasks);
  const parent = await tab.basket.add('send', 'parent');
  await tab.basket.add('send', 'child', { after: parent, runAt: world.wall() + minute });
  const started: number[] = [];
  tab.run({
    send(what) {
      if (what === 'parent') return;
      started.push(world.wall());
      if (started.length > 1) return;
      world.jump(-2 * minute);
      throw new RetryLater(new Date(world.wall() + 10 * minute));
    },
  });
  await world.advance(2 * minute);
  expect(started).toHaveLength(1);
  await world.advance(20 * minute);

  expect((started[1] ?? 0) - (started[0] ?? 0)).toBeGreaterThanOrEqual(8 * minute);
});
