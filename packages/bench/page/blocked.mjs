import { timedKey } from '../../core/dist/pure/key.js';
import { routeOf, stateKeys } from '../../core/dist/pure/record.js';
import { fillTasks, left, openBench, rowOf, startRunning } from './library.mjs';
import { freshName, recordTransactions, write } from './raw.mjs';

const free = 64;
const concurrency = 6;

/** Far away: nothing in front becomes due while this runs. */
const later = () => Date.now() + 3_600_000;

/**
 * Rows in front that cannot run, then 64 that can, of the same type and priority. Runs until it is quiet, which is after
 * the audit; then adds 64 more and runs again.
 */
export async function blocked({ kind, count, bytes }) {
  const bench = await openBench(freshName(kind));
  await fillTasks(bench, count, (number) => inFront[kind](number, bytes));
  if (kind === 'gate') await closeGate(bench);
  await fillTasks(bench, free, (number) => rowOf(number, 200));

  const first = await runOnce(bench, true);
  await fillTasks(bench, free, (number) => rowOf(number, 200));
  const second = await runOnce(bench, false);

  if ((await left(bench)) !== count) throw new Error('Something ran that cannot run, or something free did not.');
  bench.db.close();
  bench.basket.close();

  return {
    'first free one claimed (ms)': first.first,
    'until the 64th (ms)': first.last,
    'transactions until then': first.transactions,
    'longest transaction (ms)': first.longest,
    'until quiet, audit done (ms)': first.quiet,
    'transactions in all': first.transactionsInAll,
    'runner again: first claimed (ms)': second.first,
    'runner again: until the 64th (ms)': second.last,
  };
}

async function runOnce(bench, untilQuiet) {
  const stop = new AbortController();
  const record = recordTransactions();
  const began = performance.now();
  const running = startRunning(bench, free, concurrency, stop.signal);
  await running.handled;
  const transactions = record.kept.length;
  if (untilQuiet) await quiet(record);
  const kept = [...record.kept];
  record.stop();
  stop.abort();
  await running.stopped;

  return {
    first: running.times.first - began,
    last: running.times.last - began,
    transactions,
    longest: Math.max(...kept.map(({ begin, end }) => end - begin)),
    quiet: Math.max(...kept.map(({ end }) => end)) - began,
    transactionsInAll: kept.length,
  };
}

/** Resolves once no transaction has begun for half a second, and none is under way. */
async function quiet({ kept }) {
  for (;;) {
    const before = kept.length;
    await new Promise((resolve) => void setTimeout(resolve, 500));
    if (kept.length === before && kept.every(({ end }) => !Number.isNaN(end))) return;
  }
}

const inFront = {
  none: rowOf,
  lane: (number, bytes) => behindHead(number, bytes, 1),
  lanes: (number, bytes) => behindHead(number, bytes, 1_000),
  gate: (number, bytes) => rowOf(number, bytes, { gate: 'away' }),
  type: (number, bytes) => rowOf(number, bytes, { type: 'of another build', gate: 'of another build' }),
};

/** The first of each lane has failed, and waits by its backoff. */
function behindHead(number, bytes, lanes) {
  const row = rowOf(number, bytes, { lane: `lane ${number % lanes}` });
  if (number >= lanes) return row;

  const lastError = { name: 'Error', message: 'It failed.', at: row.addedAt };

  return { ...row, attempts: 1, failures: 1, lastError, ready: timedKey('@', routeOf(row), row.priority, later()) };
}

async function closeGate({ db, tasks }) {
  const gate = { name: 'away', step: 9, until: later(), reason: 'The destination is away.', by: 'nobody' };
  await write(db, tasks.stores, (transaction) => {
    transaction.objectStore(tasks.stores[3]).put(gate, stateKeys.gate(gate.name));
  });
}
