import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import type { Basket, TaskId } from '../../src/index.js';

/** The folder of the library's package. */
export const core: string = fileURLToPath(new URL('../..', import.meta.url));

/** The manual. */
export const readme: string = readFileSync(path.join(core, '../../README.md'), 'utf8');

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
export const blocks: readonly Block[] = [...readme.matchAll(fence)].map(({ groups }) => ({
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

/** What the `main.ts` of the first task exports. */
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
