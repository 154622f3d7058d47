// `npm run bench`: the rough bench, run by hand. The built library against raw IndexedDB, in a real browser with its profile
// on disk. Trust the ratios: raw and library alternate within a run, and other work on the machine slows down both.
//
//   --part=add,drain,blocked,start   which parts; all by default
//   --runs=3                         how often each case is measured; left out: 3 times, part blocked once
//   --rows=100000                    how many tasks lie there at the start (part start); 1000000 takes six minutes
//   --blocked=100000                 how many that can't run lie in front (part blocked)
import { cpus, loadavg } from 'node:os';
import { parseArgs } from 'node:util';
import { ensureInstalled, findBrowser } from '../../scripts/setup.mjs';
import { Failure, isMain, main, run, seconds, tsc } from '../../scripts/steps.mjs';

const parts = {
  add: () => import('./parts/add.mjs'),
  drain: () => import('./parts/drain.mjs'),
  blocked: () => import('./parts/blocked.mjs'),
  start: () => import('./parts/start.mjs'),
};

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
      const { measure } = await parts[name]();
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
      part: { type: 'string', default: Object.keys(parts).join(',') },
      runs: { type: 'string' },
      rows: { type: 'string', default: '100000' },
      blocked: { type: 'string', default: '100000' },
    },
  });

  const names = values.part.split(',');
  const unknown = names.find((name) => !Object.hasOwn(parts, name));
  if (unknown !== undefined) {
    throw new Failure(`There is no part ${unknown}. The parts are ${Object.keys(parts).join(', ')}.`);
  }

  return {
    parts: names,
    runs: values.runs === undefined ? undefined : count('runs', values.runs),
    rows: count('rows', values.rows),
    blocked: count('blocked', values.blocked),
  };
}

function count(name, text) {
  const number = Number(text);
  if (Number.isSafeInteger(number) && number >= 1) return number;

  throw new Failure(`--${name} is a whole number from 1; this one is "${text}".`);
}
