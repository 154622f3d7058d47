// What an add costs, against puts. Group commit is not built yet: each `add` has a transaction of its own.
import { createSheet, turned } from '../sheet.mjs';

const contenders = [
  ['raw, one transaction, given keys', 'rawGivenKeys'],
  ['raw, one transaction, in-line autoIncrement', 'rawAutoIncrement'],
  ['raw, a transaction each, awaited', 'rawAwaited'],
  ['raw, a transaction each, all at once', 'rawAtOnce'],
  ['addTx, one transaction', 'addTx'],
  ['addTx, one transaction, 100 lanes', 'addTxLanes'],
  ['add, awaited', 'addAwaited'],
  ['add, all at once', 'addAtOnce'],
];

const single = new Set(['rawGivenKeys', 'rawAutoIncrement', 'addTx', 'addAwaited']);

export async function measure(browsers, { runs }) {
  const sheet = createSheet('add; ms for the whole batch');

  for (let run = 0; run < runs; run += 1) {
    await browsers.visit('add', async (call) => {
      for (const [, way] of contenders) await call('add', { way, count: 100, bytes: 200 }); // So that all code is warm.
      for (const [name, way] of turned(contenders, run)) {
        if (single.has(way)) sheet.note(name, '1 × 200 B', await call('addOne', { way, bytes: 200, times: 40 }));
        sheet.note(name, '1,000 × 200 B', await call('add', { way, count: 1_000, bytes: 200 }));
        sheet.note(name, '1,000 × 10 KB', await call('add', { way, count: 1_000, bytes: 10_000 }));
      }
    });
    browsers.forget('add');
  }

  sheet.print();
}
