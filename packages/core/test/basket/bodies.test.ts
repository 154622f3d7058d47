import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';

import { PermanentFailure } from '../../src/pure/verdict.js';
import { defineTasks, task } from '../../src/pure/registry.js';
import { contentsOf, endOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { recordTransactions } from '../support/transactions.js';
import { createWorld, daysOf } from '../support/world.js';
import { failureOf } from './app.js';

const day = 86_400_000;
const heavy = 'x'.repeat(200_000);

async function opened() {
  const tasks = defineTasks(freshName(), { send: task<unknown>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket };
}

/** A file that was changed on disk after it was picked. */
function changedFile(): File {
  return Object.assign(new File(['a photo'], 'photo.jpg'), {
    slice: () => ({ arrayBuffer: () => Promise.reject(new DOMException('It has changed.', 'NotReadableError')) }),
  });
}

const ways = ['add', 'addMany', 'update'] as const;

/** A page that is frozen before each row that it writes, which `thaw` ends, beside another page that runs the tasks. */
async function frozenBeforeRows(how: (typeof ways)[number]) {
  const { tasks, world, tab: frozen } = await opened();
  const other = world.open(tasks);
  const first = how === 'update' ? await frozen.basket.add('send', 'first', { runAt: world.wall() + 4 * day }) : '';
  let thaw = (): void => undefined;
  const { begin } = frozen.context.database;
  Object.assign(frozen.context.database, {
    async begin(...what: Parameters<typeof begin>) {
      // The body is committed before.
      if (what[0] === 'readwrite' && what[1].includes('tasks')) await new Promise<void>((resolve) => (thaw = resolve));

      return begin(...what);
    },
  });
  const done =
    how === 'add'
      ? frozen.basket.add('send', heavy)
      : how === 'addMany'
        ? frozen.basket.addMany([['send', heavy]])
        : frozen.basket.update(first, heavy);
  await world.settle();
  const ran: unknown[] = [];
  const run = () => other.run({ send: (payload) => void ran.push((payload as string).length) });
  const bodies = async (): Promise<number> => (await contentsOf(tasks)).bodies.size;

  return { world, run, ran, bodies, done, thaw: () => thaw() };
}

test.each(ways)(
  'a page that is frozen for three days between a heavy body and its row loses no payload: %s',
  async (how) => {
    const { world, run, ran, bodies, done, thaw } = await frozenBeforeRows(how);
    expect(await bodies()).toBe(1);
    await daysOf(world, 3, run);
    expect(await bodies()).toBe(0); // Collected.

    thaw();
    await world.settle();
    expect(await bodies()).toBe(1);
    thaw();
    await done;
    await daysOf(world, 2, run);
    expect(ran).toEqual([200_000]);
  },
);

test.each(ways)(
  'a page that writes a heavy body again, a day later, while a runner deletes the first one loses no payload: %s',
  async (how) => {
    const { world, run, ran, bodies, done, thaw } = await frozenBeforeRows(how);
    await daysOf(world, 0, run); // The runner finds the first body without a row.
    world.jump(3_600_000);
    thaw();
    await world.settle();

    const runner = run(); // It deletes what is left of the first body. The second one waits for its row.
    await world.advance(30_000);
    runner.stop();
    await world.settle();
    expect(await bodies()).toBe(1);
    thaw();
    await done;
    await daysOf(world, 4, run);
    expect(ran).toEqual([200_000]);
  },
);

/** As WebKit does it with a Blob that it cannot store: the request fails, and the transaction completes all the same. */
function failBodies() {
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { put } = IDBObjectStore.prototype;
  return vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(function failed(
    this: IDBObjectStore,
    value,
    key,
  ) {
    if (!this.name.endsWith('.bodies')) return put.call(this, value, key);
    put.call(this, 'stored before', 'x');
    const request = this.add('refused', 'x');
    request.addEventListener('error', (event) => event.preventDefault());
    return request;
  });
}

test.each(['add', 'addMany', 'prepare', 'update'] as const)(
  'a heavy body that the browser refuses in a transaction that completes: %s says so, and no row is without its body',
  async (how) => {
    const { tasks, basket } = await opened();
    const id = await basket.add('send', 'a note');
    const put = failBodies();
    try {
      const calls = {
        add: () => basket.add('send', heavy),
        addMany: () => basket.addMany([['send', heavy]]),
        prepare: () => basket.prepare('send', heavy),
        update: () => basket.update(id, heavy),
      };
      const failure = await failureOf(calls[how]());
      expect(failure.code).toBe('not-stored');
      expect(failure.message).toMatch(/The task "send" was not stored/);
    } finally {
      put.mockRestore();
    }
    expect((await rowsOf(tasks)).map((row) => row.payload)).toEqual(['a note']);
  },
);

describe('a file that was changed on disk after it was picked', () => {
  test.each([
    ['alone', () => changedFile()],
    ['in a list in an object', () => ({ photos: [{ file: changedFile() }] })],
    ['in a map', () => new Map([['photo', changedFile()]])],
  ])('%s is refused by add, addMany, prepare and update, and nothing is stored', async (_, make) => {
    const encode = (payload: unknown): unknown => payload;
    const tasks = defineTasks(freshName(), { send: task<unknown>({ codec: { encode, decode: encode } }) });
    const { basket } = createWorld().open(tasks);
    const id = await basket.add('send', 'a note');
    // structuredClone would drop what makes the file of this test unreadable.
    const clone = globalThis.structuredClone;
    globalThis.structuredClone = (value) => value;
    try {
      const tries = [
        () => basket.add('send', make()),
        () =>
          basket.addMany([
            ['send', 1],
            ['send', make()],
          ]),
        () => basket.prepare('send', make()),
        () => basket.update(id, make()),
      ];
      for (const one of tries) {
        const failure = await failureOf(one());
        expect(failure).toMatchObject({ code: 'payload', cause: { name: 'NotReadableError' } });
        expect(failure.message).toMatch(/file in the payload of "send" cannot be read.*Ask for the file again/);
      }
    } finally {
      globalThis.structuredClone = clone;
    }
    expect(await contentsOf(tasks)).toMatchObject({ tasks: [{ payload: 'a note' }], bodies: new Map() });
  });

  test('is told apart from a Blob that the browser has lost, and from a read that fails once', async () => {
    const decode = (stored: unknown): unknown => stored;
    const tasks = defineTasks(freshName(), { send: task<unknown>({ codec: { encode: decode, decode } }) });
    const { basket } = createWorld().open(tasks);
    const lost = { arrayBuffer: () => Promise.reject(new DOMException('No.', 'NotReadableError')) } as unknown as Blob;
    const slice = vi.spyOn(Blob.prototype, 'slice').mockReturnValue(lost);
    try {
      const failure = await failureOf(basket.add('send', new Blob(['x'])));
      expect(failure).toMatchObject({ code: 'payload', cause: { name: 'NotReadableError' } });
      expect(failure.message).toMatch(/A Blob in the payload of "send" cannot be read.*Make it anew/);

      slice.mockRestore();
      vi.spyOn(Blob.prototype, 'slice').mockReturnValueOnce(lost);
      const id = await basket.add('send', new Blob(['x']));
      expect(await contentsOf(tasks)).toMatchObject({ tasks: [{ id }] });
    } finally {
      vi.restoreAllMocks();
    }
  });

  test('and cut short has its first byte, and is refused all the same', async () => {
    const decode = (stored: unknown): unknown => stored;
    const tasks = defineTasks(freshName(), { send: task<unknown>({ codec: { encode: decode, decode } }) });
    const { basket } = createWorld().open(tasks);
    await basket.list();
    // oxlint-disable-next-line typescript/unbound-method -- called with its own Blob below
    const { slice } = Blob.prototype;
    const lost = { arrayBuffer: () => Promise.reject(new DOMException('No.', 'NotReadableError')) } as unknown as Blob;
    Blob.prototype.slice = function (...range) {
      return range[0] === -1 ? lost : slice.apply(this, range);
    };
    try {
      expect(await failureOf(basket.add('send', new Blob(['x'])))).toMatchObject({ code: 'payload' });
    } finally {
      Blob.prototype.slice = slice;
    }
    expect((await contentsOf(tasks)).bodies.size).toBe(0);
  });

  test('and cannot be read at its turn is dead, not away; update corrects it', async () => {
    const decode = (stored: unknown): unknown => stored;
    const tasks = defineTasks(freshName(), { send: task<unknown>({ codec: { encode: decode, decode } }) });
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', { photo: new Blob(['x']) });
    // oxlint-disable-next-line typescript/unbound-method -- called with its own Blob below
    const { slice } = Blob.prototype;
    let readable = false;
    Blob.prototype.slice = function (...range) {
      if (readable) return slice.apply(this, range);

      return { arrayBuffer: () => Promise.reject(new DOMException('Gone.', 'NotFoundError')) } as unknown as Blob;
    };
    try {
      tab.run({
        send: () => {
          if (!readable) throw new TypeError('Failed to fetch');
        },
      });
      await world.settle();
      expect(await tab.basket.get(id)).toMatchObject({ state: 'dead', lastError: { name: 'NotReadableError' } });
      readable = true;
      expect(await tab.basket.update(id, { photo: new Blob(['y']) })).toBe(true);
      await world.advance(60_000);
      expect(await rowsOf(tasks)).toEqual([]);
    } finally {
      Blob.prototype.slice = slice;
    }
  });

  test('and cannot be read at its turn opens no gate, and blames nobody: it is no answer of the server', async () => {
    const decode = (stored: unknown): unknown => stored;
    const tasks = defineTasks(freshName(), {
      note: task<number>({ gate: 'server' }),
      photo: task<unknown>({ gate: 'server', codec: { encode: decode, decode } }),
    });
    const world = createWorld();
    const tab = world.open(tasks);
    let requests = 0;
    const lost = (): never => {
      requests += 1;
      throw new TypeError('Failed to fetch');
    };
    for (let n = 0; n < 5; n += 1) await tab.basket.add('note', n);
    tab.run({ note: lost, photo: lost });
    await world.advance(3_600_000);
    const told: unknown[] = [];
    tab.basket.on('gate', (event) => told.push(event));
    const photo = await tab.basket.add('photo', { photo: new Blob(['x']) });
    // oxlint-disable-next-line typescript/unbound-method -- it is put back below
    const { slice } = Blob.prototype;
    const gone = { arrayBuffer: () => Promise.reject(new DOMException('Gone.', 'NotFoundError')) } as unknown as Blob;
    Blob.prototype.slice = () => gone;
    requests = 0;
    try {
      await world.advance(600_000);
    } finally {
      Blob.prototype.slice = slice;
    }

    expect(await tab.basket.get(photo)).toMatchObject({ state: 'dead', lastError: { name: 'NotReadableError' } });
    expect(told).toEqual([]);
    // One probe in each wait, which is between half of five minutes and five minutes, and the photo itself.
    expect(requests).toBeLessThanOrEqual(5);
    expect((await rowsOf(tasks)).map(({ blames }) => blames)).toEqual([0, 0, 0, 0, 0, 0]);
  });
});

describe('a heavy payload in the transaction of the app', () => {
  test.each([
    ['a Blob', new Blob(['x'])],
    ['a long text', heavy],
  ])('%s is refused, with what to do, and the transaction goes on', async (_, payload) => {
    const { tasks, basket } = await opened();
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    expect(() => basket.addTx(tx, 'send', payload)).toThrow(/too heavy for addTx.*Await prepare first/);
    basket.addTx(tx, 'send', 'light');
    expect(await endOf(tx)).toBe('complete');
    db.close();

    expect(await rowsOf(tasks)).toMatchObject([{ payload: 'light' }]);
  });

  test('that was prepared is there if the transaction commits, and is collected if it never does', async () => {
    const { tasks, world, tab, basket } = await opened();
    const [used, unused] = [await basket.prepare('send', heavy), await basket.prepare('send', heavy)];
    expect((await contentsOf(tasks)).bodies.size).toBe(2);
    const db = await openRaw(tasks.name);
    const tx = db.transaction([...tasks.stores], 'readwrite');
    expect(tx.objectStoreNames).not.toContain('taskbasket.bodies');
    basket.addTx(tx, used);
    tx.commit();
    await endOf(tx);
    const ran: unknown[] = [];
    await daysOf(world, 3, () => tab.run({ send: (payload) => void ran.push((payload as string).length) }));

    expect(ran).toEqual([200_000]);
    expect((await contentsOf(tasks)).bodies.size).toBe(0);
    const late = db.transaction([...tasks.stores], 'readwrite');
    expect(() => basket.addTx(late, unused)).toThrow(/more than 12 hours ago. Prepare it anew/);
    db.close();
  });
});

test.each([
  [-1, 'stored'],
  [0, 'stored'],
  [1, 'was prepared more than 12 hours ago'],
])('a heavy task that was prepared 12 hours and %i ms ago: %s', async (more, end) => {
  const { tasks, world, basket } = await opened();
  const prepared = await basket.prepare('send', heavy);
  world.jump(12 * 60 * 60_000 + more);
  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  const add = (): string => {
    try {
      basket.addTx(tx, prepared);

      return 'stored';
    } catch (error) {
      return (error as Error).message;
    }
  };
  expect(add()).toContain(end);
  expect(await endOf(tx)).toBe('complete');
  db.close();

  expect(await rowsOf(tasks)).toHaveLength(end === 'stored' ? 1 : 0);
});

test('a heavy task is refused by addTx if its database was deleted and made anew after it was prepared', async () => {
  const { tasks, basket } = await opened();
  const [heavyOne, light] = [await basket.prepare('send', heavy), await basket.prepare('send', 'light')];
  await new Promise((resolve) => indexedDB.deleteDatabase(tasks.name).addEventListener('success', resolve));
  await basket.add('send', 'anew');
  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  expect(() => basket.addTx(tx, heavyOne)).toThrow(/maybe deleted, after this task was prepared. Prepare it anew/);
  basket.addTx(tx, light);
  expect(await endOf(tx)).toBe('complete');
  db.close();
});

describe('a body is never written in place:', () => {
  test('an update has a key of its own, and the old body goes after the row has changed', async () => {
    const { tasks, world, basket } = await opened();
    const id = await basket.add('send', heavy);
    const [before] = [...(await contentsOf(tasks)).bodies.keys()];
    const recorded = recordTransactions();
    await basket.update(id, `${heavy}!`);
    await world.settle();

    expect(recorded.map(({ stores }) => stores.join())).toEqual(['bodies', 'tasks,payloads,outcomes,state', 'bodies']);
    const { tasks: rows, bodies } = await contentsOf(tasks);
    expect([...bodies.keys()]).toEqual([rows[0]?.ref]);
    expect(rows[0]?.ref).not.toBe(before);
  });

  test('no transaction names the bodies beside another store: add, update, save, cancel, settle', async () => {
    const { tasks, world, tab, basket } = await opened();
    const recorded = recordTransactions();
    const ids = await basket.addMany([
      ['send', heavy],
      ['send', heavy],
      ['send', new Blob(['x'])],
    ]);
    await basket.update(ids[0], new Blob(['y']));
    tab.run({
      async send(_, attempt) {
        await attempt.save(heavy);
        if (attempt.id === ids[1]) throw new PermanentFailure('no');
      },
    });
    await world.settle();
    await basket.cancel({});
    await world.settle();

    const named = recorded.map(({ stores }) => stores).filter((stores) => stores.includes('bodies'));
    expect(named.every((stores) => stores.length === 1)).toBe(true);
    expect(await contentsOf(tasks)).toMatchObject({ tasks: [], bodies: new Map(), payloads: new Map() });
  });

  test.each(['cancelled', 'done'])(
    'an update whose task is %s while the payload is encoded leaves no body',
    async (end) => {
      let meanwhile = (): Promise<unknown> => Promise.resolve();
      const encode = async (payload: string): Promise<string> => {
        await meanwhile();

        return payload;
      };
      const tasks = defineTasks(freshName(), { send: task({ codec: { encode, decode: (stored) => stored } }) });
      const world = createWorld();
      const { basket } = world.open(tasks);
      const other = world.open(tasks);
      const id = await basket.add('send', 'light');
      meanwhile = () => {
        if (end === 'cancelled') return other.basket.cancel(id);
        other.run({ send: () => undefined });

        return other.basket.settled(id);
      };

      expect(await basket.update(id, heavy)).toBe(false);
      await world.settle();
      expect(await contentsOf(tasks)).toMatchObject({ tasks: [], bodies: new Map() });
    },
  );

  test('an update that finds its task started leaves neither a body nor a change', async () => {
    const { tasks, world, tab, basket } = await opened();
    const id = await basket.add('send', 'light');
    tab.run({ send: () => new Promise(() => undefined) });
    await world.settle();

    expect(await failureOf(basket.update(id, heavy) as unknown as Promise<string>)).toMatchObject({ code: 'started' });
    await world.settle();
    expect((await contentsOf(tasks)).bodies.size).toBe(0);
  });
});

describe('a thousand adds that find no room', () => {
  test.each([
    ['of a number', (number: number) => number],
    ['of a Blob', (number: number) => new Blob([String(1_000 + number)])],
  ])('%s take few transactions, and a later add that finds room does not wait', async (_, payloadOf) => {
    const { tasks, basket } = await opened();
    let full = true;
    const recorded = recordTransactions({ fate: () => (full ? 'refused' : undefined) });
    const codes = Array.from({ length: 1_000 }, (_one, number) =>
      failureOf(basket.add('send', payloadOf(number))).then(({ code }) => code),
    );
    expect(new Set(await Promise.all(codes))).toEqual(new Set(['quota']));
    expect(recorded.length).toBeLessThan(6);

    full = false;
    await basket.add('send', 'later');
    expect(await rowsOf(tasks)).toHaveLength(1);
  });

  test('those that are smaller than all that were refused are still tried', async () => {
    const { tasks, basket } = await opened();
    recordTransactions({
      fate({ transaction, tasks: placed }) {
        return placed > 1 || transaction.objectStoreNames.contains('taskbasket.payloads') ? 'refused' : undefined;
      },
    });
    const large = Array.from({ length: 10 }, () => failureOf(basket.add('send', 'x'.repeat(20_000))));
    const small = basket.add('send', 'small');

    expect((await Promise.all(large)).every(({ code }) => code === 'quota')).toBe(true);
    await small;
    expect(await rowsOf(tasks)).toMatchObject([{ payload: 'small' }]);
  });

  test('after one that found room, as large ones are tried again', async () => {
    const { tasks, basket } = await opened();
    let refused = 0;
    recordTransactions({
      fate({ transaction, tasks: placed }) {
        if (placed > 1) return 'refused';
        if (!transaction.objectStoreNames.contains('taskbasket.payloads') || refused === 3) return undefined;
        refused += 1;

        return 'refused';
      },
    });
    const large = Array.from({ length: 3 }, () => failureOf(basket.add('send', 'x'.repeat(20_000))));
    const others = [basket.add('send', 'small'), basket.add('send', 'y'.repeat(20_000))];

    expect((await Promise.all(large)).every(({ code }) => code === 'quota')).toBe(true);
    await Promise.all(others);
    expect(await rowsOf(tasks)).toHaveLength(2);
  });
});

test('a result that is a Blob, or too large, is done without the result: no small write waits for it', async () => {
  const { tasks, world, tab, basket } = await opened();
  const ids = await basket.addMany([
    ['send', heavy],
    ['send', 'blob'],
    ['send', 'headers'],
  ]);
  const ends = Promise.all(ids.map((id) => basket.settled(id)));
  const recorded = recordTransactions();
  const results: Readonly<Record<string, unknown>> = { blob: new Blob(['x']), headers: { headers: new Headers() } };
  tab.run({ send: (payload) => (results[payload as string] ?? payload) as never });
  await world.settle();

  expect(await ends).toMatchObject([
    { state: 'done', unstorable: expect.stringContaining('larger than 256 KB') as string },
    { state: 'done', unstorable: expect.stringContaining('Blob') as string },
    { state: 'done', unstorable: expect.stringContaining('or Headers') as string },
  ]);
  expect(recorded.length).toBeGreaterThan(0);
  expect((await contentsOf(tasks)).outcomes.every(({ result }) => result === undefined)).toBe(true);
});

test('bodies of one owner are one range, and no owner and no id reaches into the bodies of another', async () => {
  const { bodyKey, idMarkOfBody, isBodyKey, payloadKey, idMark } = await import('../../src/pure/key.js');
  const names = ['a', 'ab', 'a|b', '%', '%7C', '\uffff', '|', 'a|', '__proto__'];
  for (const owner of names) {
    const range = [`${bodyKey(owner, '', '').split('|')[0]}|`, `${bodyKey(owner, '', '').split('|')[0]}}`];
    for (const other of names) {
      for (const id of names) {
        const key = bodyKey(other, id, 'n');
        expect(isBodyKey(key)).toBe(true);
        expect(isBodyKey(payloadKey(id))).toBe(false);
        expect(idMarkOfBody(key)).toBe(idMark(id));
        expect(key >= (range[0] ?? '') && key < (range[1] ?? '')).toBe(owner === other);
      }
    }
  }
});

test('a heavy task that was prepared while the clock was days ahead is refused once its body may be gone', async () => {
  const tasks = defineTasks(freshName(), { send: task<string>() });
  const world = createWorld();
  const { basket } = world.open(tasks);
  const days = 24 * 60 * 60_000;
  world.jump(3 * days);
  const prepared = await basket.prepare('send', 'x'.repeat(200_000));
  world.jump(-3 * days); // It is corrected.
  await world.advance(days);
  const db = await openRaw(tasks.name);
  const tx = db.transaction([...tasks.stores], 'readwrite');
  expect(() => basket.addTx(tx, prepared)).toThrow('prepared more than 12 hours ago');
  db.close();
});

describe('a file in a cloud whose bytes do not come, because there is no network,', () => {
  const cloudFile = (): File => new File(['a photo'], 'photo.jpg');

  beforeEach(() => {
    vi.spyOn(Blob.prototype, 'arrayBuffer').mockImplementation(() => new Promise(() => undefined));
  });

  afterEach(() => vi.restoreAllMocks());

  test('is refused after two minutes, and what is saved after it is stored', async () => {
    const { world, basket } = await opened();
    const failure = failureOf(basket.add('send', { photo: cloudFile() }, { lane: 'report' }));
    const later = basket.add('send', 'typed after it', { lane: 'report' });
    await world.advance(2 * 60_000);

    expect(await failure).toMatchObject({
      code: 'payload',
      message: expect.stringContaining('within two minutes') as string,
    });
    expect(await basket.list()).toMatchObject([{ id: await later, payload: 'typed after it' }]);
  });

  test('keeps a correction waiting no longer either, nor the pause of everything that comes after it', async () => {
    const { world, basket } = await opened();
    const id = await basket.add('send', 'a');
    const failure = failureOf(basket.update(id, { photo: cloudFile() }));
    const paused = basket.pause({});
    await world.advance(2 * 60_000);

    expect(await failure).toMatchObject({ code: 'payload' });
    await paused;
    expect(await basket.list()).toMatchObject([{ id, payload: 'a' }]);
  });
});
