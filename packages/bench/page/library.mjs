/** The library as an app uses it, and rows of its form for filling: `newRow` makes them, as an add does. */
import { defineTasks, openBasket, task } from 'taskbasket';
import { runBasket } from 'taskbasket/worker';

import { createIds } from '../../core/dist/ports/ids.js';
import { newRow } from '../../core/dist/pure/record.js';
import { payloadOf } from './payload.mjs';
import { answer, fillStore, openRaw, write } from './raw.mjs';

const newId = createIds((count) => crypto.getRandomValues(new Uint8Array(count)));

/** A basket with one task type. Nothing is opened yet. */
export function basketOf(name) {
  const tasks = defineTasks(name, { work: task() });

  return { tasks, basket: openBasket(tasks) };
}

/** A basket whose database is there, with a second, raw connection to it. */
export async function openBench(name) {
  const { tasks, basket } = basketOf(name);
  await basket.get('nothing yet');

  return { tasks, basket, db: await openRaw(name) };
}

/** A row as an add of the type `work` makes it, with what is said to be different. */
export function rowOf(number, bytes, different = {}) {
  const payload = { inline: payloadOf(bytes, number) };
  const plain = { type: 'work', version: 1, owner: null, gate: 'work', priority: 1, addedAt: Date.now(), payload };

  return newRow({ id: newId(), ...plain, ...different });
}

/** Fills the store of tasks with what `row` makes of 0, 1, 2 …: payloads in the row. */
export async function fillTasks({ db, tasks }, count, row) {
  await fillStore(db, tasks.stores[0], count, row);
}

/** Fills through `addTx`: for payloads that lie apart from their rows. */
export async function fillByAddTx({ db, tasks, basket }, count, bytes, lanes) {
  const size = 1_000;
  for (let first = 0; first < count; first += size) {
    await write(
      db,
      tasks.stores,
      (transaction) => {
        for (let number = first; number < Math.min(count, first + size); number += 1) {
          basket.addTx(transaction, 'work', payloadOf(bytes, number), laneOf(number, lanes));
        }
      },
      'relaxed',
    );
  }
}

export function laneOf(number, lanes) {
  return lanes === 0 ? {} : { lane: `lane ${number % lanes}` };
}

/** One of six gates and one of three priorities, so that 18 routes and priorities lie side by side. */
export function mixedOf(number) {
  return { gate: `gate ${number % 6}`, priority: Math.floor(number / 6) % 3 };
}

/** Runs the basket until its handler was called so many times and each end is settled. */
export async function runUntil({ basket }, count, concurrency) {
  const stop = new AbortController();
  const running = startRunning({ basket }, count, concurrency, stop.signal);
  await running.handled;
  stop.abort();
  await running.stopped;
}

/**
 * Runs the basket until the signal aborts. `handled` resolves when the handler was called so many times, `stopped` when each
 * end is settled; `times` holds when the first and the last of those calls was.
 */
export function startRunning({ basket }, count, concurrency, signal) {
  const times = { first: Number.NaN, last: Number.NaN };
  let calls = 0;
  let reached;

  const enough = new Promise((resolve) => {
    reached = resolve;
  });
  const stopped = runBasket(
    basket,
    {
      work() {
        calls += 1;
        if (calls === 1) times.first = performance.now();
        if (calls !== count) return;
        times.last = performance.now();
        reached(undefined);
      },
    },
    { concurrency, signal },
  );

  return { handled: Promise.race([enough, stopped]), stopped, times };
}

/** How many tasks are left. */
export function left({ db, tasks }) {
  return answer(db.transaction(tasks.stores[0]).objectStore(tasks.stores[0]).count());
}
