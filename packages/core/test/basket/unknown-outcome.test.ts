import { describe, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import type { Fate } from '../support/transactions.js';
import { recordTransactions } from '../support/transactions.js';
import { createWorld } from '../support/world.js';
import { failureOf } from './app.js';

const medium = 'x'.repeat(20_000);

async function opened() {
  const tasks = defineTasks(freshName(), { send: task<unknown>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const { begin } = tab.context.database;

  /** From now on the database cannot be read. */
  const lose = (): void => {
    Object.assign(tab.context.database, {
      begin: (...what: Parameters<typeof begin>) =>
        what[0] === 'readonly' ? Promise.reject(new DOMException('Lost.', 'UnknownError')) : begin(...what),
    });
  };

  /** Something happens before the database is next read. */
  const meanwhile = (happens: () => Promise<unknown>): void => {
    Object.assign(tab.context.database, {
      async begin(...what: Parameters<typeof begin>) {
        if (what[0] === 'readonly') {
          Object.assign(tab.context.database, { begin });
          await happens();
        }

        return begin(...what);
      },
    });
  };

  return { tasks, basket: tab.basket, other: world.open(tasks).basket, lose, meanwhile };
}

/** Gives the transactions that place tasks one fate after the other, then none. */
function fates(...list: readonly Fate[]) {
  const left = [...list];

  return recordTransactions({ fate: ({ tasks }) => (tasks > 0 ? left.shift() : undefined) });
}

const ways = [
  ['a small one', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.add('send', 'x'), 1],
  ['one with a payload apart', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.add('send', medium), 1],
  ['a Blob', (basket: Awaited<ReturnType<typeof opened>>['basket']) => basket.add('send', new Blob(['x'])), 1],
  [
    'many in one call',
    (basket: Awaited<ReturnType<typeof opened>>['basket']) =>
      basket.addMany([
        ['send', 1],
        ['send', medium],
        ['send', new Blob(['x'])],
      ]),
    3,
  ],
] as const;

describe.each(ways)('the connection is lost in the instant of the commit: %s', (_, add, count) => {
  test('that was committed resolves, and is there once', async () => {
    const { tasks, basket } = await opened();
    const recorded = fates('lied');
    const ids = [await add(basket)].flat();

    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(ids);
    expect(recorded.filter((one) => one.tasks > 0)).toHaveLength(1);
  });

  test('that was not committed is tried once more, is there once, and the runner is told', async () => {
    const { tasks, basket, other } = await opened();
    const told: string[] = [];
    other.on('added', ({ id }) => told.push(id));
    const recorded = fates('aborted');
    const ids = [await add(basket)].flat();
    await vi.waitFor(() => expect(told).toEqual(ids));

    const { tasks: rows, payloads, bodies } = await contentsOf(tasks);
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(
      rows.filter(({ ref }) => ref !== undefined).every(({ ref }) => payloads.has(ref ?? '') || bodies.has(ref ?? '')),
    ).toBe(true);
    expect(recorded.filter((one) => one.tasks > 0)).toHaveLength(2);
  });

  test('that is committed by the second try, of which again nothing is known, resolves', async () => {
    const { tasks, basket } = await opened();
    fates('aborted', 'lied');
    const ids = [await add(basket)].flat();

    expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(ids);
  });

  test('that fails a second time rejects with not-stored, and there is no task', async () => {
    const { tasks, basket } = await opened();
    fates('aborted', 'aborted', 'aborted', 'aborted');

    const failure = await failureOf(add(basket));
    expect(failure).toMatchObject({ code: 'not-stored', cause: { name: 'AbortError' } });
    expect(failure.message).toContain('"send"');
    expect(await rowsOf(tasks)).toEqual([]);
  });

  test('that was committed, and cancelled before it was looked for, resolves, and does not come back', async () => {
    const { tasks, basket, other, meanwhile } = await opened();
    fates('lied');
    meanwhile(() => other.cancel({}));

    const ids = [await add(basket)].flat();
    expect(await rowsOf(tasks)).toEqual([]);
    expect(await basket.settled(ids[0] ?? '')).toEqual({ state: 'cancelled' });
  });

  test('that cannot be looked for rejects with unknown-outcome and the id by which it is found later', async () => {
    const { tasks, basket, lose } = await opened();
    fates('lied');
    lose();

    const failure = await failureOf(add(basket));
    expect(failure.code).toBe('unknown-outcome');
    expect(failure.message).toMatch(/"send".*not known.*get/);
    const rows = await rowsOf(tasks);
    expect(rows).toHaveLength(count);
    expect(rows[0]?.id).toBe(failure.id);
  });
});

test('a list of which the first was done before it was looked for is not stored again', async () => {
  const { tasks, basket, meanwhile } = await opened();
  fates('lied');
  meanwhile(() => byHand(tasks, (stores) => void stores.tasks.delete(1)));

  const ids = await basket.addMany([
    ['send', 1],
    ['send', 2],
  ]);
  expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(ids.slice(1));
});

test('each member of a group that was committed, and of which that was not told, resolves, and is there once', async () => {
  const { tasks, basket } = await opened();
  const recorded = fates('lied');
  const ids = await Promise.all([1, 2, 3].map((number) => basket.add('send', number)));

  expect((await rowsOf(tasks)).map(({ id }) => id)).toEqual(ids);
  expect(recorded).toHaveLength(1);
});

describe('the connection is lost in the instant of the commit of a change', () => {
  /** One that is dead, so that all three can change it. */
  async function changed(fate: Fate) {
    const { tasks, basket, lose } = await opened();
    const id = await basket.add('send', 'old');
    await byHand(tasks, (stores) => {
      stores.tasks.get(1).addEventListener('success', (event) => {
        const row = (event.target as IDBRequest<object>).result;
        stores.tasks.put({ ...row, ready: 'D|send|1|send|1', attempts: 1, dead: { reason: 'permanent', at: 1 } });
      });
    });
    const before = await contentsOf(tasks);
    const left = [fate];
    recordTransactions({
      fate: ({ stores }) => (stores.includes('state') ? left.shift() : undefined),
    });

    return { tasks, basket, id, lose, before };
  }
  const changes = [
    ['update', (basket: Awaited<ReturnType<typeof opened>>['basket'], id: string) => basket.update(id, 'new'), true],
    ['cancel', (basket: Awaited<ReturnType<typeof opened>>['basket'], id: string) => basket.cancel(id), 1],
    ['retry', (basket: Awaited<ReturnType<typeof opened>>['basket'], id: string) => basket.retry(id), 1],
  ] as const;

  test.each(changes)('%s that was committed resolves', async (_, change, told) => {
    const { tasks, basket, id } = await changed('lied');

    expect(await change(basket, id)).toBe(told);
    expect((await rowsOf(tasks)).filter(({ ready }) => ready.startsWith('D'))).toEqual([]);
  });

  test.each(changes)(
    '%s that was not committed rejects with not-stored, and nothing was changed',
    async (_, change) => {
      const { tasks, basket, id } = await changed('aborted');
      const before = await contentsOf(tasks);

      const failure = await failureOf(change(basket, id));
      expect(failure).toMatchObject({ code: 'not-stored', cause: { name: 'AbortError' } });
      expect(await contentsOf(tasks)).toEqual(before);
    },
  );

  // (`update` reads before it writes.)
  test.each(changes.slice(1))(
    '%s of which nothing can be found out rejects with unknown-outcome',
    async (_, change) => {
      const { basket, id, lose } = await changed('lied');
      lose();

      const failure = await failureOf(change(basket, id));
      expect(failure.code).toBe('unknown-outcome');
      expect(failure.message).toMatch(/not known.*list/);
    },
  );
});
