import { afterEach, describe, expect, test, vi } from 'vitest';

import type { Hub } from '../../src/basket/context/hub.js';
import type { Message } from '../../src/basket/context/messages.js';
import { createRecent } from '../../src/basket/telling/recent.js';
import type { OutcomeRow } from '../../src/pure/record.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { session } from '../../src/pure/session.js';
import { PermanentFailure } from '../../src/pure/verdict.js';
import { TaskbasketError } from '../../src/pure/errors.js';
import { createStores } from '../../src/store/setup.js';
import { byHand, freshName, openRaw } from '../support/database.js';
import { terminate } from '../support/openings.js';
import type { Gate } from '../support/world.js';
import { createGate, createWorld } from '../support/world.js';
import { failureOf } from './app.js';

interface Count {
  readonly word: string;
}

async function opened() {
  const tasks = defineTasks(freshName(), { count: task<Count, number>(), send: task<number>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket };
}
type Opened = Awaited<ReturnType<typeof opened>>;

/** Runs in another tab: what counts gives the length of the word, after the gate. */
function runnerElsewhere({ world, tasks }: Pick<Opened, 'world' | 'tasks'>, gate?: Gate, concurrency = 6) {
  const tab = world.open(tasks);
  const runner = tab.run(
    {
      async count({ word }) {
        await gate?.promise;
        if (word === '') throw new PermanentFailure('There is no word.', { status: 422 });

        return word.length;
      },
      send: () => gate?.promise,
    },
    { concurrency },
  );

  return { ...tab, runner };
}

/** Whether a promise has come to its end, once nothing is going on. */
async function isOpen(world: Opened['world'], promise: Promise<unknown>): Promise<boolean> {
  let open = true;
  const close = (): void => void (open = false);
  promise.then(close, close);
  await world.settle();

  return open;
}

describe('scenario 47: settled', () => {
  test('of a task that was added in this tab, and run by another, gives its result when it is there', async () => {
    const found = await opened();
    const gate = createGate();
    runnerElsewhere(found, gate);
    const id = await found.basket.add('count', { word: 'bread' });
    const end = found.basket.settled(id);
    expect(await isOpen(found.world, end)).toBe(true);

    gate.open();
    expect(await end).toEqual({ state: 'done', result: 5 });
    expect(await found.basket.settled(id)).toEqual({ state: 'done', result: 5 });
    expect(await found.basket.get(id)).toBeUndefined();
  });

  test('after a reload, by the id that the app kept, gives the result as well', async () => {
    const found = await opened();
    const id: string = await found.basket.add('count', { word: 'bread' });
    found.tab.kill();
    runnerElsewhere(found);
    await found.world.settle();

    expect(await found.world.open(found.tasks).basket.settled(id)).toEqual({ state: 'done', result: 5 });
  });

  test('after a reload, asked before the task runs, waits for its end', async () => {
    const found = await opened();
    const id: string = await found.basket.add('count', { word: 'bread' });
    const plain: string = await found.basket.add('send', 1);
    found.tab.kill();
    const later = found.world.open(found.tasks).basket;
    const ends = [later.settled(id), later.settled(plain)];
    expect(await isOpen(found.world, Promise.race(ends))).toBe(true);

    runnerElsewhere(found);
    expect(await Promise.all(ends)).toEqual([
      { state: 'done', result: 5 },
      { state: 'done', result: undefined },
    ]);
  });

  test('does not depend on a message: a lost one costs a minute at most', async () => {
    const found = await opened();
    found.world.loseMessages();
    runnerElsewhere(found);
    const id = await found.basket.add('count', { word: 'bread' });
    const end = found.basket.settled(id);
    await found.world.advance(130_000);

    expect(await isOpen(found.world, end)).toBe(false);
    expect(await end).toEqual({ state: 'done', result: 5 });
  });
});

describe('a task that is gone', () => {
  test('and gave no result is done for who added it here, also by addTx and addMany', async () => {
    const found = await opened();
    const { tasks, world, basket } = found;
    const one = await basket.add('send', 1);
    const [two] = await basket.addMany([['send', 2]]);
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const three = basket.addTx(tx, 'send', 3);
    await world.settle();
    db.close();
    runnerElsewhere(found);
    await world.settle();

    for (const id of [one, two, three]) {
      expect(await basket.settled(id)).toEqual({ state: 'done', result: undefined });
    }
  });

  test('may be asked for at once after addTx, before its transaction has ended', async () => {
    const found = await opened();
    const { tasks, world, basket } = found;
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    const end = basket.settled(basket.addTx(tx, 'send', 1));
    expect(await isOpen(world, end)).toBe(true);

    runnerElsewhere(found);
    expect(await end).toEqual({ state: 'done', result: undefined });
    db.close();
  });

  test('and gave no result is gone for who asks later, and so is what never was', async () => {
    const found = await opened();
    const id = await found.basket.add('send', 1);
    runnerElsewhere(found);
    await found.world.settle();

    const later = found.world.open(found.tasks).basket;
    expect(await later.settled(id)).toEqual({ state: 'gone' });
    expect(await later.settled('never was')).toEqual({ state: 'gone' });
    expect(await found.basket.settled('never was')).toEqual({ state: 'gone' });
  });

  test('since it was cancelled, queued or running, is cancelled', async () => {
    const found = await opened();
    const { world, basket } = found;
    const gate = createGate();
    const queued = await basket.add('send', 1, { runAt: world.wall() + 60_000 });
    const running = await basket.add('send', 2);
    runnerElsewhere(found, gate);
    await world.settle();
    const ends = [basket.settled(queued), basket.settled(running)];
    expect(await isOpen(world, Promise.race(ends))).toBe(true);
    await basket.cancel({});

    expect(await Promise.all(ends)).toEqual([{ state: 'cancelled' }, { state: 'cancelled' }]);
    expect(await world.open(found.tasks).basket.settled(queued)).toEqual({ state: 'cancelled' });
    gate.open();
    await world.settle();
    expect(await basket.settled(running)).toEqual({ state: 'cancelled' });
  });

  test.each<[Partial<OutcomeRow>, object]>([
    [
      { state: 'replaced', by: 'another' },
      { state: 'replaced', by: 'another' },
    ],
    // The end of a later version: this one knows only that the task is not there.
    [{ state: 'purged' }, { state: 'gone' }],
    [
      { state: 'done', unstorable: 'It was too large.' },
      { state: 'done', result: undefined, unstorable: 'It was too large.' },
    ],
    [
      { state: 'done', result: { any: ['thing'] } },
      { state: 'done', result: { any: ['thing'] } },
    ],
  ])('and of which the stored outcome says %o', async (stored, told) => {
    const { tasks, basket } = await opened();
    await byHand(tasks, (stores) =>
      stores.outcomes.add({ id: 'x', type: 'send', owner: null, at: 5, marks: ['Ix'], ...stored }),
    );

    expect(await basket.settled('x')).toEqual(told);
  });
});

describe('a dead task', () => {
  test('is told with its reason and its error, and may be asked for again after it was corrected', async () => {
    const found = await opened();
    const { basket, world } = found;
    runnerElsewhere(found);
    const id = await basket.add('count', { word: '' });

    expect(await basket.settled(id)).toEqual({
      state: 'dead',
      because: 'permanent',
      error: { name: 'PermanentFailure', message: 'There is no word.', status: 422, at: world.wall() },
    });
    await basket.update(id, { word: 'bread' });
    expect(await basket.settled(id)).toEqual({ state: 'done', result: 5 });
  });
});

describe('those who wait', () => {
  test('a thousand of them share a few looks, each of them a short one', async () => {
    const found = await opened();
    const { world, basket } = found;
    const ids = await basket.addMany(Array.from({ length: 1_000 }, (_, number) => ['send', number] as const));
    await world.settle();
    const begun = vi.spyOn(IDBDatabase.prototype, 'transaction');
    const ends = ids.map((id) => basket.settled(id));
    await world.settle();
    expect(begun.mock.calls.length).toBe(5);

    begun.mockClear();
    await basket.cancel({});
    expect(await Promise.all(ends)).toEqual(ids.map(() => ({ state: 'cancelled' })));
    const cancels = begun.mock.calls.filter(([, mode]) => mode === 'readwrite').length;
    expect(begun.mock.calls.length - cancels).toBeLessThanOrEqual(4 * cancels);
    begun.mockRestore();
  });

  test('a thousand of them are not all looked for when the end of one is told', async () => {
    const found = await opened();
    const { world, basket } = found;
    const ids = await basket.addMany(Array.from({ length: 1_000 }, (_, number) => ['send', number] as const));
    const ends = ids.map((id) => basket.settled(id));
    await world.settle();
    const asked = vi.spyOn(IDBIndex.prototype, 'get');
    await basket.cancel(ids[500] ?? '');
    expect(await ends[500]).toEqual({ state: 'cancelled' });
    await basket.retry({ state: 'dead' });
    await world.settle();

    expect(asked.mock.calls.length).toBeLessThan(10);
    asked.mockRestore();
  });

  test('are told the same, and one that no longer waits leaves no alarm behind', async () => {
    const found = await opened();
    const { world, basket } = found;
    const id = await basket.add('send', 1);
    const ends = [basket.settled(id), basket.settled(id), basket.settled(id)];
    await world.settle();
    expect(world.alarms()).toBe(1);

    await basket.cancel(id);
    expect(await Promise.all(ends)).toEqual(ends.map(() => ({ state: 'cancelled' })));
    await world.settle();
    expect(world.alarms()).toBe(0);
  });

  test('are told when the basket is closed, and none can begin to wait then', async () => {
    const { world, basket } = await opened();
    const id = await basket.add('send', 1);
    const waiting = basket.settled(id);
    await world.settle();
    basket.close();

    expect(await failureOf(waiting)).toMatchObject({ code: 'closed' });
    expect(await failureOf(basket.settled(id))).toMatchObject({ code: 'closed' });
    await world.settle();
    expect(world.alarms()).toBe(0);
  });

  test('are told if there is no database', async () => {
    vi.stubGlobal('indexedDB', undefined);
    const { basket } = createWorld().open(defineTasks(freshName(), { send: task() }));
    const failure = failureOf(basket.settled('x'));
    await createWorld().settle();
    vi.unstubAllGlobals();

    expect(await failure).toMatchObject({ code: 'no-database' });
  });

  test('wait for a database that opens at a later try', async () => {
    const name = freshName();
    let broken = true;
    const open = (): Promise<IDBDatabase> =>
      broken ? Promise.reject(new Error('The disk is busy.')) : openRaw(name, 1, (tx) => createStores(tx, tasks));
    const tasks = defineTasks(name, { send: task() }, { open });
    const world = createWorld();
    const { basket } = world.open(tasks);
    const end = basket.settled('x');
    expect(await isOpen(world, end)).toBe(true);

    broken = false;
    await world.advance(60_000);
    expect(await end).toEqual({ state: 'gone' });
  });

  test('go on waiting if one look fails', async () => {
    const { world, tab, basket } = await opened();
    const id = await basket.add('send', 1);
    const { begin } = tab.context.database;
    Object.assign(tab.context.database, { begin: () => Promise.reject(new DOMException('Lost.', 'UnknownError')) });
    const end = basket.settled(id);
    expect(await isOpen(world, end)).toBe(true);

    Object.assign(tab.context.database, { begin });
    await basket.cancel(id);
    expect(await end).toEqual({ state: 'cancelled' });
  });
});

describe('an end that the browser cannot read any more', () => {
  afterEach(() => void vi.restoreAllMocks());

  /** A request of the transaction that asks fails, as Chromium's for a large value whose file is lost. */
  function loseEnd(id: string, method: 'get' | 'getKey'): { mockRestore: () => void } {
    const asked = IDBIndex.prototype[method];

    return vi.spyOn(IDBIndex.prototype, method).mockImplementation(function lost(this: IDBIndex, key) {
      const { _rawIndex: values } = this as unknown as { readonly _rawIndex: object };
      if (key === `I${id}` && this.objectStore.name.endsWith('.outcomes')) {
        const fail = (): never => {
          throw new DOMException('Failed to read large IndexedDB value', 'DataError');
        };
        Object.assign(values, { getValue: fail, ...(method === 'getKey' && { getKey: fail }) });
      }
      const request = asked.call(this, key);
      for (const own of ['getValue', 'getKey']) Reflect.deleteProperty(values, own);

      return request;
    });
  }

  async function ended() {
    const found = await opened();
    runnerElsewhere(found);
    const words = Array.from({ length: 300 }, () => ['count', { word: 'bread' }] as const);
    const ids: readonly string[] = await found.basket.addMany(words);
    await found.world.settle();

    return { ...found, ids, lost: ids[0] ?? '' };
  }

  test('is told as one whose result is not there, and keeps no other from being told', async () => {
    const { tasks, world, ids, lost } = await ended();
    loseEnd(lost, 'get');
    const later = world.open(tasks).basket;
    const [first, ...others] = ids.map((id) => later.settled(id));
    await world.advance(60_000);

    expect(await isOpen(world, Promise.all(others))).toBe(false);
    expect(await first).toEqual({ state: 'done', result: undefined, unstorable: 'The browser can no longer read it.' });
    expect(await Promise.all(others)).toEqual(others.map(() => ({ state: 'done', result: 5 })));
  });

  test('is waited for if its key cannot be read either: then it may be anything', async () => {
    const { world, basket, lost } = await ended();
    const broken = [loseEnd(lost, 'get'), loseEnd(lost, 'getKey')];
    const end = basket.settled(lost);
    await world.settle();
    expect(await isOpen(world, end)).toBe(true);

    for (const one of broken) one.mockRestore();
    await world.advance(60_000);
    expect(await end).toEqual({ state: 'done', result: 5 });
  });
});

describe('when the app clears its tables, as some do at sign-out', () => {
  async function cleared(tasks: Opened['tasks'], which: 'all' | 'tasks'): Promise<void> {
    await byHand(tasks, (stores) => {
      stores.tasks.clear();
      if (which === 'tasks') return;
      for (const store of [stores.payloads, stores.outcomes, stores.state]) store.clear();
    });
  }

  test.each(['all', 'tasks'] as const)('tasks that never ran are gone, and not done (%s)', async (which) => {
    const { tasks, world, basket } = await opened();
    const [waited, asked] = await basket.addMany([
      ['send', 1],
      ['send', 2],
    ]);
    const end = basket.settled(waited);
    const elsewhere = world.open(tasks).basket.settled(waited);
    await world.settle();
    await cleared(tasks, which);
    const later = basket.settled(asked);
    await world.advance(70_000);

    expect([await end, await elsewhere, await later]).toEqual([
      { state: 'gone' },
      { state: 'gone' },
      { state: 'gone' },
    ]);
  });

  test.each(['all', 'tasks'] as const)('and a runner goes on beside it, they are gone as well (%s)', async (which) => {
    const found = await opened();
    const { tasks, world, basket } = found;
    const gate = createGate();
    const ran = new Set<number>();
    world.open(tasks).run({
      count: () => 0,
      async send(number) {
        ran.add(number);
        await gate.promise;
      },
    });
    const ids = await basket.addMany(Array.from({ length: 1_000 }, (_, number) => ['send', number] as const));
    await world.settle();
    const ends = ids.map((id) => basket.settled(id));
    await world.settle();
    await cleared(tasks, which);
    await basket.add('send', 1_000);
    gate.open();
    await world.advance(130_000);

    // Six were being sent, and the runner may hold more that it has read.
    const states = (await Promise.all(ends)).map(({ state }) => state);
    expect(states.flatMap((state, number) => (state === 'done' && !ran.has(number) ? [number] : []))).toEqual([]);
    expect(states.at(-1)).toBe('gone');
  });
});

describe('a success without a result', () => {
  test.each([2_100])('is done for each of %d tasks that this tab added, asked for after their end', async (count) => {
    const found = await opened();
    const ids = await found.basket.addMany(Array.from({ length: count }, (_, number) => ['send', number] as const));
    runnerElsewhere(found);
    await found.world.advance(1_000);
    const ends = await Promise.all(ids.map((id) => found.basket.settled(id)));

    expect(ends.filter(({ state }) => state !== 'done')).toEqual([]);
  });

  test('is done for each of a thousand who wait in another tab, whatever the size of a message', async () => {
    const found = await opened();
    const ids = await found.basket.addMany(Array.from({ length: 1_000 }, (_, number) => ['send', number] as const));
    const other = found.world.open(found.tasks).basket;
    const ends = ids.map((id) => other.settled(id));
    await found.world.settle();
    runnerElsewhere(found, undefined, 64);
    await found.world.advance(130_000);

    expect((await Promise.all(ends)).filter(({ state }) => state !== 'done')).toEqual([]);
  });

  test('is done if the word of it comes after its row is missed, and gone if none comes', async () => {
    const found = await opened();
    const { world, tab, basket } = found;
    const ids = await basket.addMany([
      ['send', 1],
      ['send', 2],
    ]);
    const ends = ids.map((id) => basket.settled(id));
    await world.settle();
    world.loseMessages();
    runnerElsewhere(found);
    await world.advance(61_000);
    expect(await isOpen(world, Promise.race(ends))).toBe(true);

    tab.context.hub.say({
      kind: 'changed',
      hints: [{ event: 'settled', id: ids[0], type: 'send', owner: null, state: 'done' }],
    });
    await world.advance(2_000);
    expect(await Promise.all(ends)).toEqual([{ state: 'done', result: undefined }, { state: 'gone' }]);
    expect(world.alarms()).toBeLessThanOrEqual(1);
  });

  test.each([3, 4, 5, 108])('is known of the last four ids, of %d', (count) => {
    const listeners: ((message: Message) => void)[] = [];
    const recent = createRecent(
      { hear: (listener: (message: Message) => void) => () => listeners.push(listener) } as unknown as Hub,
      4,
    );
    const ids = Array.from({ length: count }, (_, number) => `${number}`);
    for (const id of ids) recent.note(id, null);

    expect(ids.filter((id) => recent.find(id) !== undefined)).toEqual(ids.slice(-4));
  });
});

describe('a database that cannot be opened', () => {
  afterEach(() => void vi.restoreAllMocks());

  /** Another tab raises the version, so that the connection closes; to open it again fails so many times. */
  async function reopened(name: string, fails: number): Promise<void> {
    const open = indexedDB.open.bind(indexedDB);
    let left = fails;
    vi.spyOn(indexedDB, 'open').mockImplementation((...what) => {
      if (left > 0 && what[1] === undefined) {
        left -= 1;
        throw new DOMException('Connection to Indexed Database server lost.', 'UnknownError');
      }

      return open(...what);
    });
    const raised = open(name, 2);
    await new Promise((resolve) => raised.addEventListener('success', resolve));
    raised.result.close();
  }

  test('and opens later, does not end the wait for a task that was seen', async () => {
    const found = await opened();
    const { tasks, world, basket } = found;
    const id = await basket.add('send', 1, { runAt: world.wall() + 100_000 });
    const end = basket.settled(id);
    await world.settle();
    await reopened(tasks.name, 6);
    for (const number of [1, 2, 3]) found.tab.context.hub.say({ kind: number === 1 ? 'look' : 'changed' });
    await world.advance(90_000);
    expect(await isOpen(world, end)).toBe(true);

    runnerElsewhere(found);
    await world.advance(60_000);
    expect(await end).toEqual({ state: 'done', result: undefined });
  });
});

describe('when the database is deleted', () => {
  async function deleted(name: string): Promise<void> {
    await new Promise((resolve) => {
      indexedDB.deleteDatabase(name).addEventListener('success', resolve);
    });
  }

  test('a task that was waited for is gone, and not done', async () => {
    const { tasks, world, basket } = await opened();
    const id = await basket.add('send', 1);
    const end = basket.settled(id);
    await world.settle();
    await deleted(tasks.name);
    await world.advance(60_000);

    expect(await end).toEqual({ state: 'gone' });
  });

  test('a task that was waited for is gone at once: nobody waits for the word of its end', async () => {
    const { tasks, world, basket } = await opened();
    const end = basket.settled(await basket.add('send', 1));
    await world.settle();
    await deleted(tasks.name);

    expect(await isOpen(world, end)).toBe(false);
    expect(await end).toEqual({ state: 'gone' });
  });

  test('and a look still finds the task in the old database, the task is gone at once as well', async () => {
    const { tasks, tab, world, basket } = await opened();
    const id = await basket.add('send', 1);
    const { begin } = tab.context.database;
    let looks = 0;
    Object.assign(tab.context.database, {
      async begin(...what: Parameters<typeof begin>) {
        looks += 1;
        // The second look reads another database, which is empty.
        if (looks === 2) await byHand(tasks, (stores) => stores.tasks.clear());
        const transaction = await begin(...what);
        if (looks === 1) tab.context.hub.say({ kind: 'taken' });

        return transaction;
      },
    });
    const end = basket.settled(id);

    expect(await isOpen(world, end)).toBe(false);
    expect(await end).toEqual({ state: 'gone' });
  });

  test('while it is being looked at: gone, and not done', async () => {
    const { tasks, tab, world, basket } = await opened();
    const id = await basket.add('send', 1);
    const { begin } = tab.context.database;
    let first = true;
    Object.assign(tab.context.database, {
      async begin(...what: Parameters<typeof begin>) {
        const transaction = await begin(...what);
        // The word comes while the look still reads the old database, in which the row is.
        if (first) tab.context.hub.say({ kind: 'taken' });
        first = false;

        return transaction;
      },
    });
    const end = basket.settled(id);
    // What is there afterwards is another one.
    await byHand(tasks, (stores) => stores.tasks.clear());
    await world.advance(60_000);

    expect(await end).toEqual({ state: 'gone' });
  });

  test('a task that was added here before is gone, and not done', async () => {
    const { tasks, world, basket } = await opened();
    const id = await basket.add('send', 1);
    await deleted(tasks.name);
    await basket.add('send', 2);
    await world.settle();

    expect(await basket.settled(id)).toEqual({ state: 'gone' });
  });

  test('and another tab makes it anew, of which no message is heard: gone as well', async () => {
    const { tasks, world, basket } = await opened();
    const id = await basket.add('send', 1);
    await world.settle();
    world.loseMessages();
    await deleted(tasks.name);
    await world.open(tasks).basket.add('send', 3);

    expect(await basket.settled(id)).toEqual({ state: 'gone' });
  });
});

test('an end that could not be read at once is told with the next message, and not after a minute', async () => {
  const { tasks, world, tab, basket } = await opened();
  const [id] = await basket.addMany([
    ['send', 1],
    ['send', 2],
  ]);
  let end: unknown;
  void basket.settled(id).then((outcome) => (end = outcome));
  await world.settle();
  const second = createGate();
  vi.spyOn(tab.context.database, 'begin').mockRejectedValueOnce(new TaskbasketError('no-database', 'It is away.'));
  world.open(tasks).run({ count: () => 0, send: (number) => (number === 2 ? second.promise : undefined) });
  await world.settle();
  second.open();
  await world.settle();
  expect(end).toEqual({ state: 'done', result: undefined });
});

test.each(['before', 'after'])(
  'a success that this page was told of stays known if the browser closes a connection of another tab %s it',
  async (when) => {
    const { tasks, world, basket } = await opened();
    const [worker, other] = [world.open(tasks), world.open(tasks)];
    const answer = createGate();
    worker.run({ count: () => 0, send: () => answer.promise });
    const id = await basket.add('send', 1);
    await world.settle();
    const { db } = await other.context.database.begin('readonly', ['tasks']);
    await world.settle();
    if (when === 'before') terminate(db);
    await world.settle();
    answer.open();
    await world.settle();
    if (when === 'after') terminate(db);
    await world.settle();

    expect(await basket.settled(id)).toMatchObject({ state: 'done' });
  },
);

test('a success with a result that went with its database is gone, and not done without its result', async () => {
  const { tasks, world, basket } = await opened();
  world.open(tasks).run({ count: ({ word }) => word.length, send: () => undefined });
  const id = await basket.add('count', { word: 'roof' });
  expect(await basket.settled(id)).toEqual({ state: 'done', result: 4 });
  await new Promise<void>((resolve) => {
    indexedDB.deleteDatabase(tasks.name).onsuccess = () => resolve();
  });
  await basket.list();
  await world.settle();

  expect(await basket.settled(id)).toEqual({ state: 'gone' });
});

test('whoever asks for a task of somebody else in the moment in which it succeeds is not told that it is done', async () => {
  const tasks = defineTasks(freshName(), { send: task<number>() }, { session: session() });
  const world = createWorld();
  const [anns, bobs, worker] = [world.open(tasks), world.open(tasks), world.open(tasks)];
  await bobs.basket.signIn('bob');
  await anns.basket.signIn('ann');
  const id = await anns.basket.add('send', 1);
  bobs.context.here.change('bob', undefined, 'bob'); // It has not heard yet that Ann is signed in.
  await world.settle();

  const done = createGate();
  const { begin } = bobs.context.database;
  Object.assign(bobs.context.database, {
    async begin(...what: Parameters<typeof begin>) {
      await done.promise;

      return begin(...what);
    },
  });
  const [hers, his] = [anns.basket.settled(id), failureOf(bobs.basket.settled(id))];
  worker.run({ send: () => undefined });
  await world.advance(1_000);
  done.open();
  await world.advance(10_000);

  expect(await hers).toMatchObject({ state: 'done' });
  expect(await his).toMatchObject({ code: 'signed-out' });
});
