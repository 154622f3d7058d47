import { afterEach, describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, freshName, rowsOf } from '../support/database.js';
import { terminate, watchOpenings } from '../support/openings.js';
import { waited } from '../../src/ports/wait.js';
import { answer } from '../../src/store/requests.js';
import { transact } from '../../src/store/transact.js';
import { createWorld } from '../support/world.js';

afterEach(() => {
  vi.restoreAllMocks();
});

type Hang =
  /** No request is ever answered; an abort is, unless it was told to commit. */
  | 'requests'
  /** Neither a request nor an abort is ever answered. */
  | 'abort'
  /** It commits, and nobody is told. */
  | 'complete';

interface Internals {
  _state: string;
  _started: boolean;
  readonly _markFinished: () => void;
}

function methodOf<Owner extends object, Name extends keyof Owner>(owner: Owner, name: Name): Owner[Name] {
  return Object.getOwnPropertyDescriptor(owner, name)?.value as Owner[Name];
}

type Begin = IDBDatabase['transaction'];

/** What becomes of each transaction as it begins. */
function onBegin(change: (db: IDBDatabase, begin: () => IDBTransaction, what: Parameters<Begin>) => IDBTransaction) {
  const begin = methodOf(IDBDatabase.prototype, 'transaction');
  vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(function begun(
    this: IDBDatabase,
    ...what: Parameters<Begin>
  ) {
    return change(this, () => begin.apply(this, what), what);
  });
}

/** Lets the next transactions of a mode hang, each in its way; the others are as always. Gives what ends them. */
function hang(mode: IDBTransactionMode, ...ways: Hang[]): () => void {
  const hung: Internals[] = [];
  // The in-memory IndexedDB waits in circles for the end of all transactions before it closes a connection.
  vi.spyOn(IDBDatabase.prototype, 'close').mockImplementation(function close(this: IDBDatabase) {
    Object.assign(this, { _closePending: true });
  });
  onBegin((_, begin, what) => {
    const transaction = begin();
    const way = what[1] === mode ? ways.shift() : undefined;
    if (way === 'complete') {
      const listen = transaction.addEventListener.bind(transaction);
      transaction.addEventListener = ((type: string, listener: EventListener, options?: boolean): void => {
        if (type !== 'complete' || listener.name.includes('processTransactions')) listen(type, listener, options);
      }) as IDBTransaction['addEventListener'];
    } else if (way !== undefined) {
      hung.push(transaction as unknown as Internals);
      Object.assign(transaction, { _start: () => undefined, ...(way === 'abort' ? { abort: () => undefined } : {}) });
    }

    return transaction;
  });

  return () => {
    vi.restoreAllMocks();
    for (const one of hung) one._markFinished();
  };
}

