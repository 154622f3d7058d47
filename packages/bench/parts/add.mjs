/** What an add costs, against puts. Adds that are made at once share a transaction. */
import { createSheet, turned } from '../sheet.mjs';

/** One transaction for all: quick, so measured several times in each run. `one`: also measured for a single add. */
const inOne = [
  { name: 'raw, one transaction, two indexes as ours', way: 'rawIndexed', one: true },
  { name: 'add, all at once', way: 'addAtOnce', one: false },
  { name: 'addTx, one transaction', way: 'addTx', one: true },
  { name: 'addTx, one transaction, 100 lanes', way: 'addTxLanes', one: false },
  { name: 'raw, one transaction, no index', way: 'rawAutoIncrement', one: true },
  { name: 'raw, one transaction, no index, given keys', way: 'rawGivenKeys', one: true },
];

const each = [
  { name: 'raw, a transaction each, awaited', way: 'rawAwaited', one: false },
  { name: 'raw, a transaction each, all at once', way: 'rawAtOnce', one: false },
  { name: 'add, awaited', way: 'addAwaited', one: true },
];

/** @type {readonly (readonly [column: string, bytes: number])[]} */
const sizes = [
  ['1,000 × 200 B', 200],
  ['1,000 × 10 KB', 10_000],
];

const rounds = 5;

export async function measure(browsers, { runs = 3, wanted }) {
  const sheet = createSheet('add; ms for the whole batch');

  for (let run = 0; run < runs; run += 1) {
    await browsers.visit('add', async (call) => {
      for (const { way } of [...inOne, ...each]) await call('add', { way, count: 200, bytes: 200 }); // So that all code is warm.

      for (let round = 0; round < rounds; round += 1) {
        const contenders = turned(round === 0 ? [...inOne, ...each] : inOne, run + round);
        // One size after the other: the disk is still busy with large ones while the next contender begins.
        for (const { name, way } of contenders.filter(({ one }) => one)) {
          sheet.note(name, '1 × 200 B', await call('addOne', { way, bytes: 200, times: 40 }));
        }
        for (const [column, bytes] of sizes.filter(wanted)) {
          for (const { name, way } of contenders) {
            sheet.note(name, column, await call('add', { way, count: 1_000, bytes }));
          }
        }
      }
    });
    browsers.forget('add');
  }

  sheet.print();
}
