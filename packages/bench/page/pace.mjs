import { fillTasks, laneOf, openBench, rowOf } from './library.mjs';
import { freshName } from './raw.mjs';
import { defineTasks, openBasket, task } from 'taskbasket';
import { runBasket } from 'taskbasket/worker';

const waited = (ms) => new Promise((resolve) => setTimeout(resolve, ms));

/** How long tasks take that wait for so many milliseconds each, so many at once: with the library, or without a store. */
export async function pace({ way, count, lanes, work, concurrency }) {
  if (way === 'none') return paceOfNone({ count, lanes, work, concurrency });

  const bench = await openBench(freshName('basket'));
  await fillTasks(bench, count, (number) => rowOf(number, 200, laneOf(number, lanes)));
  const stop = new AbortController();
  let done = 0;
  const began = performance.now();
  await runBasket(
    bench.basket,
    {
      async work() {
        await waited(work);
        done += 1;
        if (done === count) stop.abort();
      },
    },
    { concurrency, signal: stop.signal },
  );
  const ms = performance.now() - began;
  bench.db.close();
  bench.basket.close();

  return ms;
}

/** The same without a store: the first in line whose lane is free goes next. */
async function paceOfNone({ count, lanes, work, concurrency }) {
  const line = Array.from({ length: count }, (_, number) => number);
  const taken = new Set();
  const began = performance.now();
  const slot = async () => {
    for (;;) {
      const place = line.findIndex((number) => lanes === 0 || !taken.has(number % lanes));
      if (place === -1) return;
      const [number] = line.splice(place, 1);
      taken.add(number % lanes);
      await waited(work);
      taken.delete(number % lanes);
    }
  };
  await Promise.all(Array.from({ length: concurrency }, slot));

  return performance.now() - began;
}

/** From an add to the start of its handler, in milliseconds, after so many gates were used once. */
export async function startAfterGates({ gates, adds }) {
  const tasks = defineTasks(freshName('basket'), { work: task({ gate: (gate) => gate }) });
  const basket = openBasket(tasks);
  const stop = new AbortController();
  let started = () => undefined;
  let left = gates;
  const used = new Promise((resolve) => {
    if (gates === 0) resolve();
    started = () => {
      left -= 1;
      if (left === 0) resolve();
    };
  });
  const running = runBasket(basket, { work: () => started() }, { concurrency: 64, signal: stop.signal });
  for (let first = 0; first < gates; first += 1_000) {
    const some = Array.from({ length: Math.min(1_000, gates - first) }, (_, place) => `gate ${first + place}`);
    await basket.addMany(some.map((gate) => ['work', gate]));
  }
  await used;
  await waited(1_000);

  const times = [];
  for (let add = 0; add < adds; add += 1) {
    const ran = new Promise((resolve) => {
      started = () => resolve(performance.now());
    });
    const began = performance.now();
    await basket.add('work', 'the last gate');
    times.push((await ran) - began);
    await waited(50);
  }
  stop.abort();
  await running;
  basket.close();

  return times.sort((one, other) => one - other)[Math.floor(adds / 2)];
}
