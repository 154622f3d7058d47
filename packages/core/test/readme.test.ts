import { spawnSync } from 'node:child_process';
import { writeFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import type { Block } from './manual/blocks.js';
import { blocks, core, laidOut, readme } from './manual/blocks.js';

const compiled = blocks.filter(({ language }) => language.startsWith('ts'));

test('every block of code in the README has a file name of its own', () => {
  expect(blocks.length).toBeGreaterThan(20);
  expect(readme.match(/^```(?:ts|tsx|js|jsx|svelte|vue)$/gm)).toHaveLength(blocks.length);
  expect(new Set(blocks.map(({ name }) => name)).size).toBe(blocks.length);
});

test('the first task takes three files and at most 25 lines in all, names and empty lines included', () => {
  const first = blocks.slice(0, 3);
  const lines = first.flatMap(({ code }) => code.trimEnd().split('\n'));

  expect(first.map(({ name }) => name)).toEqual(['tasks.ts', 'tasks.worker.ts', 'main.ts']);
  expect(lines.length).toBeLessThanOrEqual(25);
});

test('the code of the README compiles as a user would compile it, and a mistake in it would not', () => {
  expect(compile(compiled)).toBe('');

  const broken = compiled.map((block) => ({
    ...block,
    code: block.code.replace("basket.add('saveNote'", "basket.add('savedNote'"),
  }));
  expect(compile(broken)).toContain('savedNote');
}, 60_000);

test('what the README links to within itself is there', () => {
  const heads = [...readme.matchAll(/^#+ (?<text>.+)$/gm)].map(({ groups }) =>
    (groups?.['text'] ?? '')
      .toLowerCase()
      .replaceAll(/[^\w -]/g, '')
      .replaceAll(' ', '-'),
  );
  const links = [...readme.matchAll(/\]\(#(?<to>[^)]+)\)/g)].map(({ groups }) => groups?.['to'] ?? '');

  expect(links.length).toBeGreaterThan(5);
  expect(links.filter((link) => !heads.includes(link))).toEqual([]);
});

/** What the compiler says about an app with these files; nothing if all is well. */
function compile(sources: readonly Block[]): string {
  const { folder } = laidOut('compiled', sources);
  const options = {
    target: 'es2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    jsx: 'react-jsx',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
    strict: true,
    noUnusedLocals: true,
    noImplicitReturns: true,
    noUncheckedSideEffectImports: true,
    noEmit: true,
    paths: { taskbasket: ['../../../dist/index.d.ts'], 'taskbasket/worker': ['../../../dist/worker.d.ts'] },
  };
  writeFileSync(
    path.join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: options, include: ['*.ts', '*.tsx'] }),
  );

  const tsc = path.join(core, '../../node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });

  return status === 0 ? '' : stdout;
}
