import { spawnSync } from 'node:child_process';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { expect, test } from 'vitest';

const core = fileURLToPath(new URL('..', import.meta.url));
const readme = readFileSync(path.join(core, '../../README.md'), 'utf8');

/** The code of the manual: blocks of TypeScript whose first line is a comment with their file's name. */
const files = [...readme.matchAll(/```ts\n\/\/ (?<name>[\w.-]+\.ts)\n(?<code>[\s\S]*?)```/g)].map(({ groups }) => ({
  name: groups?.['name'] ?? '',
  code: groups?.['code'] ?? '',
}));

test('every block of code in the README has a file name', () => {
  expect(files.length).toBeGreaterThan(5);
  expect(readme.split('```ts\n').length - 1).toBe(files.length);
});

test('the first task takes three files and at most 25 lines of code', () => {
  const first = files.filter(({ name }) => ['tasks.ts', 'tasks.worker.ts', 'main.ts'].includes(name));
  const lines = first.flatMap(({ code }) => code.split('\n').filter((line) => line.trim() !== ''));

  expect(first).toHaveLength(3);
  expect(lines.length).toBeLessThanOrEqual(25);
});

test('the code of the README compiles as a user would compile it, and a mistake in it would not', () => {
  expect(compile(files)).toBe('');

  const broken = files.map(({ name, code }) => ({
    name,
    code: code.replace("basket.add('saveNote'", "basket.add('savedNote'"),
  }));
  expect(compile(broken)).toContain('savedNote');
}, 60_000);

function compile(sources: readonly { readonly name: string; readonly code: string }[]): string {
  const folder = path.join(core, '.cache', 'readme');
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of sources) writeFileSync(path.join(folder, name), code);

  const options = {
    target: 'es2022',
    module: 'esnext',
    moduleResolution: 'bundler',
    lib: ['es2022', 'dom', 'dom.iterable'],
    types: [],
    strict: true,
    noEmit: true,
    paths: { taskbasket: ['../../dist/index.d.ts'], 'taskbasket/worker': ['../../dist/worker.d.ts'] },
  };
  writeFileSync(path.join(folder, 'package.json'), JSON.stringify({ type: 'module' }));
  writeFileSync(path.join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions: options, include: ['*.ts'] }));

  const tsc = path.join(core, '../../node_modules/typescript/bin/tsc');
  const { stdout, status } = spawnSync(process.execPath, [tsc, '-p', folder], { encoding: 'utf8' });

  return status === 0 ? '' : stdout;
}
