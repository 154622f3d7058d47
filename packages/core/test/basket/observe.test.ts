import { describe, expect, test, vi } from 'vitest';

import type { Codec } from '../../src/pure/codec.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, freshName, openRaw, rowsOf } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';
import { failureOf } from './app.js';

const define = () =>
  defineTasks(freshName(), {
    send: task<number>({ lane: (number) => (number > 1_000 ? 'long' : undefined) }),
    photo: task<string>({ priority: 'low', lane: 'photos' }),
  });

async function opened() {
  const tasks = define();
  const world = createWorld();
  const { basket, run } = world.open(tasks);
  await basket.list();

  return { tasks, world, basket, run };
}

describe('a page of the list', () => {
  test('goes on behind the last of the page before, until all were shown once', async () => {
    const { basket } = await opened();
    for (let number = 1; number <= 7; number += 1) await basket.add('send', number);

    const shown: unknown[][] = [];
    let after: number | undefined;
    for (;;) {
      const views = await basket.list({ limit: 3, ...(after === undefined ? {} : { cursor: after }) });
      if (views.length === 0) break;
      shown.push(views.map(({ payload }) => payload));
      after = views.at(-1)?.seq;
    }

    expect(shown).toEqual([[1, 2, 3], [4, 5, 6], [7]]);
  });

  test('is 100 tasks, the first ones, if no limit is given', async () => {
    const { tasks, basket } = await opened();
    await addMany(tasks, 120, 0);

    const views = await basket.list();
    expect(views).toHaveLength(100);
    expect(views.at(-1)?.payload).toBe(100);
    expect(await basket.list({ limit: 1_000 })).toHaveLength(120);
  });

  test.each([0, -1, 1.5, 1_001, Number.NaN, '5' as unknown as number])(
    'is refused with a limit of %o',
    async (limit) => {
      const { basket } = await opened();

      // It rejects, and does not throw: whoever only catches the promise sees it.
      const listing = basket.list({ limit });
      expect(await failureOf(listing)).toMatchObject({
        code: 'option',
        message: expect.stringMatching(/limit.*1 to 1,000/) as string,
      });
      expect(await failureOf(() => basket.watch({ limit }))).toMatchObject({ code: 'option' });
    },
  );

  test('finds the few that fit among many that do not', async () => {
    const { tasks, basket } = await opened();
    await addMany(tasks, 600, 0);
    const last = await basket.add('photo', 'sunset');

    expect(await basket.list({ type: 'photo', limit: 1 })).toMatchObject([{ id: last }]);
  });

  test('of a lane with many rows goes through them all, whatever lies between', async () => {
    const { tasks, basket } = await opened();
    await addMany(tasks, 300, 1_000);
    await addMany(tasks, 5, 0);
    await addMany(tasks, 300, 1_300);

    const numbers: unknown[] = [];
    let after = 0;
    for (;;) {
      const views = await basket.list({ lane: 'long', limit: 250, cursor: after });
      numbers.push(...views.map(({ payload }) => payload));
      if (views.length === 0) break;
      after = views.at(-1)?.seq ?? 0;
    }
    expect(numbers).toEqual(Array.from({ length: 600 }, (_, place) => 1_001 + place));

    // In one page too, of which every slice but the first begins within the lane.
    expect(await basket.list({ lane: 'long', limit: 1_000 })).toHaveLength(600);
    expect(await basket.list({ lane: 'lon' })).toEqual([]);
  });

  test('shows a task once that the runner holds while more than a thousand are read', async () => {
    const { tasks, basket } = await opened();
    for (let number = 0; number < 300; number += 1) void basket.add('photo', `${number}`);
    await addMany(tasks, 1_100, 0);
    const read = Object.getOwnPropertyDescriptor(IDBIndex.prototype, 'getAllKeys')?.value as IDBIndex['getAllKeys'];
    let held = 0;
    const reading = vi.spyOn(IDBIndex.prototype, 'getAllKeys').mockImplementation(function hold(this: IDBIndex, ...of) {
      const { name, transaction } = this.objectStore;
      held += 1;
      if (held === 1) {
        // The runner's next transaction: it comes after this one, and before the page's next one.
        const store = transaction.db.transaction(name, 'readwrite').objectStore(name);
        const first = store.get(301) as IDBRequest<{ readonly ready: string }>;
        first.addEventListener('success', () =>
          store.put({ ...first.result, ready: `H${first.result.ready.slice(1)}` }),
        );
      }

      return read.apply(this, of);
    });
    const listed = await basket.list({ type: 'send', limit: 50 });
    reading.mockRestore();

    expect(held).toBeGreaterThan(1);
    expect(listed.map(({ seq }) => seq)).toEqual(Array.from({ length: 50 }, (_, place) => 301 + place));
  });

  async function addMany(tasks: ReturnType<typeof define>, count: number, from: number): Promise<void> {
    const { basket } = createWorld(from + 7).open(tasks);
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const done = new Promise((resolve) => {
      tx.addEventListener('complete', resolve);
    });
    for (let number = from + 1; number <= from + count; number += 1) basket.addTx(tx, 'send', number);
    await done;
    db.close();
  }
});

