import { readFile } from 'node:fs/promises';
import path from 'node:path';

import type { Plugin } from 'esbuild';
import { build } from 'esbuild';
import { compile } from 'svelte/compiler';
import { compileScript, parse } from 'vue/compiler-sfc';

/** Compiles components as the frameworks' own bundler plugins do: with their compilers, for a browser. */
const components: Plugin = {
  name: 'components',
  setup(builder) {
    builder.onLoad({ filter: /\.svelte$/ }, async ({ path: filename }) => ({
      contents: compile(await readFile(filename, 'utf8'), { filename, generate: 'client' }).js.code,
      loader: 'js',
    }));
    builder.onLoad({ filter: /\.vue$/ }, async ({ path: filename }) => {
      const { descriptor, errors } = parse(await readFile(filename, 'utf8'), { filename });
      if (errors.length > 0) throw new AggregateError(errors, `${filename} cannot be read.`);

      return { contents: compileScript(descriptor, { id: filename, inlineTemplate: true }).content, loader: 'ts' };
    });
  },
};

/** Bundles an entry, given as text, with what it imports from the folder; gives back the file. */
export async function bundled(folder: string, name: string, entry: string): Promise<string> {
  const outfile = path.join(folder, `${name}.bundle.mjs`);
  await build({
    stdin: { contents: entry, resolveDir: folder, loader: 'js' },
    outfile,
    bundle: true,
    format: 'esm',
    platform: 'browser',
    conditions: ['browser', 'development'],
    define: {
      'process.env.NODE_ENV': '"development"',
      __VUE_OPTIONS_API__: 'false',
      __VUE_PROD_DEVTOOLS__: 'false',
      __VUE_PROD_HYDRATION_MISMATCH_DETAILS__: 'false',
    },
    jsx: 'automatic',
    jsxDev: true,
    plugins: [components],
    logLevel: 'silent',
  });

  return outfile;
}
