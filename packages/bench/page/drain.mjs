import { fillByAddTx, fillTasks, laneOf, left, mixedOf, openBench, rowOf, runUntil } from './library.mjs';
import { payloadOf } from './payload.mjs';
import { answer, completed, fillStore, freshName, openRaw, recordTransactions } from './raw.mjs';

/** Fills a database of its own and empties it: milliseconds, and how many transactions it took. */
export function drain(options) {
  return options.way === 'library' ? drainLibrary(options) : drainRaw(options);
}

/** From the call of `runBasket` to its end: take-over, survey and the last settle are in it. */
async function drainLibrary({ count, lanes, mixed = false, bytes, concurrency }) {
  const bench = await openBench(freshName('basket'));
  const different = (number) => (mixed ? mixedOf(number) : laneOf(number, lanes));
  if (bytes < 1_000) await fillTasks(bench, count, (number) => rowOf(number, bytes, different(number)));
  else await fillByAddTx(bench, count, bytes, lanes);

  const record = recordTransactions();
  const began = performance.now();
  await runUntil(bench, count, concurrency);
  const ms = performance.now() - began;
  record.stop();

  if ((await left(bench)) !== 0) throw new Error('Not every task was settled.');
  bench.db.close();
  bench.basket.close();

  return { ms, begun: record.kept.length };
}

/** `rawClaim` is the least that claims cost: all that is claimed is written into one record, and deleted in the next transaction. */
async function drainRaw({ way, count, bytes, size = 100 }) {
  const db = await openRaw(freshName('raw'), { keyPath: 'seq', autoIncrement: true });
  await fillStore(db, 'rows', count, (number) => ({ payload: payloadOf(bytes, number) }));

  const record = recordTransactions();
  const began = performance.now();
  let last = 0;
  let claimed = [];
  for (let done = 0; done < count;) {
    const transaction = db.transaction('rows', 'readwrite', { durability: 'strict' });
    const end = completed(transaction);
    const store = transaction.objectStore('rows');
    const rows = await answer(store.getAll(IDBKeyRange.lowerBound(last, true), size));
    if (way === 'rawClaim') {
      for (const { seq } of claimed) store.delete(seq);
      store.put({ seq: 0, claims: rows.map(({ seq }) => seq) });
      claimed = rows;
    } else if (way === 'rawEach') for (const { seq } of rows) store.delete(seq);
    else store.delete(IDBKeyRange.bound(rows[0].seq, rows.at(-1).seq));
    transaction.commit();
    await end;
    done += rows.length;
    last = rows.at(-1).seq;
  }
  const ms = performance.now() - began;
  record.stop();
  db.close();

  return { ms, begun: record.kept.length };
}