async function opened() {
  const tasks = defineTasks(freshName(), { send: task<unknown>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket };
}

/** What becomes of a call; known once time has passed. */
function endOf(call: Promise<unknown>): { readonly now: () => unknown } {
  let end: unknown = 'pending';
  call.then(
    (value) => {
      end = value;
    },
    (error: unknown) => {
      end = error;
    },
  );

  return { now: () => end };
}

describe('scenario 50: a database that does not answer', () => {
  test.each(['requests', 'abort'] as const)(
    'an add that hangs (%s) after it was told to commit cannot be aborted: it rejects with unknown-outcome and its id, and is not tried again',
    async (way) => {
      const { tasks, world, basket } = await opened();
      const end = hang('readwrite', way);
      const added = endOf(basket.add('send', 1));

      await world.advance(69_000);
      expect(added.now()).toBe('pending');
      await world.advance(2_000);
      expect(added.now()).toMatchObject({ code: 'unknown-outcome', id: expect.any(String) as string });
      end();
      expect(await rowsOf(tasks)).toEqual([]);
      await expect(basket.add('send', 2)).resolves.toBeTypeOf('string');
    },
  );

  test('an add that hangs before it was told to commit is tried again after its abort, and the task is there once', async () => {
    const { tasks, world, tab, basket } = await opened();
    hang('readwrite', 'requests');
    // A page that is slow at that instant: its transaction has its requests, and was not told to commit.
    const { reach } = tab.context.ports;
    Object.assign(tab.context.ports, {
      reach: (point: string) =>
        point === 'add:requests' ? new Promise((resolve) => void setImmediate(resolve)) : reach?.(point as never),
    });
    const commit = methodOf(IDBTransaction.prototype, 'commit');
    let commits = 0;
    vi.spyOn(IDBTransaction.prototype, 'commit').mockImplementation(function committed(this: IDBTransaction) {
      commits += 1;
      if (commits > 1) commit.call(this);
    });
    const added = endOf(basket.add('send', 1));

    await world.advance(59_000);
    expect(added.now()).toBe('pending');
    await world.advance(2_000);
    expect(added.now()).toBeTypeOf('string');
    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual([added.now()]);
  });

  test('an add that commits, of which the browser tells nothing, rejects with unknown-outcome; the task is there once', async () => {
    const { tasks, world, basket } = await opened();
    hang('readwrite', 'complete');
    const end = endOf(basket.add('send', 1));

    await world.advance(81_000);
    const { code, id, message } = end.now() as { readonly code: string; readonly id: string; readonly message: string };
    expect(code).toBe('unknown-outcome');
    // The advice is given once.
    expect(message).toBe(
      `Whether the task "send" was stored is not known: The database "${tasks.name}" answers neither a transaction ` +
        'nor its abort. Look for it with get, later.',
    );
    expect((await rowsOf(tasks)).map((row) => row.id)).toEqual([id]);
    expect(await basket.get(id)).toMatchObject({ id });
  });

  test.each([
    ['nine minutes', 540_000],
    ['just under ten minutes', 599_000],
  ])('a heavy body that is written for %s is stored', async (_, time) => {
    const { tasks, world, basket } = await opened();
    let go: (() => void) | undefined;
    onBegin((_db, begin, [stores, mode]) => {
      const transaction = begin();
      const internals = transaction as unknown as { _start: () => void };
      const { _start: start } = internals;
      if (go === undefined && mode === 'readwrite' && [stores].flat().includes('taskbasket.bodies')) {
        internals._start = () => undefined;
        go = () => {
          internals._start = start;
          start.call(transaction);
        };
      }

      return transaction;
    });
    const added = endOf(basket.add('send', new Blob(['a film'])));

    await world.advance(time);
    expect(added.now()).toBe('pending');
    go?.();
    await world.settle();
    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual([added.now()]);
  });

  test('a heavy body that is not written within ten minutes is given up, and its task is not stored', async () => {
    const { tasks, world, basket } = await opened();
    const letGo = hang('readwrite', 'requests');
    const added = endOf(basket.add('send', new Blob(['a film'])));

    await world.advance(599_000);
    expect(added.now()).toBe('pending');
    await world.advance(2_000);
    expect(added.now()).toMatchObject({ code: 'not-stored' });
    letGo();
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test.each([
    ['list', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.list()],
    ['get', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.get('x')],
    ['count', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.count()],
    ['explain', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.explain('x')],
    ['health', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.health()],
  ] as const)(
    '%s rejects with no-database after a minute, and the next one reads on a new connection',
    async (_, read) => {
      const { world, basket } = await opened();
      hang('readonly', 'requests', 'requests', 'requests');
      const end = endOf(read(basket));

      await world.advance(61_000);
      expect(end.now()).toMatchObject({
        code: 'no-database',
        message: expect.stringContaining('did not answer') as string,
      });
      vi.restoreAllMocks();
      await expect(basket.list()).resolves.toEqual([]);
    },
  );

  test('a transaction that began as the browser closed the connection, and gets no event, is given up after a second', async () => {
    const openings = watchOpenings();
    const { tasks, world, basket } = await opened();
    const letGo = hang('readwrite', 'abort');
    const added = endOf(basket.add('send', 1));
    await world.settle();
    for (const connection of openings.connections) terminate(connection);

    await world.advance(900);
    expect(added.now()).toBe('pending');
    await world.advance(200);
    expect(added.now()).toMatchObject({ code: 'unknown-outcome', id: expect.any(String) as string });
    letGo();
    await basket.add('send', 2);
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 2 }]);
  });

  test('transactions that ended before the browser closed their connection set no alarm then', async () => {
    const openings = watchOpenings();
    const { world, basket } = await opened();
    await basket.add('send', 1);
    await basket.list();
    const before = world.alarms();
    for (const connection of openings.connections) terminate(connection);

    expect(world.alarms()).toBe(before);
  });

  test.each(['cancel', 'retry', 'update'] as const)(
    '%s that hangs rejects, nothing is changed, and the next one works',
    async (what) => {
      const { tasks, world, basket } = await opened();
      const id = await basket.add('send', 1);
      const before = await rowsOf(tasks);
      await world.settle();
      hang('readwrite', 'requests');
      const end = endOf(what === 'update' ? basket.update(id, 2) : basket[what](id));

      await world.advance(61_000);
      expect(end.now()).toMatchObject({ code: 'not-stored' });
      expect(await rowsOf(tasks)).toEqual(before);
      expect(await basket.cancel(id)).toBe(1);
    },
  );

  test.each(['requests', 'complete'] as const)(
    "a runner's turn hangs (%s): its term goes on, its attempts too, and what ended is settled once",
    async (way) => {
      const { tasks, world, tab, basket } = await opened();
      let end = (): void => undefined;
      const aborted: boolean[] = [];
      let started = 0;
      const runner = tab.run({
        async send(_, { signal }) {
          started += 1;
          await new Promise<void>((resolve) => {
            end = resolve;
          });
          aborted.push(signal.aborted);
        },
      });
      await basket.add('send', 1);
      await world.settle();
      expect(started).toBe(1);
      const before = (await basket.health()).runner;
      await world.settle();

      const letGo = hang('readwrite', way);
      end();
      await world.advance(100_000);
      letGo();
      await world.advance(80_000);
      expect(await rowsOf(tasks)).toEqual([]);
      expect([started, aborted]).toEqual([1, [false]]);
      expect(runner.stopped()).toBe(false);
      expect((await basket.health()).runner).toMatchObject({ led: before.led, build: before.build });

      await basket.add('send', 2);
      await world.settle();
      expect(started).toBe(2);
      end();
    },
  );

  test('a transaction that answers again and again is no hang, however long it takes', async () => {
    const { world, tab } = await opened();
    const { clock } = tab.context.ports;
    let answers = 0;
    const end = endOf(
      transact(tab.context, 'turn', async ({ state }) => {
        for (; answers < 5; answers += 1) {
          await answer(state.get('runner'));
          // The in-memory IndexedDB would commit it meanwhile, so it is held back until the next answer is due.
          const internals = state.transaction as unknown as { _start: () => void };
          const { _start: start } = internals;
          internals._start = () => undefined;
          await waited(clock, 50_000);
          Object.assign(state.transaction, { _state: 'active' });
          internals._start = start;
          setImmediate(() => start.call(state.transaction));
        }

        return 'read';
      }),
    );
    await world.advance(200_000);
    expect(answers).toBeGreaterThan(2);
    expect(end.now()).toBe('pending');
    await world.advance(600_000);

    expect([answers, end.now()]).toEqual([5, 'read']);
  });
});

