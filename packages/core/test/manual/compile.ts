import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import type { Block } from './blocks.js';
import { core, entries, laidOut } from './blocks.js';

/** What the compiler says about an app with these files; nothing if all is well. */
export function compile(app: string, sources: readonly Block[], more: Readonly<Record<string, unknown>> = {}): string {
  const { folder } = laidOut(app, sources);
  const options = {
    target: 'es2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    jsx: 'react-jsx',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
    strict: true,
    exactOptionalPropertyTypes: true,
    noUnusedLocals: true,
    noImplicitReturns: true,
    noUncheckedSideEffectImports: true,
    noEmit: true,
    paths: Object.fromEntries(entries.map(({ name, file }) => [name, [`../../../dist/${file}.d.ts`]])),
    ...more,
  };
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, include: ['*.ts', '*.tsx'] }),
  );

  const tsc = path.join(core, '../../node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });

  return status === 0 ? '' : stdout;
}
