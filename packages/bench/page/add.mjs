import { laneOf, openBench } from './library.mjs';
import { payloadOf } from './payload.mjs';
import { freshName, openRaw, write } from './raw.mjs';

/** Milliseconds for so many adds, in a database of their own. */
export async function add({ way, count, bytes }) {
  const payloads = Array.from({ length: count }, (_, number) => payloadOf(bytes, number));
  const { run, close } = await ways[way]();
  const began = performance.now();
  await run(payloads);
  const ms = performance.now() - began;
  close();

  return ms;
}

/** Milliseconds for one add: the median of so many, one after the other, in one database. */
export async function addOne({ way, bytes, times }) {
  const { run, close } = await ways[way]();
  const figures = [];
  for (let number = 0; number < times; number += 1) {
    const payload = payloadOf(bytes, number);
    const began = performance.now();
    await run([payload]);
    figures.push(performance.now() - began);
  }
  close();

  return figures.toSorted((one, other) => one - other)[Math.floor(times / 2)];
}

const ways = {
  async rawGivenKeys() {
    const db = await openRaw(freshName('raw'), {});
    let key = 0;

    return rawWay(db, (payloads) =>
      write(db, 'rows', (transaction) => {
        const rows = transaction.objectStore('rows');
        for (const payload of payloads) rows.put(payload, (key += 1));
      }),
    );
  },

  async rawAutoIncrement() {
    const db = await openRaw(freshName('raw'), { keyPath: 'seq', autoIncrement: true });

    return rawWay(db, (payloads) =>
      write(db, 'rows', (transaction) => {
        const rows = transaction.objectStore('rows');
        for (const payload of payloads) rows.add({ payload });
      }),
    );
  },

  /** What any queue costs that finds its rows by state and by id: not one of our fields, and the least of keys. */
  async rawIndexed() {
    const db = await openRaw(freshName('raw'), { keyPath: 'seq', autoIncrement: true }, (rows) => {
      rows.createIndex('ready', ['ready', 'seq']);
      rows.createIndex('marks', 'marks', { multiEntry: true });
    });

    return rawWay(db, (payloads) =>
      write(db, 'rows', (transaction) => {
        const rows = transaction.objectStore('rows');
        for (const [n, payload] of payloads.entries()) rows.add({ ready: 'F', marks: [`I${n}`], payload });
      }),
    );
  },

  async rawAwaited() {
    const db = await openRaw(freshName('raw'), {});

    return rawWay(db, async (payloads) => {
      for (const [key, payload] of payloads.entries()) await putOne(db, payload, key);
    });
  },

  async rawAtOnce() {
    const db = await openRaw(freshName('raw'), {});

    return rawWay(db, (payloads) => Promise.all(payloads.map((payload, key) => putOne(db, payload, key))));
  },

  async addTx() {
    return libraryWay(({ db, tasks, basket }, payloads) => inOneTransaction(db, tasks, basket, payloads, 0));
  },

  async addTxLanes() {
    return libraryWay(({ db, tasks, basket }, payloads) => inOneTransaction(db, tasks, basket, payloads, 100));
  },

  async addAwaited() {
    return libraryWay(async ({ basket }, payloads) => {
      for (const payload of payloads) await basket.add('work', payload);
    });
  },

  async addAtOnce() {
    return libraryWay(({ basket }, payloads) => Promise.all(payloads.map((payload) => basket.add('work', payload))));
  },
};

function putOne(db, payload, key) {
  return write(db, 'rows', (transaction) => void transaction.objectStore('rows').put(payload, key));
}

function inOneTransaction(db, tasks, basket, payloads, lanes) {
  return write(db, tasks.stores, (transaction) => {
    for (const [number, payload] of payloads.entries()) {
      basket.addTx(transaction, 'work', payload, laneOf(number, lanes));
    }
  });
}

function rawWay(db, run) {
  return { run, close: () => db.close() };
}

async function libraryWay(run) {
  const bench = await openBench(freshName('basket'));

  return {
    run: (payloads) => run(bench, payloads),

    close() {
      bench.db.close();
      bench.basket.close();
    },
  };
}