describe('a connection that is dead', () => {
  test.each(['UnknownError', 'AbortError', 'InvalidStateError', 'TimeoutError', 'NotFoundError', 'TypeError'])(
    'and throws %s at each transaction is not kept: the add opens another one',
    async (name) => {
      const { tasks, basket } = await opened();
      let dead: IDBDatabase | undefined;
      onBegin((db, begin, what) => {
        // A connection is asked for its stores' indexes before it is used: that is not yet its death.
        if (what.length > 1) dead ??= db;
        if (db === dead) throw name === 'TypeError' ? new TypeError('Lost.') : new DOMException('Lost.', name);

        return begin();
      });

      const id = await basket.add('send', 1);
      expect(await basket.get(id)).toMatchObject({ id });
      expect(await rowsOf(tasks)).toHaveLength(1);
    },
  );

  test.each([
    'UnknownError', // WebKit: "Connection to Indexed Database server lost"
    'AbortError',
    'TimeoutError',
    'NotFoundError',
    'OperationError',
    'NoSuchName',
  ])('and fails each transaction with %s is not kept until a reload', async (name) => {
    const { tasks, basket } = await opened();
    let dead: IDBDatabase | undefined;
    onBegin((db, begin, what) => {
      const transaction = begin();
      if (what.length > 1) dead ??= db;
      if (db === dead) (transaction as unknown as { _abort: (error: string) => void })._abort(name);

      return transaction;
    });

    await expect(basket.list()).rejects.toMatchObject({ code: 'no-database' });
    const id = await basket.add('send', 1);
    expect(await basket.list()).toMatchObject([{ id }]);
    expect(await rowsOf(tasks)).toHaveLength(1);
  });

  test('every time is told with a typed error, and tried again with the next call', async () => {
    const { basket } = await opened();
    vi.spyOn(IDBDatabase.prototype, 'transaction').mockImplementation(() => {
      throw new DOMException('The connection was lost.', 'UnknownError');
    });

    await expect(basket.add('send', 1)).rejects.toMatchObject({
      code: 'no-database',
      message: expect.stringContaining('lost') as string,
    });
    await expect(basket.list()).rejects.toMatchObject({ code: 'no-database' });
    vi.restoreAllMocks();
    await expect(basket.add('send', 1)).resolves.toBeTypeOf('string');
  });
});

