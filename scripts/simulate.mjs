// Runs the simulation: packages/core/test/simulate/main.ts, with the arguments passed on. Exit code 1: it found something.
// Exit code 2: it could not be built.
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import { ensureInstalled } from './setup.mjs';
import { Failure, main, root } from './steps.mjs';

const core = path.join(root, 'packages/core');
const entry = path.join(core, 'test/simulate/main.ts');
const bundle = path.join(core, '.cache/simulate.mjs');

await main(async () => {
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
  }).catch((cause) => {
    throw new Failure('The simulation could not be built.', { cause });
  });
}, 2);

if (process.exitCode !== 2) {
  process.exitCode = 0;
  process.setSourceMapsEnabled(true);
  await import(pathToFileURL(bundle).href);
}
