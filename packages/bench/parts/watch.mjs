/**
 * A watch of 100 payloads while 20 tasks a second are done: the longest time in which the page can do nothing else. And how
 * long after an add a watch of 200 tasks shows it, while others run.
 */
import { createSheet, median, turned } from '../sheet.mjs';

const sizes = [
  ['200 KB each', 200_000],
  ['10 KB each', 10_000],
];
const cases = [
  ['no watch', false],
  ['a watch', true],
];
const shown = [
  ['nothing runs', 0],
  ['600 tasks run', 600],
];

export async function measure(browsers, { runs = 3, wanted }) {
  const gaps = createSheet('100 tasks wait, 20 a second are done for 5 s; the longest task of the page, ms');
  const reads = createSheet('payloads of waiting tasks that the watch reads, and decodes, after it has shown them', {
    ratio: false,
  });
  const lags = createSheet('from the end of an add until a watch of 200 tasks shows its task, ms');

  for (let run = 0; run < runs; run += 1) {
    for (const [size, bytes] of sizes.filter(wanted)) {
      for (const [name, watched] of turned(cases, run)) {
        const found = await browsers.visit('watch', (call) => call('watch', { watched, count: 100, bytes, ms: 5_000 }));
        browsers.forget('watch');
        gaps.note(name, size, found.longest);
        if (watched) reads.note('read', size, found.read);
        if (watched) reads.note('decoded', size, found.decoded);
      }
    }
  }

  for (let run = 0; run < runs; run += 1) {
    for (const [name, running] of turned(shown, run)) {
      const found = await browsers.visit('watch', (call) => call('shownAfter', { count: 200, running }));
      browsers.forget('watch');
      lags.note(name, 'median of ten', median(found));
      lags.note(name, 'longest of ten', Math.max(...found));
    }
  }

  gaps.print();
  reads.print();
  lags.print();
}
