/** Which part of the library may import which. */
import { readFileSync, readdirSync } from 'node:fs';
import path from 'node:path';

import { readOptions } from './options.mjs';
import { Failure, isMain, main, root } from './steps.mjs';

const groups = ['pure', 'ports', 'store', 'basket', 'runner', 'host'];

/**
 * What is built on the library: each has an entry of its own. An extra may import its own files, `pure`, `index.ts` and
 * `worker.ts`. Nothing of the library imports an extra, so an app pays only for the entries that it imports.
 */
const extras = ['http', 'inspector', 'react'];

/** The folders within a group, in their order. What lies in the group itself comes after all of them. */
const innerFolders = {
  basket: ['context', 'adding', 'reading', 'changing', 'telling'],
  runner: ['term', 'attempt', 'turn', 'chores'],
};
const core = ['index.ts', 'worker.ts'];
const folders = [...groups, ...extras];
const entries = [...core, ...extras.map((extra) => `${extra}.ts`)];

/** A dependency, and the only group that may import it. */
const owners = { idb: 'store', comlink: 'host', react: 'react' };

/**
 * @param {ReadonlyMap<string, readonly string[]>} files each file of `src` by its path there, with what it imports
 * @returns {string[]} one sentence for each violation
 */
export function violations(files) {
  const found = [];
  for (const [file, imports] of files) {
    const group = groupOf(file);
    if (group === undefined && !entries.includes(file)) {
      found.push(`${file} belongs to no group: it must lie in one of ${folders.join(', ')}, or be an entry.`);
      continue;
    }
    const inner = file.split('/').slice(1, -1);
    if (inner.length > 1 || inner.some((folder) => !innerFolders[group ?? '']?.includes(folder))) {
      found.push(`${file} lies in a folder that ${group} does not have.`);
    }
    for (const specifier of imports) {
      const problem = specifier.startsWith('.')
        ? problemInside(files, file, specifier)
        : problemOutside(file, group, specifier);
      if (problem) found.push(problem);
    }
  }

  return [...found, ...cycles(files)];
}

function problemInside(files, file, specifier) {
  const target = resolve(files, file, specifier);
  if (target === undefined) return `${file} imports ${specifier}, which is not in src.`;
  const [from, to] = [groupOf(file) ?? file.replace(/\.ts$/, ''), groupOf(target)];
  if (extras.includes(from)) {
    if (core.includes(target) || to === from || to === 'pure') return undefined;

    return `${file} imports ${target}. It may import pure, ${core.join(' and ')}, and what lies in ${from}.`;
  }
  if (entries.includes(target)) return `${file} imports the entry ${target}; only users may.`;
  if (extras.includes(to)) return `${file} imports ${target}, but the library does not import what is built on it.`;
  if (entries.includes(file)) return undefined;
  if (groups.indexOf(to) > groups.indexOf(from)) return `${file} imports ${target}, but ${to} comes after ${from}.`;
  if (to !== from || placeInGroup(target) <= placeInGroup(file)) return undefined;

  return `${file} imports ${target}, but ${folderOf(target)} comes after ${folderOf(file)}.`;
}

/** Where a file stands in the order of its group's folders: those are numbered from 0, and the group's own files come last. */
function placeInGroup(file) {
  const inner = innerFolders[groupOf(file) ?? ''] ?? [];
  const place = inner.indexOf(file.split('/')[1]);

  return place < 0 ? inner.length : place;
}

function folderOf(file) {
  return path.posix.dirname(file);
}

function problemOutside(file, group, specifier) {
  const name = Object.keys(owners).find((owned) => specifier === owned || specifier.startsWith(`${owned}/`));
  if (name === undefined) return `${file} imports ${specifier}, which is no dependency of the library.`;
  if (group === owners[name]) return undefined;

  return `${file} imports ${specifier}; only ${owners[name]} may.`;
}

/** Each cycle once, named from the file at which the walk met it. */
function cycles(files) {
  const found = [];
  const done = new Set();
  const visit = (file, trail) => {
    const start = trail.indexOf(file);
    if (start >= 0) {
      found.push(`Files import each other in a circle: ${[...trail.slice(start), file].join(' > ')}.`);

      return;
    }
    if (done.has(file)) return;
    for (const specifier of files.get(file) ?? []) {
      const target = specifier.startsWith('.') ? resolve(files, file, specifier) : undefined;
      if (target !== undefined) visit(target, [...trail, file]);
    }
    done.add(file);
  };
  for (const file of files.keys()) visit(file, []);

  return found;
}

function groupOf(file) {
  const [folder, ...rest] = file.split('/');

  return rest.length > 0 && folders.includes(folder) ? folder : undefined;
}

function resolve(files, file, specifier) {
  const target = path.posix.join(path.posix.dirname(file), specifier).replace(/\.js$/, '.ts');

  return files.has(target) ? target : undefined;
}

