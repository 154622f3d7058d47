import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Basket, TaskId } from '../../src/index.js';

/** The folder of the library's package. */
export const core: string = fileURLToPath(new URL('../..', import.meta.url));

/** The entries of the package: what an app imports, and the file in `dist`, without its ending. */
export const entries: readonly { readonly name: string; readonly file: string }[] = entriesOf();

function entriesOf(): readonly { readonly name: string; readonly file: string }[] {
  const { exports } = JSON.parse(readFileSync(path.join(core, 'package.json'), 'utf8')) as {
    readonly exports: Readonly<Record<string, { readonly types?: string }>>;
  };

  return Object.entries(exports).flatMap(([entry, { types = '' }]) =>
    types === '' ? [] : [{ name: path.posix.join('taskbasket', entry), file: path.basename(types, '.d.ts') }],
  );
}

/** The root of the repository. */
export const repository: string = path.join(core, '../..');

/** A page of the manual: its path from the root of the repository, and its text. */
export interface Page {
  readonly file: string;
  readonly text: string;
}

/** The manual: the README, and the pages of `docs/`. The decisions are for those who work on the library. */
export const pages: readonly Page[] = ['README.md', ...pagesOfDocs()].map((file) => ({
  file,
  text: readFileSync(path.join(repository, file), 'utf8'),
}));

/** All pages as one text. */
export const manual: string = pages.map(({ text }) => text).join('\n');

function pagesOfDocs(): readonly string[] {
  const files = readdirSync(path.join(repository, 'docs'), { recursive: true, encoding: 'utf8' });

  return files
    .filter((file) => file.endsWith('.md') && !file.startsWith('decisions'))
    .map((file) => `docs/${file.replaceAll(path.sep, '/')}`)
    .sort();
}

/** A block of code of the manual, and the file that its first line names. */
export interface Block {
  readonly language: string;
  readonly name: string;
  /** All of it, its first line included. */
  readonly code: string;
}

const fence =
  /^```(?<language>ts|tsx|js|svelte|vue)\n(?<code>(?:\/\/|<!--) (?<name>[\w.-]+)(?: -->)?\n[\s\S]*?)^```$/gm;

/** The blocks of code that an app would have as files. */
export const blocks: readonly Block[] = [...manual.matchAll(fence)].map(({ groups }) => ({
  language: groups?.['language'] ?? '',
  name: groups?.['name'] ?? '',
  code: groups?.['code'] ?? '',
}));

/** The blocks as an app's source. */
export interface LaidOut {
  readonly folder: string;
  /** Runs one of its files; gives what that exports. */
  readonly run: <Exports>(name: string) => Promise<Exports>;
}

/** The payload of the first task. */
export interface Note {
  readonly id: string;
  readonly text: string;
}

/** What the `basket.ts` of the first task exports. */
export interface Main {
  readonly basket: Basket<never>;
  readonly save: (note: Note) => Promise<TaskId>;
}

/** Lays blocks out as an app's source, in a folder of its own inside the package. */
export function laidOut(app: string, sources: readonly Block[] = blocks): LaidOut {
  const folder = path.join(core, '.cache', 'manual', app);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  for (const { name, code } of sources) writeFileSync(path.join(folder, name), code);

  return { folder, run: (name) => import(/* @vite-ignore */ path.join(folder, name)) };
}

/** The app of the first task, whose worker is the block with this file name. */
export function withWorker(worker: string): LaidOut {
  const code = blocks.find(({ name }) => name === worker)?.code;
  if (code === undefined) throw new Error(`The manual has no ${worker}.`);

  return laidOut(
    worker,
    blocks.map((block) => (block.name === 'tasks.worker.ts' ? { ...block, code } : block)),
  );
}
