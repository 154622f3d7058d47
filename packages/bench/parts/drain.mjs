/** Claim and settle of 10,000 tasks whose handlers do nothing, against reading and deleting rows. */
import { createSheet, turned } from '../sheet.mjs';

const cases = [
  ['plain', { count: 10_000, lanes: 0, bytes: 200 }],
  ['100 lanes', { count: 10_000, lanes: 100, bytes: 200 }],
  ['a lane each', { count: 10_000, lanes: 10_000, bytes: 200 }],
  ['6 gates × 3 priorities', { count: 10_000, lanes: 0, mixed: true, bytes: 200 }],
  ['10 KB, 2,000 plain', { count: 2_000, lanes: 0, bytes: 10_000 }],
  ['10 KB, 2,000 in 100 lanes', { count: 2_000, lanes: 100, bytes: 10_000 }],
];

const contenders = [
  ['raw getAll + delete each, 100 a transaction', { way: 'rawEach' }],
  ['raw getAll + delete as a range, 100 a transaction', { way: 'rawRange' }],
  ['raw getAll, one put, delete of those before, 64 a transaction', { way: 'rawClaim', size: 64 }],
  ['raw getAll, one put, delete of those before, 6 a transaction', { way: 'rawClaim', size: 6 }],
  ['the library, 64 at once', { way: 'library', concurrency: 64 }],
  ['the library, 6 at once', { way: 'library', concurrency: 6 }],
];

export async function measure(browsers, { runs = 3, wanted }) {
  const times = createSheet('claim and settle; µs a task');
  const transactions = createSheet('the same; transactions a task', { ratio: false });

  for (let run = 0; run < runs; run += 1) {
    await browsers.visit('drain', async (call) => {
      for (const [, contender] of contenders) await call('drain', { ...cases[1][1], count: 500, ...contender }); // Warm.
      for (const [column, options] of cases.filter(wanted)) {
        for (const [name, contender] of turned(contenders, run)) {
          const { ms, begun } = await call('drain', { ...options, ...contender });
          times.note(name, column, (ms * 1_000) / options.count);
          transactions.note(name, column, begun / options.count);
        }
      }
    });
    browsers.forget('drain');
  }

  times.print();
  transactions.print();
}
