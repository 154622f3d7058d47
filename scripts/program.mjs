/** Bundles a program of packages/core/test, so that Node can run it. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { pathToFileURL } from 'node:url';

import { ensureInstalled } from './setup.mjs';
import { Failure, root } from './steps.mjs';

const core = path.join(root, 'packages/core');

/** Where scripts put what they build. */
export const cache = path.join(core, '.cache');

/**
 * Builds `main.ts` of a folder of packages/core/test, and imports it. An error of the program names lines of the source.
 *
 * @param {string} folder
 * @returns {Promise<any>} what the program exports
 */
export async function builtProgram(folder) {
  if (!existsSync(path.join(root, 'node_modules/esbuild'))) await ensureInstalled();
  const { build } = await import('esbuild');
  const outfile = path.join(cache, `${folder}.mjs`);
  await build({
    entryPoints: [path.join(core, 'test', folder, 'main.ts')],
    outfile,
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
    throw new Failure(`packages/core/test/${folder} could not be built.`, { cause });
  });
  process.setSourceMapsEnabled(true);

  return import(pathToFileURL(outfile).href);
}
