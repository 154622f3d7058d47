import { fillTasks, openBench, rowOf } from './library.mjs';
import { freshName, recordTransactions } from './raw.mjs';

const bytes = 200;
const rare = 10;
const others = { type: 'of another kind', gate: 'of another kind' };

/** Ten tasks of a type behind so many of another one: what each call by type costs, and how long its transactions take. */
export async function query({ count }) {
  const bench = await openBench(freshName('query'));
  await fillTasks(bench, count, (number) => rowOf(number, bytes, others));
  await fillTasks(bench, rare, (number) => rowOf(number, bytes));
  const { basket } = bench;
  await basket.list({ type: 'work' }); // Warm.

  const found = {};
  let longest = 0;
  for (const [name, call] of Object.entries({
    list: () => basket.list({ type: 'work' }),
    count: () => basket.count({ type: 'work' }),
    retry: () => basket.retry({ type: 'work' }),
    cancel: () => basket.cancel({ type: 'work' }),
  })) {
    const record = recordTransactions();
    const began = performance.now();
    await call();
    found[`${name} (ms)`] = performance.now() - began;
    longest = Math.max(longest, ...record.kept.map(({ begin, end }) => end - begin).filter(Number.isFinite));
    record.stop();
  }
  bench.db.close();
  basket.close();

  return { ...found, 'longest transaction (ms)': longest };
}

/** Tasks that wait, explained one by one at the same time, against one look at a list of them. */
export async function explains({ count }) {
  const bench = await openBench(freshName('explains'));
  await fillTasks(bench, count, (number) => rowOf(number, bytes, { lane: `lane ${number}` }));
  const { basket } = bench;
  const ids = (await basket.list()).map(({ id }) => id);
  const timed = async (call) => {
    const began = performance.now();
    await call();

    return performance.now() - began;
  };
  const list = await timed(() => basket.list());
  const explained = await timed(() => Promise.all(ids.map((id) => basket.explain(id))));
  bench.db.close();
  basket.close();

  return { list, explained };
}
