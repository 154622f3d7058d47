import { existsSync, readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, test } from 'vitest';

import { core, pages, repository } from './blocks.js';

/** The rows of the tables of docs/promises.md whose first cell is a number. */
const rows = tableRows(pageOf('docs/promises.md'));

const scenarios = rows
  .filter((cells) => cells.length === 3)
  .map(([number, , keptBy = '']) => ({ number: Number(number), keptBy, files: filesIn(keptBy) }));

const promises = rows
  .filter((cells) => cells.length === 5)
  .map(([number, , played = '', further = '', without = '']) => ({
    number: Number(number),
    scenarios: numbersIn(played),
    files: filesIn(further),
    without: codesIn(without),
  }));

/** What tests cite: of each scenario the files, as the page names them. A patch takes a safety out, and keeps nothing. */
const cited = new Map<number, Set<string>>();
for (const file of [...filesUnder('packages/core/test'), ...filesUnder('e2e')]) {
  if (file === 'manual/promises.test.ts') continue;
  const text = readFileSync(placeOf(file), 'utf8');
  for (const [, list = ''] of text.matchAll(/\bscenarios? (\d+(?:, \d+)*(?: and \d+)?)/gi)) {
    for (const number of numbersIn(list)) cited.set(number, (cited.get(number) ?? new Set()).add(file));
  }
}

function pageOf(file: string): string {
  const page = pages.find((one) => one.file === file);
  if (page === undefined) throw new Error(`The manual has no page ${file}.`);

  return page.text;
}

function tableRows(text: string): readonly (readonly string[])[] {
  return [...text.matchAll(/^\| (\d+ \|.*) \|$/gm)].map(([, row = '']) => row.split(' |').map((cell) => cell.trim()));
}

function codesIn(cell: string): readonly string[] {
  return [...cell.matchAll(/`([^`]+)`/g)].map(([, code = '']) => code);
}

function filesIn(cell: string): readonly string[] {
  return codesIn(cell).filter((code) => /^[\w/-]+(?:\.\w+)*\.ts$/.test(code));
}

function numbersIn(cell: string): readonly number[] {
  return (cell.match(/\d+/g) ?? []).map(Number);
}

/** Where a file lies that the page names. */
function placeOf(file: string): string {
  return file.startsWith('e2e/') ? path.join(repository, file) : path.join(core, 'test', file);
}

/** The files of a folder that may cite a scenario, as the page names them. */
function filesUnder(folder: string): readonly string[] {
  const names = readdirSync(path.join(repository, folder), { recursive: true, encoding: 'utf8' });

  return names
    .map((name) => name.replaceAll(path.sep, '/'))
    .filter((name) => !name.includes('node_modules') && /\.(?:ts|mjs|patch)$/.test(name))
    .map((name) => (folder === 'e2e' ? `e2e/${name}` : name));
}

describe('the scenarios of docs/promises.md', () => {
  test('are numbered from 1 on, each once', () => {
    const numbers = scenarios.map(({ number }) => number).sort((one, other) => one - other);

    expect(numbers).toEqual(Array.from({ length: 70 }, (_, place) => place + 1));
  });

  test('are all that tests cite', () => {
    const known = new Set(scenarios.map(({ number }) => number));

    expect(cited.size).toBeGreaterThan(40);
    expect([...cited.keys()].filter((number) => !known.has(number))).toEqual([]);
  });

  test.each(scenarios)('$number names the tests that cite it', ({ number, files }) => {
    const citing = [...(cited.get(number) ?? [])].filter((file) => !file.endsWith('.patch'));

    expect([...files].sort()).toEqual(citing.sort());
  });

  test.each(scenarios.filter(({ files }) => files.length === 0))('$number says why no test keeps it', ({ keptBy }) => {
    expect(keptBy).toMatch(/^Not (?:\S+ ){0,4}\S+: (?:\S+ ){3,}\S+/);
  });
});

describe('the promises of the README', () => {
  const [, promised = ''] = /^## What is promised\n([\s\S]*?)^\*\*Not promised/m.exec(pageOf('README.md')) ?? [];
  const kept = new Set(scenarios.filter(({ files }) => files.length > 0).map(({ number }) => number));

  test('are those of docs/promises.md', () => {
    const numbers = [...promised.matchAll(/^(\d+)\. /gm)].map(([, number]) => Number(number));

    expect(numbers.length).toBeGreaterThan(5);
    expect(promises.map(({ number }) => number)).toEqual(numbers);
  });

  test.each(promises)(
    '$number is kept by scenarios and tests that are there',
    ({ scenarios: played, files, without }) => {
      expect(played.length + files.length).toBeGreaterThan(0);
      expect(played.filter((number) => !kept.has(number))).toEqual([]);
      expect(files.filter((file) => !existsSync(placeOf(file)))).toEqual([]);
      expect(without.filter((name) => !existsSync(placeOf(`without/${name}.patch`)))).toEqual([]);
    },
  );

  test('are cited by their numbers where decisions speak of them', () => {
    const numbers = new Set(promises.map(({ number }) => number));
    const decisions = readdirSync(path.join(repository, 'docs/decisions')).map((file) =>
      readFileSync(path.join(repository, 'docs/decisions', file), 'utf8'),
    );
    const named = decisions.flatMap((text) =>
      [...text.matchAll(/\bpromise (\d+)/gi)].map(([, number]) => Number(number)),
    );

    expect(named.length).toBeGreaterThan(0);
    expect(named.filter((number) => !numbers.has(number))).toEqual([]);
  });
});
