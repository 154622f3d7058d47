/** Many tasks in front that cannot run: how long until a free one behind them is claimed, and what comes after. */
import { createSheet, turned } from '../sheet.mjs';

const kinds = [
  ['nothing in front', 'none'],
  ['one lane, its head backs off', 'lane'],
  ['1,000 lanes, their heads back off', 'lanes'],
  ['a closed gate', 'gate'],
  ['an unknown type', 'type'],
];

export async function measure(browsers, { runs = 1, blocked, bytes, wanted }) {
  const sheet = createSheet(`${blocked.toLocaleString('en')} in front that cannot run, 64 free behind them; 6 at once`);

  for (let run = 0; run < runs; run += 1) {
    for (const [name, kind] of turned(kinds.filter(wanted), run)) {
      const found = await browsers.visit(kind, async (call) => {
        await call('drain', { way: 'library', concurrency: 6, count: 500, lanes: 10, bytes: 200 }); // Warm.

        return call('blocked', { kind, count: kind === 'none' ? 0 : blocked, bytes });
      });
      browsers.forget(kind);
      for (const [column, figure] of Object.entries(found)) sheet.note(name, column, figure);
    }
  }

  sheet.print();
}
