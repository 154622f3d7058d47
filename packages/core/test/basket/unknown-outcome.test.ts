import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { byHand, contentsOf, freshName, rowsOf } from '../support/database.js';
import type { Fate } from '../support/transactions.js';
import { recordTransactions } from '../support/transactions.js';
import { createWorld } from '../support/world.js';
import { failureOf } from './app.js';

const medium = 'x'.repeat(2_000);

async function opened() {
  const tasks = defineTasks(freshName(), { send: task<unknown>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();
  const { begin } = tab.context.database;

  /** From now on the database can't be read. */
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

  test('that was not committed is tried once more, and is there once', async () => {
    const { tasks, basket } = await opened();
    const recorded = fates('aborted');
    const ids = [await add(basket)].flat();

    const { tasks: rows, payloads } = await contentsOf(tasks);
    expect(rows.map(({ id }) => id)).toEqual(ids);
    expect(rows.filter(({ ref }) => ref !== undefined).every(({ ref }) => payloads.has(ref ?? ''))).toBe(true);
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

  test('that can not be looked for rejects with unknown-outcome and the id by which it is found later', async () => {
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
