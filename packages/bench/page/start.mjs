import { basketOf, fillTasks, openBench, rowOf, startRunning } from './library.mjs';
import { payloadOf } from './payload.mjs';
import { answer, completed, fillStore, openRaw, recordTransactions } from './raw.mjs';

const basketName = 'basket';
const rawName = 'raw';
const bytes = 200;

export async function fillLibrary({ count }) {
  const bench = await openBench(basketName);
  await fillTasks(bench, count, (number) => rowOf(number, bytes));
  bench.db.close();
  bench.basket.close();
}

export async function fillRaw({ count }) {
  const db = await openRaw(rawName, { keyPath: 'seq', autoIncrement: true });
  await fillStore(db, 'rows', count, (number) => ({ payload: payloadOf(bytes, number) }));
  db.close();
}

/** The browser's own open, then the same steps as the library's: read 6 rows in a transaction that writes, and commit. */
export async function startRaw() {
  const began = performance.now();
  const db = await openRaw(rawName);
  const opened = performance.now();
  const transaction = db.transaction('rows', 'readwrite', { durability: 'strict' });
  const done = completed(transaction);
  const rows = transaction.objectStore('rows');
  const [row] = await answer(rows.getAll(undefined, 6));
  rows.put(row);
  transaction.commit();
  await done;
  const committed = performance.now();
  db.close();

  return { open: opened - began, 'then: first claim committed': committed - opened };
}

/** The browser's own open, by a raw connection, so that it is not in the runner's figures; then the runner. */
export async function startLibrary() {
  const began = performance.now();
  const db = await openRaw(basketName);
  const opened = performance.now();

  const stop = new AbortController();
  const record = recordTransactions();
  const bench = basketOf(basketName);
  const running = startRunning(bench, 6, 6, stop.signal);
  await running.handled;
  record.stop();
  const [takeOver, turn] = record.kept;
  stop.abort();
  await running.stopped;
  db.close();
  bench.basket.close();

  return {
    open: opened - began,
    'then: taken over': takeOver.end - opened,
    'then: first turn (survey and claim)': turn.end - takeOver.end,
    'then: first claim committed': running.times.first - opened,
  };
}
