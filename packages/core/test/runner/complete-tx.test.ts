import { openDB } from 'idb';
import { afterEach, describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import type { SessionType } from '../../src/pure/session.js';
import { session } from '../../src/pure/session.js';
import type { TaskbasketError } from '../../src/pure/errors.js';
import { Unavailable } from '../../src/pure/verdict.js';
import { createStores } from '../../src/store/setup.js';
import { cancelAttempt } from '../../src/runner/attempt/abort.js';
import type { AttemptParts, Leader, RunningAttempt } from '../../src/runner/term/leader.js';
import { contentsOf, endOf, freshName, openRaw } from '../support/database.js';
import { createDexie } from '../basket/app.js';
import { dexieStores } from '../../src/store/setup.js';
import { createGate, createWorld } from '../support/world.js';

interface Note {
  readonly id: string;
  readonly fill?: string | Blob;
}

type Face = AttemptParts<Note, unknown, string | undefined>;

const toClose: { close(): void }[] = [];
afterEach(() => {
  for (const db of toClose.splice(0)) db.close();
});

function appOf(name: string, declared?: SessionType<void>) {
  const open = (): Promise<IDBDatabase> =>
    openRaw(name, 3, (transaction, db) => {
      if (!db.objectStoreNames.contains('notes')) db.createObjectStore('notes', { keyPath: 'id' });
      createStores(transaction, tasks);
    });
  const tasks = defineTasks(
    name,
    {
      save: task<Note, string | undefined>({ lane: 'a', timeout: 20_000, backoff: { base: 1_000, cap: 1_000 } }),
      next: task({ lane: 'a' }),
    },
    { open, ...(declared === undefined ? {} : { session: declared }) },
  );

  return { tasks, open };
}

/** An app whose handler does what the test says, once for each attempt. */
async function opened(...does: readonly ((face: Face) => unknown)[]) {
  const { tasks, open } = appOf(freshName());
  const db = await open();
  toClose.push(db);
  const world = createWorld();
  const tab = world.open(tasks);
  const page = world.open(tasks);
  const faces: Face[] = [];
  let nexts = 0;
  const handlers = {
    async save(_: Note, attempt: Face) {
      faces.push(attempt);
      const does1 = does[faces.length - 1];
      if (does1 === undefined) throw new Error('It was not expected to run again.');

      return (await does1(attempt)) as string | undefined;
    },
    next: () => void (nexts += 1),
  };
  const run = (in1 = tab) => in1.run(handlers);
  const begin = (stores: readonly string[] = ['notes', ...tasks.stores]): IDBTransaction =>
    db.transaction(stores, 'readwrite');
  const noted = async (): Promise<readonly string[]> => {
    const tx = db.transaction('notes');
    const request = tx.objectStore('notes').getAllKeys();
    await endOf(tx);

    return request.result as string[];
  };
  const put = (tx: IDBTransaction): void => void tx.objectStore('notes').put({ id: 'n1' });

  return { tasks, db, world, tab, page, basket: page.basket, faces, run, begin, noted, put, nexts: () => nexts };
}

/** What a function throws. */
function thrownBy(does: () => unknown): TaskbasketError {
  try {
    does();
  } catch (error) {
    return error as TaskbasketError;
  }
  throw new Error('It did not throw.');
}

describe('completeTx ends the task with the app’s own data:', () => {
  test.each([
    ['raw', false],
    ['raw, with commit() on the next line', true],
  ])('%s: both are there, the lane goes on, and nothing runs again', async (_, commits) => {
    const { tasks, world, basket, run, begin, noted, put, nexts, faces } = await opened(async (attempt) => {
      const tx = begin();
      put(tx);
      attempt.completeTx(tx, 'saved');
      if (commits) tx.commit();
      await endOf(tx);
    });
    const told: string[] = [];
    basket.on('settled', ({ state }) => told.push(state));
    run();
    const id = await basket.add('save', { id: 'n1' });
    await basket.add('next');
    const end = basket.settled(id);
    await world.settle();

    expect(await noted()).toEqual(['n1']);
    expect(await end).toEqual({ state: 'done', result: 'saved' });
    expect([await basket.list(), nexts(), faces.length]).toEqual([[], 1, 1]);
    expect(told).toEqual(['done', 'done']);
    expect([...(await contentsOf(tasks)).state.keys()].filter((key) => key.startsWith('deposed'))).toEqual([]);
    await world.advance(200_000);
    expect(faces).toHaveLength(1);
  });

  test('in a transaction of idb, and of Dexie', async () => {
    const { tasks, db, world, basket, run, faces } = await opened(
      async (attempt) => {
        const idb = await openDB(tasks.name);
        toClose.push(idb);
        const tx = idb.transaction(['notes', ...tasks.stores], 'readwrite');
        void tx.objectStore('notes').put({ id: 'n1' });
        attempt.completeTx(tx, undefined);
        await tx.done;
      },
      async (attempt) => {
        const dexie = createDexie(tasks.name);
        dexie.version(0.3).stores({ notes: 'id', ...dexieStores(tasks) });
        toClose.push(dexie);
        await dexie.transaction('rw', ['notes', ...tasks.stores], async (tx) => {
          void dexie.table('notes').put({ id: 'n2' });
          attempt.completeTx(tx, undefined);
          await Promise.resolve();
        });
      },
    );
    db.close();
    run();
    await basket.add('save', { id: 'n1' });
    await basket.add('save', { id: 'n2' });
    await world.advance(1_000);
    expect([await basket.list(), faces.length]).toEqual([[], 2]);
    const again = await openRaw(tasks.name);
    const tx = again.transaction('notes');
    const request = tx.objectStore('notes').count();
    await endOf(tx);
    expect(request.result).toBe(2);
    again.close();
  });

  test('with a payload apart or ahead of its row, or one that was saved meanwhile: none is left', async () => {
    const complete = async (attempt: Face): Promise<void> => {
      const tx = begin();
      attempt.completeTx(tx, undefined);
      await endOf(tx);
    };
    const saveFirst =
      (fill: string | Blob) =>
      async (attempt: Face): Promise<void> => {
        await attempt.save({ id: 'saved', fill });
        await complete(attempt);
      };
    const [large, heavy] = ['x'.repeat(30_000), new Blob(['x'])];
    const saved = [large, heavy, heavy, 'small'].map(saveFirst);
    const { tasks, world, basket, run, begin } = await opened(complete, complete, ...saved);
    run();
    for (const fill of [large, heavy, 'small', 'small', heavy, heavy]) await basket.add('save', { id: 'n', fill });
    await world.advance(1_000);
    const { payloads, bodies } = await contentsOf(tasks);
    expect([await basket.list(), payloads.size, bodies.size]).toEqual([[], 0, 0]);
  });

  test('what waited for it goes on: its children get the result, and its pause is gone', async () => {
    const went = createGate();
    const seen: unknown[] = [];
    const { tasks, world, basket, run, begin } = await opened(
      async (attempt) => {
        await went.promise;
        const tx = begin();
        attempt.completeTx(tx, 'saved');
        await endOf(tx);
      },
      ({ parents }) => void seen.push(parents),
    );
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    await basket.add('save', { id: 'n2' }, { after: id, lane: 'b' });
    await basket.pause(id);
    await world.settle();
    went.open();
    await world.settle();
    expect([seen, await basket.list()]).toEqual([[['saved']], []]);
    expect([...(await contentsOf(tasks)).state.keys()].filter((key) => /paused|deposed/.test(key))).toEqual([]);
  });

  test.each([
    ['larger than 256 KB', 'x'.repeat(200_000), /larger than 256 KB/],
    ['no data', (() => 1) as never, /could not be cloned/],
  ])('a result that is %s is left out, and the task is done', async (_, result, why) => {
    const { world, basket, run, begin } = await opened(async (attempt) => {
      const tx = begin();
      attempt.completeTx(tx, result);
      await endOf(tx);
    });
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    expect(await basket.settled(id)).toMatchObject({ state: 'done', unstorable: expect.stringMatching(why) as string });
  });

  test('settling waits for the transaction, and whatever the handler does then, the task is done', async () => {
    const kept = createGate();
    const { world, basket, run, begin, faces, nexts } = await opened(async (attempt) => {
      const tx = begin();
      attempt.completeTx(tx, undefined);
      const hold = (): void => {
        if (!isOpen) return;
        tx.objectStore('notes').get('n1').addEventListener('success', hold);
      };
      let isOpen = true;
      hold();
      void kept.promise.then(() => (isOpen = false));
      await Promise.resolve();
      throw new Error('It fails all the same.');
    });
    run();
    const id = await basket.add('save', { id: 'n1' });
    await basket.add('next');
    for (let n = 0; n < 50; n += 1) await new Promise((resolve) => setImmediate(resolve));
    expect([faces.length, nexts()]).toEqual([1, 0]);
    kept.open();
    await world.settle();
    expect([faces.length, nexts(), await basket.list()]).toEqual([1, 1, []]);
    expect(await basket.settled(id)).toEqual({ state: 'done', result: undefined });
  });

  test('a handler that then finds its destination away does not close its gate, because the task is done', async () => {
    const { tasks, world, basket, run, begin } = await opened((attempt) => {
      attempt.completeTx(begin(), undefined);
      throw new Unavailable();
    });
    run();
    await basket.add('save', { id: 'n1' });
    await world.settle();
    expect([...(await contentsOf(tasks)).state.keys()].filter((key) => key.startsWith('gate:'))).toEqual([]);
    expect(await basket.list()).toEqual([]);
  });

  test('a handler that goes on for ever after it loses its slot, and its task is not run again', async () => {
    const { world, basket, run, begin, faces, nexts } = await opened(async (attempt) => {
      const tx = begin();
      attempt.completeTx(tx, undefined);
      await new Promise(() => undefined);
    });
    run();
    await basket.add('save', { id: 'n1' });
    await basket.add('next');
    await world.advance(25_000);
    expect([faces[0]?.signal.aborted, nexts()]).toEqual([true, 0]);
    await world.advance(10_000);
    expect([faces.length, nexts(), await basket.list()]).toEqual([1, 1, []]);
  });

  test('a runner that dies before it settles: the next one pays the lane, and runs nothing twice', async () => {
    const { world, tab, page, basket, run, begin, faces, nexts } = await opened(async (attempt) => {
      const tx = begin();
      attempt.completeTx(tx, undefined);
      await endOf(tx);
      tab.kill();
    });
    run();
    await basket.add('save', { id: 'n1' });
    await basket.add('next');
    await world.settle();
    expect([faces.length, nexts(), (await basket.list()).length]).toEqual([1, 0, 1]);
    run(page);
    await world.settle();
    expect([faces.length, nexts(), await basket.list()]).toEqual([1, 1, []]);
  });
});

describe('if the app’s transaction aborts,', () => {
  test.each([
    ['the handler’s success counts', undefined, [], { state: 'done', result: 'returned' }],
    ['the handler’s failure counts', new Error('It failed.'), [['queued', 1]], undefined],
  ])('%s, and neither is there', async (_, failure, left, end) => {
    const { world, basket, run, begin, noted, put } = await opened(async (attempt) => {
      const tx = begin();
      put(tx);
      attempt.completeTx(tx, 'saved');
      tx.abort();
      await endOf(tx);
      if (failure !== undefined) throw failure;

      return 'returned';
    });
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    expect(await noted()).toEqual([]);
    expect((await basket.list()).map(({ state, failures }) => [state, failures])).toEqual(left);
    expect(failure === undefined ? await basket.settled(id) : undefined).toEqual(end);
  });

  test('the task can be ended in another one', async () => {
    const { world, basket, run, begin, noted, put } = await opened(async (attempt) => {
      const first = begin();
      attempt.completeTx(first, 'first');
      expect(thrownBy(() => attempt.completeTx(begin(), 'second'))).toMatchObject({ code: 'closed' });
      first.abort();
      await endOf(first);
      await Promise.resolve();
      const second = begin();
      put(second);
      attempt.completeTx(second, 'second');
      await endOf(second);
    });
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    expect(await noted()).toEqual(['n1']);
    expect(await basket.settled(id)).toEqual({ state: 'done', result: 'second' });
  });
});

describe('completeTx is refused, and writes nothing,', () => {
  test.each([
    ['although nobody has told the handler yet', false],
    ['also by an app that prevents that errors abort its transactions', true],
  ])('if its task was cancelled before the transaction ran, %s', async (_, prevents) => {
    const went = createGate();
    const ends: string[] = [];
    const { world, basket, run, begin, noted, put } = await opened(async (attempt) => {
      await went.promise;
      expect(attempt.signal.aborted).toBe(false);
      const tx = begin();
      if (prevents) tx.addEventListener('error', (event) => event.preventDefault());
      put(tx);
      attempt.completeTx(tx, 'saved');
      tx.commit();
      ends.push(await endOf(tx));
    });
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    // The cancel's transaction is ahead, and the message comes after it.
    world.loseMessages();
    await basket.cancel(id);
    went.open();
    await world.settle();
    expect([ends, await noted()]).toEqual([['abort'], []]);
    expect(await basket.settled(id)).toEqual({ state: 'cancelled' });
    await world.advance(61_000);
    expect(await basket.list()).toEqual([]);
  });

  test('if another runner has taken over before the transaction ran', async () => {
    const went = createGate();
    const ends: string[] = [];
    const { tasks, world, basket, run, begin, noted, put, faces } = await opened(
      async (attempt) => {
        await went.promise;
        const tx = begin();
        put(tx);
        attempt.completeTx(tx, 'first');
        ends.push(await endOf(tx));
      },
      () => 'second',
    );
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    // A second browser that somehow has the same database: the first runner is told nothing.
    world.loseMessages();
    run(world.open(tasks, { ownLocks: true }));
    await world.settle();
    went.open();
    await world.settle();
    expect([ends, await noted(), faces.length]).toEqual([['abort'], [], 2]);
    expect(await basket.settled(id)).toEqual({ state: 'done', result: 'second' });
  });

  test('if its owner was purged before the transaction ran', async () => {
    const { tasks: app, open } = appOf(freshName(), session());
    const db = await open();
    toClose.push(db);
    const world = createWorld();
    const [tab, page] = [world.open(app), world.open(app)];
    const went = createGate();
    const ends: string[] = [];
    tab.run({
      async save(_, attempt) {
        await went.promise;
        const tx = db.transaction(['notes', ...app.stores], 'readwrite');
        tx.objectStore('notes').put({ id: 'n1' });
        attempt.completeTx(tx, 'saved');
        ends.push(await endOf(tx));
      },
      next: () => undefined,
    });
    await page.basket.signIn('ann');
    await page.basket.add('save', { id: 'n1' });
    await world.settle();
    world.loseMessages();
    expect(await page.basket.purge('ann')).toBe(1);
    went.open();
    await world.settle();
    expect(ends).toEqual(['abort']);
    const { tasks, outcomes } = await contentsOf(app);
    expect([tasks.length, outcomes.length]).toEqual([0, 0]);
  });

  test('once the attempt took too long, was cancelled, deposed, or has ended', async () => {
    const errors: unknown[] = [];
    const tryIt = async (attempt: Face): Promise<void> => {
      const tx = begin();
      put(tx);
      errors.push(thrownBy(() => attempt.completeTx(tx, 'late')).code);
      tx.abort();
      await Promise.resolve();
    };
    const aborted = (attempt: Face) =>
      new Promise<void>((resolve) => attempt.signal.addEventListener('abort', () => resolve()));
    const { world, basket, tab, run, begin, noted, put, faces } = await opened(
      async (attempt) => {
        await aborted(attempt);
        await tryIt(attempt);
      },
      async (attempt) => {
        await aborted(attempt);
        await tryIt(attempt);
      },
      () => 'ended',
      async (attempt) => {
        await aborted(attempt);
        await tryIt(attempt);
      },
    );
    run();
    await basket.add('save', { id: 'n1' });
    await world.advance(23_000); // too long, and again
    await basket.cancel({});
    await world.settle();
    await basket.add('save', { id: 'n2' });
    await world.settle();
    const [, , ended] = faces;
    if (ended !== undefined) await tryIt(ended);
    await basket.add('save', { id: 'n3' });
    await world.settle();
    world.steal(tab);
    await world.settle();
    expect(errors).toEqual(['closed', 'closed', 'closed', 'closed']);
    expect(await noted()).toEqual([]);
  });

  test('by a handler that was asked to stop it is not refused: what was done in time is done', async () => {
    const { world, basket, run, begin, noted, put, faces } = await opened(async (attempt) => {
      await new Promise<void>((resolve) => attempt.signal.addEventListener('abort', () => resolve()));
      const tx = begin();
      put(tx);
      attempt.completeTx(tx, 'in time');
      await endOf(tx);
    });
    const runner = run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    runner.stop();
    await world.settle();
    await runner.done;
    expect([await noted(), faces.length]).toEqual([['n1'], 1]);
    expect(await basket.settled(id)).toEqual({ state: 'done', result: 'in time' });
  });

  test.each([
    ['is read-only', 'readonly', undefined, /is read-only/],
    ['does not name all stores', 'readwrite', ['notes'], /does not name the object store "taskbasket.tasks"/],
    ['names too few stores', 'readwrite', ['taskbasket.tasks', 'taskbasket.payloads'], /"taskbasket.outcomes"/],
    ['is none', 'none', undefined, /no open transaction/],
    ['has finished', 'finished', undefined, /given to completeTx has finished/],
    ['is of another database', 'other', undefined, /belongs to the database/],
  ])('if the transaction %s', async (_, kind, stores, message) => {
    const { tasks, db, world, basket, run, faces } = await opened(async (attempt) => {
      const other = await appOf(freshName()).open();
      toClose.push(other);
      const named = stores ?? ['notes', ...tasks.stores];
      const tx = (kind === 'other' ? other : db).transaction(named, kind === 'readonly' ? kind : 'readwrite');
      if (kind === 'finished') {
        tx.commit();
        await endOf(tx);
      }
      const error = thrownBy(() => attempt.completeTx(kind === 'none' ? (db as never) : tx, 'saved'));
      expect([error.code, error.message]).toEqual(['transaction', expect.stringMatching(message)]);
    });
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.settle();
    expect(await basket.settled(id)).toEqual({ state: 'done', result: undefined });
    expect(faces).toHaveLength(1);
  });

  test('in a database that was deleted and made anew: a task with the same number is left alone', async () => {
    const went = createGate();
    let error: TaskbasketError | undefined;
    const { tasks, db, world, tab, basket, run } = await opened(
      async (attempt) => {
        await went.promise;
        const again = await appOf(tasks.name).open();
        toClose.push(again);
        const tx = again.transaction(['notes', ...tasks.stores], 'readwrite');
        error = thrownBy(() => attempt.completeTx(tx, 'lost'));
        tx.commit();
      },
      () => 'other',
    );
    run();
    await basket.add('save', { id: 'n1' });
    await world.settle();
    db.close();
    world.loseMessages();
    await new Promise((resolve) => indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve));
    const id = await basket.add('save', { id: 'n2' });
    tab.context.hub.suspend();
    went.open();
    await world.settle();
    expect(error).toMatchObject({ code: 'closed' });
    await world.advance(61_000);
    expect(await basket.settled(id)).toEqual({ state: 'done', result: 'other' });
  });

  test('while the worker has lost its connection: a second later the task can be ended, although no message came', async () => {
    let error: TaskbasketError | undefined;
    const { world, tab, basket, run, begin, noted, put } = await opened(async (attempt) => {
      const { db } = await tab.context.database.begin('readonly', ['tasks']);
      tab.context.database.drop(db);
      const early = begin();
      error = thrownBy(() => attempt.completeTx(early, 'early'));
      early.abort();
      await new Promise<void>((resolve) => {
        tab.context.ports.clock.timer(1_000, resolve);
      });
      const tx = begin();
      put(tx);
      attempt.completeTx(tx, 'saved');
      await endOf(tx);
    });
    run();
    const id = await basket.add('save', { id: 'n1' });
    await world.advance(2_000);
    expect(error).toMatchObject({ code: 'closed' });
    expect(await basket.settled(id)).toEqual({ state: 'done', result: 'saved' });
    expect(await noted()).toEqual(['n1']);
  });
});

test('a handler that goes on after it ended its task wakes no runner again and again, while each turn finds the task gone', async () => {
  const attempt = { completed: true, completing: Promise.resolve(), abortedFor: undefined, over: false };
  let rings = 0;

  await cancelAttempt({} as Leader, attempt as unknown as RunningAttempt, () => (rings += 1));

  expect([rings, attempt.abortedFor]).toEqual([0, undefined]);
});
