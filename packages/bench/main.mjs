/**
 * `npm run bench`: the rough bench, run by hand. The built library against raw IndexedDB, in a real browser with its profile
 * on disk. Trust the ratios: raw and library alternate within a run, and other work on the machine slows down both.
 *
 * A part is a file of `parts/` that exports `measure(browsers, options)`. It notes its control first: every other row of its
 * sheet is printed with the ratio to that, of the same run. What it calls in the page lies in `page/`, see `page/index.mjs`.
 */
import { readdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';

import { readOptions, wholeNumber } from '../../scripts/options.mjs';
import { ensureInstalled, findBrowser } from '../../scripts/setup.mjs';
import { Failure, isMain, main, run, seconds, tsc } from '../../scripts/steps.mjs';

/** The parts: each file of the folder is one, by its name. */
const parts = readdirSync(path.join(import.meta.dirname, 'parts'))
  .map((file) => path.basename(file, '.mjs'))
  .toSorted();

if (isMain(import.meta.url)) await main(bench);

async function bench() {
  const options = chosen();
  await ensureInstalled();
  const browser = await findBrowser();
  const { code, output } = await run(process.execPath, [tsc(), '-p', 'packages/core/tsconfig.build.json']);
  if (code !== 0) throw new Failure(`The library does not build:\n${output.trim()}`);

  // Only now: what this imports may just have been installed.
  const { createBrowsers } = await import('./browser.mjs');
  const browsers = await createBrowsers(browser);
  const began = performance.now();
  try {
    console.log(`\n${await browsers.version()}, ${cpus().length} cores, load ${loadavg()[0].toFixed(1)}`);
    console.log('Transactions are strict, raw and library alike, unless a line says otherwise.');
    for (const name of options.parts) {
      const partBegan = performance.now();
      const { measure } = await import(`./parts/${name}.mjs`);
      await measure(browsers, options);
      console.log(`\n(${name}: ${seconds(partBegan)}, load ${loadavg()[0].toFixed(1)})`);
    }
  } finally {
    await browsers.close();
  }
  console.log(`\nAll in ${seconds(began)}.`);
}

function chosen() {
  const { values } = readOptions({
    command: 'npm run bench --',
    does:
      'Measures the built library against raw IndexedDB, in a real browser with its profile on disk. Trust the ratios: raw\n' +
      'and library alternate within a run, and other work on the machine slows down both.',
    options: {
      part: { value: 'PART,PART', default: parts.join(','), does: 'What is measured.' },
      cases: {
        value: 'TEXT,TEXT',
        does: 'Only columns whose name holds one of these texts (parts add, blocked, drain, pace).',
      },
      runs: { value: 'N', does: 'How often each case is measured. Default: 3 times, the part blocked once.' },
      rows: {
        value: 'N',
        default: '100000',
        does: 'How many tasks are stored at the start (part start). 1000000 take 6 min.',
      },
      blocked: { value: 'N', default: '100000', does: 'How many tasks that cannot run lie in front (part blocked).' },
      bytes: { value: 'N', default: '200', does: 'How large the payloads of those are (part blocked).' },
    },
    example: 'npm run bench -- --part=add --cases="10 KB"',
  });
  const { cases = '' } = values;

  const names = values.part.split(',');
  const unknown = names.find((name) => !parts.includes(name));
  if (unknown !== undefined) {
    throw new Failure(`There is no part ${unknown}. The parts are ${parts.join(', ')}.`);
  }

  const texts = cases.split(',');

  return {
    parts: names,
    wanted: ([column]) => texts.some((text) => column.includes(text)),
    runs: values.runs === undefined ? undefined : wholeNumber('runs', values.runs),
    rows: wholeNumber('rows', values.rows),
    blocked: wholeNumber('blocked', values.blocked),
    bytes: wholeNumber('bytes', values.bytes),
  };
}