/** Reads imports of every kind: also `import type`, `export … from`, `import()` and types in `import('…')`. */
async function readSource(folder) {
  const { default: ts } = await import('typescript-5.9');
  const files = new Map();
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => name.split(path.sep).join('/'))
    .toSorted();
  for (const file of names.filter((name) => name.endsWith('.ts'))) {
    const { importedFiles } = ts.preProcessFile(readFileSync(path.join(folder, file), 'utf8'), true, true);
    files.set(file, [...new Set(importedFiles.map((imported) => imported.fileName))]);
  }

  return files;
}

/**
 * What is planted, the files, a part of the sentence that must be found; none: nothing may be found.
 *
 * @type {[string, Record<string, string[]>, string | undefined][]}
 */
const plants = [
  ['nothing', { 'index.ts': ['./host/a.js'], 'host/a.ts': ['../pure/b.js', 'comlink'], 'pure/b.ts': [] }, undefined],
  ['a neighbour', { 'store/a.ts': ['./b.js', 'idb'], 'store/b.ts': [] }, undefined],
  ['an arrow backwards', { 'pure/a.ts': ['../ports/b.js'], 'ports/b.ts': [] }, 'ports comes after pure'],
  ['a runner in the basket', { 'basket/a.ts': ['../runner/b.js'], 'runner/b.ts': [] }, 'runner comes after basket'],
  [
    'a folder backwards',
    { 'runner/term/a.ts': ['../turn/b.js'], 'runner/turn/b.ts': [] },
    'turn comes after runner/term',
  ],
  [
    'a group in its folder',
    { 'basket/adding/a.ts': ['../b.js'], 'basket/b.ts': [] },
    'basket comes after basket/adding',
  ],
  ['a folder forwards', { 'basket/b.ts': ['./adding/a.js'], 'basket/adding/a.ts': [] }, undefined],
  ['an unknown folder', { 'basket/utils/a.ts': [] }, 'a folder that basket does not have'],
  ['idb outside of store', { 'basket/a.ts': ['idb'] }, 'only store may'],
  ['idb in an entry', { 'index.ts': ['idb'] }, 'only store may'],
  ['comlink outside of host', { 'runner/a.ts': ['comlink/dist/esm/protocol'] }, 'only host may'],
  ['an unknown dependency', { 'pure/a.ts': ['node:fs'] }, 'no dependency of the library'],
  ['an entry inside', { 'host/a.ts': ['../index.js'], 'index.ts': [] }, 'only users may'],
  ['an entry in an entry', { 'worker.ts': ['./index.js'], 'index.ts': [] }, 'only users may'],
  [
    'an extra on the surface',
    { 'http/a.ts': ['../worker.js', '../pure/b.js'], 'worker.ts': [], 'pure/b.ts': [] },
    undefined,
  ],
  ['the entry of an extra', { 'http.ts': ['./http/a.js'], 'http/a.ts': [] }, undefined],
  ['an extra inside', { 'react/a.ts': ['../basket/b.js'], 'basket/b.ts': [] }, 'It may import pure'],
  ['an extra in another', { 'react/a.ts': ['../inspector/b.js'], 'inspector/b.ts': [] }, 'It may import pure'],
  ['an extra in the library', { 'host/a.ts': ['../http/b.js'], 'http/b.ts': [] }, 'does not import what is built'],
  ['an extra in the surface', { 'index.ts': ['./http/b.js'], 'http/b.ts': [] }, 'does not import what is built'],
  ['a cycle of two', { 'pure/a.ts': ['./b.js'], 'pure/b.ts': ['./a.js'] }, 'pure/a.ts > pure/b.ts > pure/a.ts'],
  [
    'a cycle behind a tail',
    { 'pure/a.ts': ['./b.js'], 'pure/b.ts': ['./c.js'], 'pure/c.ts': ['./b.js'] },
    'pure/b.ts > pure/c.ts > pure/b.ts',
  ],
  ['a file without a group', { 'helpers.ts': [] }, 'belongs to no group'],
  ['a folder without a group', { 'utils/a.ts': [] }, 'belongs to no group'],
  ['a missing file', { 'pure/a.ts': ['./b.js'] }, 'not in src'],
];

function selfTest() {
  for (const [planted, files, expected] of plants) {
    const found = violations(new Map(Object.entries(files)));
    const right = expected === undefined ? found.length === 0 : found.some((sentence) => sentence.includes(expected));
    if (!right) throw new Failure(`Self-test: planted ${planted}, found ${JSON.stringify(found)}.`);
  }
  console.log(`Self-test: ${plants.length} plants, each judged rightly.`);
}

/** @type {import('./options.mjs').Usage} */
const usage = {
  command: 'node scripts/arrows.mjs',
  does: 'Checks which part of packages/core/src imports which.',
  options: { 'self-test': { does: 'First plants violations, and expects each of them to be found.' } },
  example: 'node scripts/arrows.mjs --self-test',
};

if (isMain(import.meta.url)) {
  await main(async () => {
    if (readOptions(usage).values['self-test']) selfTest();
    const files = await readSource(path.join(root, 'packages/core/src'));
    const found = violations(files);
    if (found.length > 0) throw new Failure(found.join('\n'));
    console.log(`Arrows: ${files.size} files, all one way.`);
  });
}