describe('the filters of the list', () => {
  async function several() {
    const found = await opened();
    await found.basket.add('send', 1);
    await found.basket.add('photo', 'a');
    await found.basket.add('send', 2_000);
    await byHand(found.tasks, (stores) => {
      stores.tasks.get(2).addEventListener('success', (event) => {
        const row = (event.target as IDBRequest<object>).result;
        stores.tasks.put({ ...row, ready: 'D|photo|1|photo|2', dead: { reason: 'permanent', at: 5 } });
      });
    });

    return found;
  }

  test.each([
    [{}, [1, 'a', 2_000]],
    [{ type: 'send' }, [1, 2_000]],
    [{ type: ['photo'] }, ['a']],
    [{ type: ['photo', 'send'] }, [1, 'a', 2_000]],
    [{ type: [] }, []],
    [{ state: 'dead' }, ['a']],
    [{ state: 'queued' }, [1, 2_000]],
    [{ state: 'dead', type: 'send' }, []],
    [{ lane: 'photos' }, ['a']],
    [{ lane: 'long', type: 'send' }, [2_000]],
    [{ lane: 'photos', state: 'queued' }, []],
    [{ cursor: 1 }, ['a', 2_000]],
    [{ cursor: 1, type: 'send' }, [2_000]],
    [{ cursor: 99 }, []],
    [{ cursor: 2, lane: 'photos' }, []],
  ] as const)('%o', async (query, payloads) => {
    const { basket } = await several();

    expect((await basket.list(query)).map(({ payload }) => payload)).toEqual(payloads);
  });
});

