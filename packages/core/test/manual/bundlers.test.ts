import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { blocks, pages, repository } from './blocks.js';

const page = pages.find(({ file }) => file === 'docs/bundlers.md')?.text ?? '';

/** The rows of the table of bundlers, each with its example. */
const rows = [
  ...page.matchAll(/^\| \[(?<bundler>[^\]]+)\]\(\.\.\/examples\/(?<example>[\w-]+)\) \|(?<cells>.*)\|$/gm),
].map(({ groups }) => ({ example: groups?.['example'] ?? '', cells: groups?.['cells'] ?? '' }));

/** An example's files, without what is installed and built: path and text. */
function filesOf(example: string): readonly { readonly file: string; readonly text: string }[] {
  const folder = path.join(repository, 'examples', example);

  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .map((entry) => path.relative(folder, path.join(entry.parentPath, entry.name)))
    .filter((file) => !/^(?:node_modules|dist|\.next|\.parcel-cache|www\/js)\//.test(file))
    .map((file) => ({ file, text: readFileSync(path.join(folder, file), 'utf8') }));
}

function textOf(example: string, end: string): string {
  return filesOf(example).find(({ file }) => file.endsWith(end))?.text ?? '';
}

/** A file of the first task of the README, without the line that names it. */
function ofReadme(name: string): string {
  return blocks.find((block) => block.name === name)?.code.replace(/^.*\n/, '') ?? '';
}

test('each example of a bundler has a row in the table of bundlers', () => {
  expect(rows.map(({ example }) => example).sort()).toEqual([
    'esbuild',
    'next-turbopack',
    'parcel',
    'rspack',
    'vite',
    'webpack',
  ]);
});

describe.each(rows)('the example $example', ({ example, cells }) => {
  test('is the first task of the README, but for the path in the line that constructs the worker', () => {
    const [, worker = ''] = /`(\.\/tasks\.worker\.\w+)`/.exec(cells) ?? [];
    const main = filesOf(example).find(({ text }) => text.includes('new SharedWorker'))?.text;

    expect(textOf(example, '/tasks.ts')).toBe(`// tasks.ts\n${ofReadme('tasks.ts')}`);
    expect(textOf(example, '/tasks.worker.ts')).toBe(`// tasks.worker.ts\n${ofReadme('tasks.worker.ts')}`);
    expect(main).toContain(ofReadme('basket.ts').replace('./tasks.worker.ts', worker));
  });

  test('pins its versions, and the table has that of the bundler', () => {
    const { dependencies, devDependencies } = JSON.parse(textOf(example, 'package.json')) as Record<
      string,
      Record<string, string>
    >;
    const versions: Record<string, string> = { ...dependencies, ...devDependencies };
    const [, version = ''] = /^ (\d+\.\d+\.\d+) /.exec(cells) ?? [];
    const bundler = { rspack: '@rspack/core', 'next-turbopack': 'next' }[example] ?? example;

    expect(Object.values(versions).filter((one) => !/^\d+\.\d+\.\d+$/.test(one))).toEqual([]);
    expect(versions[bundler]).toBe(version);
  });

  test('has fewer than 60 lines of code, its HTML and its configuration included', () => {
    const code = filesOf(example).filter(({ file }) => !file.endsWith('.json'));
    const lines = code.flatMap(({ text }) => text.split('\n')).filter((line) => !/^\s*(?:\/\/.*)?$/.test(line));

    expect(code.length).toBeGreaterThan(3);
    expect(lines.length).toBeLessThan(60);
  });
});
