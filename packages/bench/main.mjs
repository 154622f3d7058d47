// `npm run bench`: the rough bench, run by hand. The built library against raw IndexedDB, in a real browser with its profile
// on disk. Trust the ratios: raw and library alternate within a run, and other work on the machine slows down both.
//
// A part is a file of `parts/` that exports `measure(browsers, options)`. It notes its control first: every other row of its
// sheet is printed with the ratio to that, of the same run. What it calls in the page lies in `page/`, see `page/index.mjs`.
//
//   --part=add,drain                 which parts; all by default
//   --cases=10 KB                    which columns: those whose name holds one of these texts (parts add, blocked, drain, pace)
//   --runs=3                         how often each case is measured; left out: 3 times, part blocked once
//   --rows=100000                    how many tasks lie there at the start (part start); 1000000 takes six minutes
//   --blocked=100000 --bytes=200     how many that cannot run lie in front, and how large their payloads are (part blocked)
import { readdirSync } from 'node:fs';
import { cpus, loadavg } from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureInstalled, findBrowser } from '../../scripts/setup.mjs';
import { Failure, isMain, main, run, seconds, tsc } from '../../scripts/steps.mjs';

/** The parts: each file of the folder is one, by its name. */
const parts = readdirSync(path.join(import.meta.dirname, 'parts'))
  .map((file) => path.basename(file, '.mjs'))
  .toSorted();

if (isMain(import.meta.url)) await main(bench);

async function bench() {
  const options = readOptions();
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

function readOptions() {
  const { values } = parseArgs({
    options: {
      part: { type: 'string', default: parts.join(',') },
      cases: { type: 'string', default: '' },
      runs: { type: 'string' },
      rows: { type: 'string', default: '100000' },
      blocked: { type: 'string', default: '100000' },
      bytes: { type: 'string', default: '200' },
    },
  });

  const names = values.part.split(',');
  const unknown = names.find((name) => !parts.includes(name));
  if (unknown !== undefined) {
    throw new Failure(`There is no part ${unknown}. The parts are ${parts.join(', ')}.`);
  }

  const texts = values.cases.split(',');

  return {
    parts: names,
    wanted: ([column]) => texts.some((text) => column.includes(text)),
    runs: values.runs === undefined ? undefined : count('runs', values.runs),
    rows: count('rows', values.rows),
    blocked: count('blocked', values.blocked),
    bytes: count('bytes', values.bytes),
  };
}

function count(name, text) {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;

  throw new Failure(`--${name} is a whole number from 1; this one is "${text}".`);
}
