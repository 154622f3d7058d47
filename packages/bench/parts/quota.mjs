/** A thousand adds that find no room, beside one. */
import { createSheet } from '../sheet.mjs';

const kinds = [
  ['10 KB each', { bytes: 10_000, blobs: false }],
  ['Blobs of 100 KB', { bytes: 100_000, blobs: true }],
];
const counts = [
  ['one add', 1],
  ['1,000 adds at once', 1_000],
];

export async function measure(browsers, { runs = 3, wanted }) {
  const times = createSheet('adds that find no room; ms until all are told');
  const transactions = createSheet('the same; transactions', { ratio: false });

  for (let run = 0; run < runs; run += 1) {
    for (const [kind, options] of kinds.filter(wanted)) {
      for (const [name, count] of counts) {
        await browsers.visit('quota', async (call, setQuota) => {
          await call('openForQuota');
          await setQuota(1);
          await call('untilThereIsNoRoom');
          const found = await call('addWithoutRoom', { count, ...options });
          if (found.stored > 0) throw new Error(`${found.stored} adds found room.`);
          times.note(name, kind, found.ms);
          transactions.note(name, kind, found.transactions);
        });
        browsers.forget('quota');
      }
    }
  }

  times.print();
  transactions.print();
}
