/**
 * Tasks of 20 ms, six at once, against the same without a store; and the start of a task after many gates were used.
 */
import { createSheet, turned } from '../sheet.mjs';

const shapes = [
  ['plain', { lanes: 0 }],
  ['100 lanes', { lanes: 100 }],
];
const contenders = [
  ['without a store', { way: 'none' }],
  ['the library', { way: 'library' }],
];

export async function measure(browsers, { runs = 3, wanted }) {
  const paces = createSheet('1,000 tasks of 20 ms, six at once; ms');
  const starts = createSheet('from add to start; ms');

  for (let run = 0; run < runs; run += 1) {
    await browsers.visit('pace', async (call) => {
      for (const [column, shape] of shapes.filter(wanted)) {
        for (const [name, contender] of turned(contenders, run)) {
          const ms = await call('pace', { count: 1_000, work: 20, concurrency: 6, ...shape, ...contender });
          paces.note(name, column, ms);
        }
      }
      for (const gates of [0, 1_000, 5_000]) {
        starts.note(`${gates} gates were used before`, 'median', await call('startAfterGates', { gates, adds: 20 }));
      }
    });
    browsers.forget('pace');
  }

  paces.print();
  starts.print();
}
