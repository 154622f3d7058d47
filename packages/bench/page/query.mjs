import { defineTasks, openBasket, task } from 'taskbasket';

import { fillTasks, openBench, rowOf } from './library.mjs';
import { answer, freshName, openRaw, recordTransactions, write } from './raw.mjs';

const bytes = 200;
const rare = 10;
const others = { type: 'of another kind', gate: 'of another kind' };

/** Ten tasks of a type behind so many of another one: what each call by type costs, and how long an add waits beside them. */
export async function query({ count }) {
  const tasks = defineTasks(freshName('query'), { work: task(), beside: task() });
  const basket = openBasket(tasks);
  await basket.get('nothing yet');
  const db = await openRaw(tasks.name);
  await fillTasks({ db, tasks }, count, (number) => rowOf(number, bytes, others));
  await fillTasks({ db, tasks }, rare, (number) => rowOf(number, bytes));
  await basket.list({ type: 'work' }); // Warm.

  const found = {};
  /** The median of so many calls, one after the other. */
  const timed = async (name, call, times = 9) => {
    const figures = [];
    for (let time = 0; time < times; time += 1) {
      const began = performance.now();
      await call();
      figures.push(performance.now() - began);
    }
    found[`${name} (ms)`] = figures.toSorted((one, other) => one - other)[Math.floor(times / 2)];
  };
  await timed('list', () => basket.list({ type: 'work' }));
  await timed('count', () => basket.count({ type: 'work' }));
  await timed('retry', () => basket.retry({ type: 'work' }));

  found['longest add, alone (ms)'] = await longestAdd(basket, () => new Promise((resolve) => setTimeout(resolve, 500)));
  found['longest add beside 3 × 10 calls (ms)'] = await longestAdd(basket, async () => {
    for (let time = 0; time < 10; time += 1) {
      await basket.list({ type: 'work' });
      await basket.count({ type: 'work' });
      await basket.retry({ type: 'work' });
    }
  });
  await timed('cancel', () => basket.cancel({ type: 'work' }), 1);
  db.close();
  basket.close();

  return found;
}

/** The longest that one of many adds takes, each made when the one before is stored, while something else is done. */
async function longestAdd(basket, does) {
  const done = new AbortController();
  let longest = 0;
  const adding = (async () => {
    while (!done.signal.aborted) {
      const began = performance.now();
      await basket.add('beside', 1);
      longest = Math.max(longest, performance.now() - began);
    }
  })();
  await does();
  done.abort();
  await adding;

  return longest;
}

/** Tasks that wait, explained one by one at the same time, and by a watch, against one look at a list of them. */
export async function explains({ count }) {
  const bench = await openBench(freshName('explains'));
  await fillTasks(bench, count, (number) => rowOf(number, bytes, { lane: `lane ${number}` }));
  const { basket } = bench;
  const ids = (await basket.list()).map(({ id }) => id);
  const timed = async (call) => {
    const record = recordTransactions();
    const began = performance.now();
    await call();
    const ms = performance.now() - began;
    record.stop();

    return { ms, transactions: record.kept.length };
  };
  const watched = (options) =>
    new Promise((resolve) => {
      const end = basket.watch({}, options).subscribe(({ loaded }) => {
        if (loaded) queueMicrotask(() => resolve(end()));
      });
    });
  const found = {
    list: await timed(() => basket.list()),
    'explain, each': await timed(() => Promise.all(ids.map((id) => basket.explain(id)))),
    'a watch with reasons': await timed(() => watched({ reasons: true })),
    get: await timed(() => basket.get(ids[0])),
  };
  await write(bench.db, bench.tasks.stores[3], (transaction) => {
    const state = transaction.objectStore(bench.tasks.stores[3]);
    const gate = { step: 9, until: Date.now() + 3_600_000, reason: 'It is away.', by: 'nobody' };
    for (let number = 0; number < 1_000; number += 1) {
      state.put({ ...gate, name: `gate ${number}` }, `gate:gate ${number}`);
    }
  });
  await answer(bench.db.transaction(bench.tasks.stores[3]).objectStore(bench.tasks.stores[3]).count());
  found['get, beside 1,000 gates'] = await timed(() => basket.get(ids[0]));
  bench.db.close();
  basket.close();

  return found;
}