describe('a database that does not open', () => {
  async function blocked() {
    const found = await opened();
    const tab = found.world.open(found.tasks);

    const openings = watchOpenings();
    openings.hold();

    return { ...found, tab, basket: tab.basket, ...openings };
  }

  test('is told by health within two seconds, with its cause', async () => {
    const { world, basket } = await blocked();
    const end = endOf(basket.health());

    await world.advance(2_000);
    expect(end.now()).toMatchObject({
      code: 'no-database',
      message: expect.stringMatching(/does not open\. Another tab .*Close the other tabs/) as string,
    });
  });

  test('an add waits for it, and is stored once it opens', async () => {
    const { tasks, world, basket, letAll } = await blocked();
    const end = endOf(basket.add('send', 1));
    await world.advance(50_000);
    expect(end.now()).toBe('pending');

    letAll();
    await world.settle();
    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual([end.now()]);
    expect(await basket.health()).toMatchObject({ queued: { count: 1 } });
  });

  test('after a minute each call says why, there is no such task, and the next call asks the browser again', async () => {
    const { tasks, world, basket, asked, letAll } = await blocked();
    const calls = [
      basket.add('send', 1),
      basket.addMany([['send', 2]]),
      basket.list(),
      basket.get('x'),
      basket.count(),
      basket.explain('x'),
      basket.update('a', 1),
      basket.cancel('b'),
      basket.retry('c'),
    ].map(endOf);
    await world.advance(62_000);
    expect(calls.map((call) => (call.now() as { readonly code?: string }).code)).toEqual(
      calls.map(() => 'no-database'),
    );
    const before = asked();

    const later = endOf(basket.add('send', 3));
    await world.advance(1_000);
    expect(asked()).toBe(before + 1);
    letAll();
    await world.settle();
    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual([later.now()]);
  });

  test('a call that waits for it hears at once that its basket was closed, and leaves no alarm behind', async () => {
    const { world, tab, basket } = await blocked();
    const before = world.alarms();
    const calls = [
      basket.add('send', 1),
      basket.addMany([['send', 2]]),
      basket.add('send', 3, { durability: 'relaxed' }),
      basket.list(),
      basket.get('x'),
      basket.count(),
      basket.explain('x'),
      basket.update('a', 1),
      basket.cancel('b'),
      basket.retry('c'),
      basket.settled('d'),
      basket.health(),
      tab.run({ send: () => undefined }).done,
    ].map(endOf);
    await world.settle();
    basket.close();
    await world.settle();

    expect(calls.map((call) => (call.now() as { readonly code?: string }).code)).toEqual(calls.map(() => 'closed'));
    expect(world.alarms()).toBe(before);
  });

  test('a runner goes on asking, and leads once it opens', async () => {
    const { world, tab, basket, letAll } = await blocked();
    const ran: unknown[] = [];
    tab.run({ send: (payload) => void ran.push(payload) });
    await world.advance(600_000);
    letAll();
    await world.advance(60_000);
    await basket.add('send', 1);
    await world.settle();

    expect(ran).toEqual([1]);
  });

  test('an opening that was given up and fails later takes nothing from the next one: no connection is lost', async () => {
    const { world, basket, failFirst, letAll, asked } = await blocked();
    endOf(basket.list());
    await world.advance(61_000);
    const later = endOf(basket.list());
    await world.settle();
    failFirst();
    await world.settle();
    letAll();
    await world.settle();
    expect(later.now()).toEqual([]);

    const before = asked();
    await basket.list();
    expect(asked()).toBe(before);
  });

  test('an opening that was given up and succeeds later does not hide that the next one is blocked', async () => {
    const { world, tab, basket, letFirst } = await blocked();
    endOf(basket.list());
    await world.advance(61_000);
    endOf(basket.list());
    await world.advance(2_000);
    letFirst();
    await world.settle();

    expect(tab.context.database.trouble()).toMatchObject({ code: 'no-database' });
  });

  test('a connection that comes too late, or after close, is closed: it blocks no later upgrade', async () => {
    const { tasks, world, tab, basket, letAll, asked, connections } = await blocked();
    const end = endOf(basket.list());
    await world.advance(62_000);
    expect(end.now()).toMatchObject({ code: 'no-database' });
    const again = endOf(basket.list());
    await world.advance(0);
    tab.basket.close();
    letAll();
    await world.settle();
    await world.advance(62_000);

    expect(again.now()).not.toBe('pending');
    expect([asked(), connections.size]).toEqual([2, 0]);
    await byHand(tasks, () => undefined);
  });
});
