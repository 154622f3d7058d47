/** Runs the simulation: packages/core/test/simulate/main.ts. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { readOptions, wholeNumber } from './options.mjs';
import { ensureInstalled } from './setup.mjs';
import { Failure, main, root } from './steps.mjs';

const core = path.join(root, 'packages/core');
const entry = path.join(core, 'test/simulate/main.ts');
const bundle = path.join(core, '.cache/simulate.mjs');

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'npm run simulate --',
  does:
    'Plays pages, runners, and workers that pages attend, with one clock and one source of random numbers, and kills them\n' +
    'in between. The same seed gives the same run. Exit code 1: a promise was broken. Exit code 2: the simulation could not\n' +
    'be built.',
  options: {
    seed: { value: 'N', default: '1', does: 'The seed of the random numbers.' },
    steps: { value: 'N', default: '5000', does: 'After how many steps the simulation ends.' },
    run: { value: 'N', does: 'Plays this run of the seed alone.' },
    from: { value: 'N', default: '0', does: 'Begins with this run of the seed, as after a fault was mended.' },
    model: { does: 'Counts only the faults that the model finds. The model knows from the manual what may start.' },
    trace: { does: 'Prints every step.' },
    twice: { does: 'Plays everything a second time, and fails if the two differ.' },
  },
  example: 'npm run simulate -- --seed 7 --steps 20000',
};

/** @type {{ seed: number, steps: number, run: number | undefined, from: number, model: boolean, trace: boolean, twice: boolean } | undefined} */
let options;

await main(async () => {
  const { values } = readOptions(usage);
  const { run, model = false, trace = false, twice = false } = values;
  options = {
    seed: wholeNumber('seed', values.seed, 0),
    steps: wholeNumber('steps', values.steps),
    run: run === undefined ? undefined : wholeNumber('run', run, 0),
    from: wholeNumber('from', values.from, 0),
    model,
    trace,
    twice,
  };
  if (!existsSync(path.join(root, 'node_modules/esbuild'))) await ensureInstalled();
  const { build } = await import('esbuild');
  await build({
    entryPoints: [entry],
    outfile: bundle,
    bundle: true,
    packages: 'external',
    platform: 'node',
    format: 'esm',
    target: 'node20',
    sourcemap: true,
    logLevel: 'warning',
    // test/support/faster.ts is imported for what it does.
    ignoreAnnotations: true,
  }).catch((cause) => {
    throw new Failure('The simulation could not be built.', { cause });
  });
}, 2);

if (process.exitCode !== 2) {
  process.exitCode = 0;
  process.setSourceMapsEnabled(true);
  const { play } = await import(pathToFileURL(bundle).href);
  await play(options);
}
