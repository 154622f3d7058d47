/**
 * How the source is kept: how long a file may be, how long all of them, and that the page ARCHITECTURE.md names each one.
 *
 * A line of code is one that is neither blank nor a comment: `countLines` counts. These are the only places that say so.
 */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { readOptions } from './options.mjs';
import { Failure, isMain, main, root } from './steps.mjs';

/** Lines of code that one file of `packages/core/src` may have. */
const longestFile = 200;

/**
 * Lines of code that all files of `packages/core/src` may have together. A change that needs more takes some away elsewhere.
 * The goal is 6,328; docs/decisions/0011 says what the difference is for. Decision 0013 says what the lines above 7,624 are
 * for, 0016 and 0017 those above 10,213.
 */
const allLines = 12_447;

/** @param {string} source of a TypeScript file */
export function countLines(source) {
  const withoutBlocks = source.replace(/\/\*[\s\S]*?\*\//g, '');

  return withoutBlocks.split('\n').filter((line) => line.trim() !== '' && !line.trim().startsWith('//')).length;
}

/**
 * @param {ReadonlyMap<string, string>} files each file of `src` by its path there, with its text
 * @param {string} page the text of ARCHITECTURE.md
 * @param {{ longest?: number, all?: number }} [limits]
 * @returns {string[]} one sentence for each violation
 */
export function violations(files, page, { longest = longestFile, all = allLines } = {}) {
  const found = [];
  let sum = 0;
  for (const [file, source] of files) {
    const lines = countLines(source);
    sum += lines;
    if (lines > longest) found.push(`${file} has ${lines} lines of code. Split it: a file may have ${longest}.`);
  }
  if (sum > all)
    found.push(`The source has ${sum} lines of code. It may have ${all}: take away what costs more than it gives.`);

  return [...found, ...tableProblems([...files.keys()], page)];
}

/** Files without a row in the table of ARCHITECTURE.md, and rows without a file. A page that has no such table is not judged. */
function tableProblems(files, page) {
  const rows = [...page.matchAll(/^\| `([\w./-]+\.ts)` \|(.*)\|$/gm)];
  if (rows.length === 0) return [];
  const named = rows.map(([, file]) => file);

  return [
    ...files
      .filter((file) => !named.includes(file))
      .map((file) => `ARCHITECTURE.md has no row for ${file}. Add one with the question that the file answers.`),
    ...named
      .filter((file) => !files.includes(file))
      .map((file) => `ARCHITECTURE.md has a row for ${file}, which is not there. Take the row out.`),
    ...named
      .filter((file, place) => named.indexOf(file) !== place)
      .map((file) => `ARCHITECTURE.md has two rows for ${file}. Keep one.`),
    ...rows
      .filter(([, , question]) => question?.trim() === '')
      .map(
        ([, file]) => `The row for ${file} in ARCHITECTURE.md says nothing. Write the question that the file answers.`,
      ),
  ];
}

/**
 * The formatter and the compiler see to most of the style. This is what they do not see: a constant is named like everything else.
 *
 * @param {ReadonlyMap<string, string>} files
 */
export function shoutingNames(files) {
  return [...files].flatMap(([file, source]) =>
    [...source.matchAll(/^(?:export )?const ([A-Z][A-Z0-9_]+)\b/gm)].map(
      ([, name]) => `${file} has a constant named ${name}. Write it like every other name, in camel case.`,
    ),
  );
}

/** The lines of code of each folder, those of its inner folders included. */
function byFolder(files) {
  const sums = new Map();
  for (const [file, source] of files) {
    const parts = file.split('/').slice(0, -1);
    for (const depth of parts.keys()) {
      const folder = parts.slice(0, depth + 1).join('/');
      sums.set(folder, (sums.get(folder) ?? 0) + countLines(source));
    }
  }

  return sums;
}

function readSource(folder, ending = /\.ts$/) {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter(
    (name) => ending.test(name) && !/(?:^|[\\/])(?:node_modules|dist|\.cache)[\\/]/.test(name),
  );

  return new Map(
    names
      .map((name) => name.split(path.sep).join('/'))
      .toSorted()
      .map((name) => [name, readFileSync(path.join(folder, name), 'utf8')]),
  );
}

/**
 * What is planted, the files, the page, a part of the sentence that must be found; none: nothing may be found.
 *
 * @type {[string, Record<string, string>, string, string | undefined][]}
 */
const plants = [
  ['nothing', { 'a.ts': 'one\ntwo' }, '| `a.ts` | what is one? |', undefined],
  ['no table', { 'a.ts': 'one' }, '', undefined],
  ['as many lines as a file may have', { 'a.ts': 'x\n'.repeat(3) }, '', undefined],
  ['one line more', { 'a.ts': 'x\n'.repeat(4) }, '', 'a.ts has 4 lines'],
  ['comments and blank lines', { 'a.ts': 'x\n/** a\n * b\n */\n\n  // c\n  /* d */\nx\nx' }, '', undefined],
  ['code behind a comment', { 'a.ts': 'x\nx\n/* a */ x\nx // b' }, '', 'a.ts has 4 lines'],
  ['as many lines as all may have', { 'a.ts': 'x\nx\nx', 'b.ts': 'x\nx' }, '', undefined],
  ['one line more in all', { 'a.ts': 'x\nx\nx', 'b.ts': 'x\nx\nx' }, '', 'has 6 lines of code'],
  ['a file without a row', { 'a.ts': 'x', 'b/c.ts': 'x' }, '| `a.ts` | what? |', 'no row for b/c.ts'],
  ['a row without a file', { 'a.ts': 'x' }, '| `a.ts` | what? |\n| `b.ts` | what? |', 'a row for b.ts'],
  ['two rows', { 'a.ts': 'x' }, '| `a.ts` | what? |\n| `a.ts` | what? |', 'two rows for a.ts'],
  ['a row without a question', { 'a.ts': 'x' }, '| `a.ts` |  |', 'says nothing'],
];

function selfTest() {
  for (const [planted, files, page, expected] of plants) {
    const found = violations(new Map(Object.entries(files)), page, { longest: 3, all: 5 });
    const right = expected === undefined ? found.length === 0 : found.some((sentence) => sentence.includes(expected));
    if (!right) throw new Failure(`Self-test: planted ${planted}, found ${JSON.stringify(found)}.`);
  }
  const shouts = shoutingNames(
    new Map([['a.mjs', 'const ONE_DAY = 1;\nconst Class = 2;\n// const TWO = 2;\nconst three = "A";']]),
  );
  if (shouts.length !== 1 || !shouts[0].includes('ONE_DAY')) throw new Failure(`Self-test: found ${shouts.join()}.`);
  console.log(`Self-test: ${plants.length + 1} plants, each judged rightly.`);
}

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'node scripts/house.mjs',
  does:
    'Checks how long each file of packages/core/src is, how long all of them are together, that ARCHITECTURE.md has a row for\n' +
    'each, and that no constant of the repository is in capitals. Prints the lines of code of each folder.',
  options: { 'self-test': { does: 'First plants violations, and expects each of them to be found.' } },
  example: 'node scripts/house.mjs --self-test',
};

if (isMain(import.meta.url)) {
  await main(async () => {
    if (readOptions(usage).values['self-test']) selfTest();
    const files = readSource(path.join(root, 'packages/core/src'));
    const found = violations(files, readFileSync(path.join(root, 'ARCHITECTURE.md'), 'utf8'));
    for (const folder of ['scripts', 'packages', 'e2e']) {
      found.push(...shoutingNames(readSource(path.join(root, folder), /\.(?:ts|tsx|mjs)$/)));
    }
    const sum = [...files.values()].reduce((lines, source) => lines + countLines(source), 0);
    for (const [folder, lines] of byFolder(files)) console.log(`${String(lines).padStart(6)} ${folder}`);
    if (found.length > 0) throw new Failure(found.join('\n'));
    console.log(`House: ${files.size} files, ${sum} lines of code.`);
  });
}
