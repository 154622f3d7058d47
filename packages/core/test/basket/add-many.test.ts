import { describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { contentsOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { recordTransactions } from '../support/transactions.js';
import { createWorld } from '../support/world.js';
import { failureOf } from './app.js';

const medium = 'x'.repeat(20_000);

async function opened() {
  const tasks = defineTasks(freshName(), {
    send: task<unknown>(),
    ping: task(),
    secret: task({ codec: { encode: async (text: string) => [text], decode: async (stored) => stored.join('') } }),
  });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket };
}

test('many tasks of several types are stored in one transaction, and their ids and places have the order of the list', async () => {
  const { tasks, basket } = await opened();
  const recorded = recordTransactions();
  const ids = await basket.addMany([
    ['send', { text: 'one' }, { lane: 'a', priority: 'high' }],
    ['ping'],
    ['secret', 'two'],
    ['send', medium],
  ]);

  expect(recorded).toMatchObject([{ tasks: 4, durability: 'strict' }]);
  const rows = await rowsOf(tasks);
  expect(rows.map(({ id }) => id)).toEqual(ids);
  expect(rows).toMatchObject([
    { type: 'send', lane: 'a', priority: 0, payload: { text: 'one' } },
    { type: 'ping' },
    { type: 'secret', payload: ['two'] },
    { type: 'send', ref: ids[3] },
  ]);
  expect((await contentsOf(tasks)).payloads.size).toBe(1);
});

test('no task at all is fine, and nothing is begun', async () => {
  const { basket } = await opened();
  const recorded = recordTransactions();

  expect(await basket.addMany([])).toEqual([]);
  expect(recorded).toEqual([]);
});

test('they are told as one change, and run', async () => {
  const { world, tab, basket } = await opened();
  const sent: unknown[] = [];
  tab.run({ send: (payload) => void sent.push(payload), ping: () => void sent.push('ping'), secret: () => undefined });
  await world.settle();
  await basket.addMany([['send', 1], ['send', 2], ['ping']]);
  await world.settle();

  expect(sent).toEqual([1, 2, 'ping']);
});

test.each([
  ['relaxed', ['relaxed', 'relaxed'], 'relaxed'],
  ['strict, if one of them does not say relaxed', ['relaxed', undefined], 'strict'],
] as const)('the durability is %s', async (_, given, durability) => {
  const { basket } = await opened();
  const recorded = recordTransactions();
  await basket.addMany(given.map((one) => ['send', 1, { durability: one }] as const));

  expect(recorded).toMatchObject([{ durability }]);
});

test('heavy bodies go ahead together, and the rows come together', async () => {
  const { basket } = await opened();
  const recorded = recordTransactions();
  const puts = vi.spyOn(IDBObjectStore.prototype, 'put');
  const ids = await basket.addMany([
    ['send', new Blob(['one'])],
    ['send', medium],
    ['send', new Blob(['three'])],
  ]);

  expect(recorded.map((one) => [one.stores.join(), one.tasks])).toEqual([
    ['bodies', 0],
    ['tasks,payloads', 3],
  ]);
  expect(puts).toHaveBeenCalledTimes(3);
  expect(await basket.list()).toMatchObject(ids.map((id) => ({ id, unreadable: false })));
});

describe('all or none', () => {
  test.each<[string, unknown, string]>([
    ['its type is not there', ['nobody', 1], 'unknown-type'],
    ['its payload cannot be stored', ['send', () => 1], 'payload'],
    ['an option of it is wrong', ['send', 1, { lane: '' }], 'option'],
  ])('if of one %s, nothing is stored', async (_, wrong, code) => {
    const { tasks, basket } = await opened();
    const list = [['send', new Blob(['x'])], ['send', medium], wrong, ['send', 1]] as unknown as [['ping']];

    expect(await failureOf(basket.addMany(list))).toMatchObject({ code });
    expect(await contentsOf(tasks)).toMatchObject({ tasks: [], payloads: new Map() });
  });

  test('if there is no room for one, nothing is stored, no body either', async () => {
    const { tasks, world, basket } = await opened();
    recordTransactions({ fate: (one) => (one.tasks > 0 ? 'refused' : undefined) });

    const failure = await failureOf(
      basket.addMany([
        ['send', new Blob(['x'])],
        ['send', medium],
        ['send', 1],
      ]),
    );
    expect(failure.code).toBe('quota');
    await world.settle();
    expect(await contentsOf(tasks)).toMatchObject({ tasks: [], payloads: new Map() });
  });

  test('if there is no room while the page has its turn, it says quota, and it is not tried again', async () => {
    const { tasks, tab, basket } = await opened();
    let time = 0;
    Object.assign(tab.context.ports.clock, { monotonic: () => time });
    const recorded = recordTransactions({
      placed(_row, { transaction }) {
        time += 13;
        if (time > 30) return;
        setImmediate(() => {
          (transaction as unknown as { _abort: (name: string) => void })._abort('QuotaExceededError');
        });
      },
    });

    expect(await failureOf(basket.addMany([1, 2, 3, 4].map((payload) => ['send', payload] as const)))).toMatchObject({
      code: 'quota',
    });
    expect(recorded).toHaveLength(1);
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('if the browser refuses one in the middle, nothing is stored', async () => {
    const { tasks, basket } = await opened();
    recordTransactions({
      placed({ payload }) {
        if (payload === 'bad') throw new DOMException('It cannot be cloned.', 'DataCloneError');
      },
    });

    expect(await failureOf(basket.addMany([1, 'bad', 3].map((payload) => ['send', payload] as const)))).toMatchObject({
      code: 'payload',
    });
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('if the page dies before the commit, nothing is stored', async () => {
    const { tasks, world, tab, basket } = await opened();
    tab.at('add:requests', (transaction) => {
      transaction?.abort();
      tab.kill();
    });
    void basket.addMany([1, 2, 3].map((payload) => ['send', payload] as const));
    await world.settle();

    expect(await rowsOf(tasks)).toEqual([]);
  });
});

test('a large list gives the page its turn between slices, and is one transaction all the same', async () => {
  const { tasks, tab, basket } = await opened();
  let time = 0;
  Object.assign(tab.context.ports.clock, { monotonic: () => time });
  const log: string[] = [];
  const recorded = recordTransactions({
    placed() {
      time += 10;
      log.push('row');
    },
  });
  let pages = true;
  const page = (): void => {
    if (log.at(-1) !== 'page') log.push('page');
    if (pages) setImmediate(page);
  };
  setImmediate(page);
  await basket.addMany(Array.from({ length: 10 }, (_, number) => ['send', number] as const));
  pages = false;

  const slices = log
    .join(' ')
    .split('page')
    .map((part) => part.split('row').length - 1);
  expect(slices.filter((rows) => rows > 0)).toEqual([3, 3, 3, 1]);
  expect(recorded).toMatchObject([{ tasks: 10 }]);
  expect((await rowsOf(tasks)).map(({ payload }) => payload)).toEqual([0, 1, 2, 3, 4, 5, 6, 7, 8, 9]);
});

test('what is stored is the list, its payloads and its options as they were at the call', async () => {
  const { tasks, basket } = await opened();
  const recorded = recordTransactions();
  const payload = { text: 'before' };
  const options: { lane: string; durability: 'strict' | 'relaxed' } = { lane: 'before', durability: 'strict' };
  const list: ['send', unknown, typeof options][] = [['send', payload, options]];
  const adding = basket.addMany(list);
  payload.text = 'after';
  options.lane = 'after';
  options.durability = 'relaxed';
  list.push(['send', 'another', options]);
  await adding;

  expect(await rowsOf(tasks)).toMatchObject([{ lane: 'before', payload: { text: 'before' } }]);
  expect(recorded).toMatchObject([{ durability: 'strict' }]);
});

describe('prepare', () => {
  /** A transaction of the app's own. */
  async function begun() {
    const found = await opened();
    const db = await openRaw(found.tasks.name);
    const begin = (): IDBTransaction => db.transaction([...found.tasks.stores], 'readwrite');

    return { ...found, begin };
  }
  const ended = (tx: IDBTransaction): Promise<string> =>
    new Promise((resolve) => {
      for (const end of ['complete', 'abort']) tx.addEventListener(end, () => resolve(end));
    });

  test('stores nothing; addTx then stores what was prepared, with commit on the next line', async () => {
    const { tasks, basket, begin } = await begun();
    const prepared = await basket.prepare('secret', 'hidden', { lane: 'a' });
    expect(await rowsOf(tasks)).toEqual([]);

    const tx = begin();
    const end = ended(tx);
    expect(basket.addTx(tx, prepared)).toBe(prepared.id);
    tx.commit();
    expect(await end).toBe('complete');
    expect(await rowsOf(tasks)).toMatchObject([{ id: prepared.id, lane: 'a', payload: ['hidden'] }]);
    expect(await basket.get(prepared.id)).toMatchObject({ payload: 'hidden' });
  });

  test('of a large payload: row and payload are there, or neither', async () => {
    const { tasks, basket, begin } = await begun();
    const one = await basket.prepare('send', medium);
    const other = await basket.prepare('send', medium);
    const tx = begin();
    const end = ended(tx);
    basket.addTx(tx, one);
    tx.commit();
    expect(await end).toBe('complete');
    const aborted = begin();
    const gone = ended(aborted);
    basket.addTx(aborted, other);
    aborted.abort();
    expect(await gone).toBe('abort');

    const { tasks: rows, payloads } = await contentsOf(tasks);
    expect(rows.map(({ id }) => id)).toEqual([one.id]);
    expect([...payloads.keys()]).toEqual([one.id]);
  });

  test('what is prepared is added once: a second time is refused, in the same transaction and after it', async () => {
    const { tasks, basket, begin } = await begun();
    const prepared = await basket.prepare('send', 1);
    const tx = begin();
    const end = ended(tx);
    basket.addTx(tx, prepared);

    const refused = { code: 'option', message: expect.stringMatching(/in a transaction already.*Prepare/) as string };
    expect(await failureOf(() => basket.addTx(tx, prepared))).toMatchObject(refused);
    expect(await end).toBe('complete');
    expect(await failureOf(() => basket.addTx(begin(), prepared))).toMatchObject(refused);
    expect(await rowsOf(tasks)).toHaveLength(1);
  });

  test('it may be added again when its transaction was aborted, or could not be used', async () => {
    const { tasks, basket, begin } = await begun();
    const prepared = await basket.prepare('send', 1);
    const aborted = begin();
    const gone = ended(aborted);
    basket.addTx(aborted, prepared);
    aborted.abort();
    await gone;
    expect(await failureOf(() => basket.addTx(aborted, prepared))).toMatchObject({ code: 'transaction' });

    const tx = begin();
    const end = ended(tx);
    basket.addTx(tx, prepared);
    expect(await end).toBe('complete');
    expect(await rowsOf(tasks)).toMatchObject([{ id: prepared.id }]);
  });

  test('is of the payload as it was at the call', async () => {
    const { tasks, basket, begin } = await begun();
    const payload = { text: 'before' };
    const preparing = basket.prepare('send', payload);
    payload.text = 'after';
    const tx = begin();
    const end = ended(tx);
    // Nothing else keeps a transaction over an await.
    tx.objectStore(tasks.stores[0]).get(0);
    basket.addTx(tx, await preparing);
    await end;

    expect(await rowsOf(tasks)).toMatchObject([{ payload: { text: 'before' } }]);
  });

  test('by the basket of another registry is refused', async () => {
    const { world, basket, begin } = await begun();
    const other = world.open(defineTasks(freshName(), { foreign: task<number>() })).basket;
    const prepared = await other.prepare('foreign', 1);

    expect(await failureOf(() => basket.addTx(begin(), prepared as never))).toMatchObject({ code: 'unknown-type' });
  });
});

test('a list with a wrong entry behind one whose codec rejects later is refused, and leaves no rejection unhandled', async () => {
  const encode = async (): Promise<never> => {
    await Promise.resolve();
    throw new Error('The key is locked.');
  };
  const tasks = defineTasks(freshName(), { locked: task({ codec: { encode, decode: (stored) => stored } }) });
  const world = createWorld();
  const { basket } = world.open(tasks);
  const unhandled = vi.fn<(reason: unknown) => void>();
  process.on('unhandledRejection', unhandled);
  const wrong = [
    ['locked', 1],
    ['nothing of ours', 2],
  ] as never;

  expect(await failureOf(basket.addMany(wrong))).toMatchObject({ code: 'unknown-type' });
  await world.settle();
  process.off('unhandledRejection', unhandled);
  expect(unhandled).not.toHaveBeenCalled();
});
