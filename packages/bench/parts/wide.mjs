/**
 * While a body of 200 MB is written: what small adds wait, and a call with a payload of 2 KB. The first row is the control
 * of both columns: the longest wait of a small add beside the body alone.
 */
import { createSheet, turned } from '../sheet.mjs';

const cases = [
  ['the body alone', 'alone'],
  ['a task with 2 KB is settled', 'settle'],
  ['a payload of 2 KB is saved', 'save'],
  ['update with 2 KB', 'update'],
  ['cancel of a task with 2 KB', 'cancel'],
  ['add of 2 KB', 'add'],
];

export async function measure(browsers, { runs = 3 }) {
  const sheet = createSheet('beside a body of 200 MB; ms');

  for (let run = 0; run < runs; run += 1) {
    for (const [name, what] of run === 0 ? cases : [cases[0], ...turned(cases.slice(1), run)]) {
      // A browser for each: Chromium may have no room for the third Blob of this size, and gives back one that cannot be read.
      await browsers.visit('wide', async (call) => {
        await call('wide', { what, mb: 1 }); // So that all code is warm.
        const { small, call: took } = await call('wide', { what, mb: 200 });
        sheet.note(name, 'longest wait of a small add', small);
        if (what !== 'settle') sheet.note(name, 'the call', took ?? small);
      });
      browsers.forget('wide');
    }
  }

  sheet.print();
}
