import { afterEach, expect, test, vi } from 'vitest';

import { defineTasks, task } from '../../src/pure/registry.js';
import { contentsOf, freshName } from '../support/database.js';
import { createGate, createWorld } from '../support/world.js';

afterEach(() => {
  vi.restoreAllMocks();
});

/** A task of each size that ends in one turn; the turns begun with `fails` are aborted, whatever they write. */
async function endedTogether(sizes: readonly number[], fails: (turn: number) => boolean) {
  const tasks = defineTasks(freshName(), { make: task<number, string>() });
  const world = createWorld();
  const [tab, page] = [world.open(tasks), world.open(tasks)];
  const answer = createGate();
  const ids = await tab.basket.addMany(sizes.map((size) => ['make', size] as const));
  tab.run({
    async make(size) {
      await answer.promise;

      return 'x'.repeat(size);
    },
  });
  await world.settle();
  let turn = 0;
  tab.at('turn:requests', (transaction) => {
    turn += 1;
    if (fails(turn)) transaction?.abort();
  });
  answer.open();
  await world.advance(300_000);

  return Promise.all(ids.map((id) => page.basket.settled(id)));
}

test.each([1, 2, 3, 4, 6, 9])(
  'a result is kept after %d turns that failed for a reason that is not its own',
  async (fails) => {
    const [end] = await endedTogether([5], (turn) => turn <= fails);

    expect(end).toEqual({ state: 'done', result: 'xxxxx' });
  },
);

test.each([
  ['first', [1, 3]],
  ['second', [2, 4]],
  ['first two of each three', [1, 2, 4, 5]],
] as const)('a result is kept if only now and then a turn fails: the %s', async (_, failing) => {
  const ends = await endedTogether([5, 6], (turn) => failing.some((one) => one === turn));

  expect(ends.map(({ state, ...more }) => [state, 'result' in more])).toEqual([
    ['done', true],
    ['done', true],
  ]);
});

/** As a disk does that has no room for a large value, and for others has. */
function refuseLarge(): void {
  // oxlint-disable-next-line typescript/unbound-method -- called with its own store below
  const { add } = IDBObjectStore.prototype;
  const refused = new WeakSet<IDBTransaction>();
  vi.spyOn(IDBObjectStore.prototype, 'add').mockImplementation(function (this: IDBObjectStore, value: unknown) {
    const request = add.call(this, value);
    const { result } = value as { result?: string };
    const { transaction } = this;
    if (typeof result === 'string' && result.length > 1_000 && !refused.has(transaction)) {
      refused.add(transaction);
      queueMicrotask(() => transaction.abort());
    }

    return request;
  });
}

test('a large result that the disk refuses takes no small one of the same turn with it', async () => {
  refuseLarge();
  const ends = await endedTogether([1, 5_000, 2, 6_000, 3], () => false);

  expect(ends).toMatchObject([
    { result: 'x' },
    { state: 'done' },
    { result: 'xx' },
    { state: 'done' },
    { result: 'xxx' },
  ]);
  expect(ends[1]).toMatchObject({ result: undefined });
});

test('a second large result, after one that was refused and given up, costs no small one either', async () => {
  refuseLarge();
  const tasks = defineTasks(freshName(), { make: task<number, string>() });
  const world = createWorld();
  const [tab, page] = [world.open(tasks), world.open(tasks)];
  tab.run({ make: (size) => 'x'.repeat(size) });
  for (const size of [5_000, 1, 6_000, 2]) {
    await tab.basket.add('make', size);
    await world.advance(60_000);
  }

  const { outcomes, tasks: left } = await contentsOf(tasks);
  expect(left).toEqual([]);
  expect(outcomes.map(({ result, unstorable }) => result ?? unstorable)).toEqual([
    'It was refused when it was written.',
    'x',
    'It was refused when it was written.',
    'xx',
  ]);
  expect(await page.basket.settled(outcomes[3]?.id ?? '')).toEqual({ state: 'done', result: 'xx' });
});

test.each(['at once', 'with its answer'])(
  'a result is as its handler returned it %s, also if the next handler changes the same object',
  async (when) => {
    const tasks = defineTasks(freshName(), { count: task<number, { readonly total: number }>() });
    const world = createWorld();
    const { basket, run } = world.open(tasks);
    const sum = { total: 0 };
    const answers = [createGate(), createGate()];
    const add = (number: number): typeof sum => {
      sum.total += number;

      return sum;
    };
    const ids = await basket.addMany([0, 1].map((number) => ['count', number] as const));
    run({ count: (place) => (when === 'at once' ? add(1) : (answers[place]?.promise.then(() => add(1)) ?? sum)) });
    await world.settle();
    for (const answer of answers) {
      answer.open();
      // Both attempts end in one turn.
      for (let ticks = 0; ticks < 20; ticks += 1) await Promise.resolve();
    }
    await world.settle();

    const ends = await Promise.all(ids.map((id) => basket.settled(id)));
    expect(ends).toEqual([1, 2].map((total) => ({ state: 'done', result: { total } })));
  },
);