describe('a view', () => {
  test('of a task that was just added says all there is to say', async () => {
    const { basket, world } = await opened();
    const id = await basket.add('photo', 'sunset');

    expect(await basket.get(id)).toStrictEqual({
      id,
      seq: 1,
      owner: null,
      type: 'photo',
      version: 1,
      payload: 'sunset',
      state: 'queued',
      running: false,
      attempts: 0,
      failures: 0,
      interruptions: 0,
      lane: 'photos',
      gate: { name: 'photo' },
      priority: 'low',
      progress: undefined,
      addedAt: world.wall(),
      dueAt: undefined,
      unreadable: false,
      lastError: undefined,
      dead: undefined,
    });
    expect(await basket.list()).toEqual([await basket.get(id)]);
  });

  test('of a running task counts the attempt that runs', async () => {
    const { basket, world, run } = await opened();
    const answer = createGate();
    const id = await basket.add('send', 1);
    run({ send: () => answer.promise, photo: () => undefined });
    await world.settle();

    expect(await basket.get(id)).toMatchObject({ running: true, attempts: 1, failures: 0, dueAt: undefined });
    answer.fail(new Error('no'));
    await world.settle();
    expect(await basket.get(id)).toMatchObject({
      running: false,
      attempts: 1,
      failures: 1,
      lastError: { name: 'Error', message: 'no', at: world.wall() },
    });
  });

  test('of a task that waits says until when, by the wall clock, and no longer once that has come', async () => {
    const { basket, world } = await opened();
    const runAt = world.wall() + 1_000;
    const id = await basket.add('send', 1, { runAt });

    expect(await basket.get(id)).toMatchObject({ dueAt: runAt });
    await world.advance(1_000);
    expect(await basket.get(id)).toMatchObject({ dueAt: undefined });
  });

  test.each([
    ['type', { type: 'gone', ready: 'F|gone|1|send|1' }],
    ['version', { version: 9, ready: 'F|send|9|send|1' }],
    ['payload', { payload: undefined, ref: 'lost' }],
    ['letter', { ready: 'Z|send|1|send|1' }],
  ])('of a task with an unknown %s is there, and unreadable', async (_, change) => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', 1);
    const [row] = await rowsOf(tasks);
    await byHand(tasks, (stores) => stores.tasks.put({ ...row, ...change }));

    expect(await basket.get(id)).toMatchObject({ id, unreadable: true, payload: undefined, state: 'queued' });
    expect(await basket.list()).toHaveLength(1);
  });

  test('of a task whose decoder hangs is unreadable after 10 s and the others are shown with it', async () => {
    const decoding = createGate<string>();
    const codec: Codec<string> = {
      encode: (payload) => payload,
      decode: (stored) => (stored === 'locked' ? decoding.promise : Promise.resolve(stored as string)),
    };
    const world = createWorld();
    const { basket } = world.open(defineTasks(freshName(), { send: task({ codec }) }));
    const id = await basket.add('send', 'locked');
    await basket.add('send', 'open');
    let shown: readonly unknown[] = [];
    void Promise.all([basket.get(id), basket.list()]).then(([one, all]) => (shown = [one, ...all]));

    await world.advance(9_999);
    expect(shown).toEqual([]);
    await world.advance(1);
    const locked = { id, unreadable: true, payload: undefined };
    expect(shown).toMatchObject([locked, locked, { unreadable: false, payload: 'open' }]);
    expect(world.alarms()).toBe(0);

    decoding.fail(new Error('The key was thrown away.'));
    await world.settle();
  });

  test('whose decoder is synchronous sets no timer but those of its transactions', async () => {
    const { basket, context } = createWorld().open(define());
    await basket.add('send', 1);
    const timer = vi.spyOn(context.ports.clock, 'timer');
    const begin = vi.spyOn(context.database, 'begin');

    expect(await basket.list()).toHaveLength(1);
    expect(timer).toHaveBeenCalledTimes(begin.mock.calls.length);
  });

  test('of no task is nothing', async () => {
    const { basket } = await opened();
    await basket.add('send', 1);

    expect(await basket.get('no such id')).toBeUndefined();
    expect(await basket.get('')).toBeUndefined();
  });
});

describe('between its row and its large payload', () => {
  const large = 'x'.repeat(20_000);

  /** A basket that reads payloads only after another tab has changed something, once. */
  async function withOther() {
    const tasks = defineTasks(freshName(), { send: task<string>() });
    const world = createWorld();
    const tab = world.open(tasks);
    const other = world.open(tasks);
    const id = await tab.basket.add('send', large);
    const kept = await tab.basket.add('send', `${large}!`);
    const { begin } = tab.context.database;

    function meanwhile(change: () => Promise<unknown>): void {
      let changed = false;
      Object.assign(tab.context.database, {
        async begin(...what: Parameters<typeof begin>) {
          if (!changed && what[1].includes('payloads')) {
            changed = true;
            await change();
          }

          return begin(...what);
        },
      });
    }

    return { basket: tab.basket, other, id, kept, meanwhile };
  }

  test('a task that ends is left out, and not shown as unreadable', async () => {
    const { basket, other, id, kept, meanwhile } = await withOther();

    meanwhile(() => other.basket.cancel(id));
    expect(await basket.list()).toMatchObject([{ id: kept, unreadable: false, payload: `${large}!` }]);
    meanwhile(() => other.basket.cancel(kept));
    expect(await basket.get(kept)).toBeUndefined();
  });

  test.each([
    ['small', 'a few words'],
    ['heavy', 'y'.repeat(300_000)],
  ])('a task whose payload becomes a %s one is shown with that', async (_, payload) => {
    const { basket, other, id, meanwhile } = await withOther();

    meanwhile(() => other.basket.update(id, payload));
    expect(await basket.get(id)).toMatchObject({ id, unreadable: false, payload });
  });
});
