/**
 * Ten tasks of a type among many of another one, against a store in which they are alone; and fifty explanations at once.
 */
import { createSheet, turned } from '../sheet.mjs';

const stores = [
  ['those 10 alone', 0],
  ['10 among 100,000 others', 100_000],
];

export async function measure(browsers, { runs = 3 }) {
  const queries = createSheet('calls by type that find 10 tasks');
  const reasons = createSheet('50 tasks that wait');

  for (let run = 0; run < runs; run += 1) {
    for (const [name, count] of run === 0 ? stores : turned(stores, run)) {
      const found = await browsers.visit('query', (call) => call('query', { count }));
      browsers.forget('query');
      for (const [column, figure] of Object.entries(found)) queries.note(name, column, figure);
    }
    const explained = await browsers.visit('explains', (call) => call('explains', { count: 50 }));
    browsers.forget('explains');
    for (const [name, { ms, transactions }] of Object.entries(explained)) {
      reasons.note(name, 'ms', ms);
      reasons.note(name, 'transactions', transactions);
    }
  }

  queries.print();
  reasons.print();
}
