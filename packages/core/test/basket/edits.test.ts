import { describe, expect, test } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import type { BasketContext } from '../../src/basket/context/context.js';
import { stampsKept } from '../../src/basket/changing/edit.js';
import { contentsOf, freshName } from '../support/database.js';
import type { Fate } from '../support/transactions.js';
import { recordTransactions } from '../support/transactions.js';
import { createGate, createWorld } from '../support/world.js';

const opened = async () => {
  const tasks = defineTasks(freshName(), { send: task<unknown>() });
  const world = createWorld();
  const tab = world.open(tasks);
  await tab.basket.list();

  return { tasks, world, tab, basket: tab.basket, other: world.open(tasks).basket };
};

const codeOf = (error: unknown): unknown => (error as { readonly code: unknown }).code;

/** Lets the next transaction of a command end so. `meanwhile` runs before a tab looks for it. */
function nextEnds(
  end: Fate,
  { context }: { readonly context: BasketContext },
  meanwhile: () => Promise<unknown>,
): void {
  let left = 1;
  recordTransactions({ fate: () => (left-- > 0 ? end : undefined) });
  const { database } = context;
  const { begin } = database;
  Object.assign(database, {
    async begin(...what: Parameters<typeof begin>) {
      if (what[0] === 'readonly') {
        Object.assign(database, { begin });
        await meanwhile();
      }

      return begin(...what);
    },
  });
}

describe('edits of one context take effect in the order of their calls', () => {
  test('two updates that are not awaited: the last one stays, whatever each weighs', async () => {
    const { basket } = await opened();
    const weights = [600, 20_000, 30_000, 10, 200_000, 300, 400_000, 5];
    for (const first of weights) {
      for (const last of weights) {
        const id = await basket.add('send', 'new');
        const ends = [basket.update(id, 'x'.repeat(first)), basket.update(id, 'y'.repeat(last))];

        expect(await Promise.all(ends)).toEqual([true, true]);
        expect((await basket.get(id))?.payload).toBe('y'.repeat(last));
      }
    }
  });

  test('an update whose codec is slow comes before the one that was called later, and holds up no other task', async () => {
    const gate = createGate();
    const encode = async (text: string): Promise<string> => {
      if (text === 'slow') await gate.promise;

      return text;
    };
    const tasks = defineTasks(freshName(), {
      send: task<string, void, string>({ codec: { encode, decode: (text) => text } }),
    });
    const { basket } = createWorld().open(tasks);
    const [one, two] = await basket.addMany([
      ['send', 'a'],
      ['send', 'b'],
    ]);

    const ends = [basket.update(one, 'slow'), basket.update(one, 'last')];
    expect(await basket.update(two, 'other')).toBe(true);
    gate.open();
    await Promise.all(ends);

    expect((await basket.list()).map(({ payload }) => payload)).toEqual(['last', 'other']);
  });

  test('an update and then a cancel: the update is told as done, and the task is gone', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', 1);

    expect(await Promise.all([basket.update(id, 'x'.repeat(20_000)), basket.cancel(id)])).toEqual([true, 1]);
    expect(await basket.get(id)).toBeUndefined();
  });

  test('an update, a cancel of all, and an update: the second update finds no task', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', 1);

    expect(await Promise.all([basket.update(id, 2), basket.cancel({}), basket.update(id, 3)])).toEqual([
      true,
      1,
      false,
    ]);
  });

  test('one that is refused stops none that follows', async () => {
    const { basket } = await opened();
    const id = await basket.add('send', 1);
    const [refused, stored] = await Promise.allSettled([basket.update(id, () => 1), basket.update(id, 2)]);

    expect(refused.status).toBe('rejected');
    expect(stored).toEqual({ status: 'fulfilled', value: true });
  });

  test('two saves of one attempt: the last one stays, though its codec is quicker', async () => {
    const gate = createGate();
    const encode = async (text: string): Promise<string> => {
      if (text === 'slow') await gate.promise;

      return text;
    };
    const tasks = defineTasks(freshName(), {
      send: task<string, void, string>({ codec: { encode, decode: (text) => text } }),
    });
    const world = createWorld();
    const tab = world.open(tasks);
    const id = await tab.basket.add('send', 'first');
    tab.run({
      async send(_, attempt) {
        const saves = [attempt.save('slow'), attempt.save('quick')];
        gate.open();
        await Promise.all(saves);
        throw new Error('again');
      },
    });
    await world.settle();

    expect((await tab.basket.get(id))?.payload).toBe('quick');
  });
});

describe('a command that was committed, and whose end is told wrongly,', () => {
  test('is told as done, although another tab edits before it is looked for', async () => {
    const { tasks, tab, basket, other } = await opened();
    const [one, two] = await basket.addMany([
      ['send', 1],
      ['send', 2],
    ]);
    nextEnds('lied', tab, () => other.cancel(two));

    expect(await basket.cancel(one)).toBe(1);
    expect((await contentsOf(tasks)).tasks).toEqual([]);
  });

  test('is told as done if two are lost together: two cancels, two updates, two retries', async () => {
    const { tasks, basket } = await opened();
    const [one, two] = await basket.addMany([
      ['send', 1],
      ['send', 2],
    ]);
    recordTransactions({ fate: () => 'lied' });
    expect(await Promise.all([basket.update(one, 3), basket.update(two, 4)])).toEqual([true, true]);
    expect(await Promise.all([basket.retry(one), basket.retry(two)])).toEqual([1, 1]);
    expect(await Promise.all([basket.cancel(one), basket.cancel(two)])).toEqual([1, 1]);
    expect((await contentsOf(tasks)).tasks).toEqual([]);
  });

  test.each([
    [62, 1],
    [63, 1],
    [64, 'unknown-outcome'],
    [228, 'unknown-outcome'],
  ])('after %i edits of another tab resolves with, or rejects with, %s', async (edits, told) => {
    expect(stampsKept).toBe(64 * 12);
    const { tab, basket, other } = await opened();
    const ids = await Promise.all(Array.from({ length: 70 }, (_, number) => basket.add('send', number)));
    for (const id of ids.slice(1, 66)) await basket.update(id, 'x');
    nextEnds('lied', tab, async () => {
      for (let edit = 0; edit < edits; edit += 1) await other.update(ids[69] ?? '', edit);
    });

    expect(await basket.cancel(ids[0] ?? '').catch(codeOf)).toBe(told);
  });

  test('and was not committed, is told as not stored, although another tab edits before it is looked for', async () => {
    const { tab, basket, other } = await opened();
    const [one, two] = await basket.addMany([
      ['send', 1],
      ['send', 2],
    ]);
    nextEnds('aborted', tab, () => other.cancel(two));

    expect(await basket.cancel(one).catch(codeOf)).toBe('not-stored');
    expect(await basket.get(one)).toBeDefined();
  });
});
