import { readdirSync, readFileSync } from 'node:fs';
import path from 'node:path';

import { expect, test } from 'vitest';

import * as http from '../../src/http.js';
import * as inspector from '../../src/inspector.js';
import * as page from '../../src/index.js';
import * as react from '../../src/react.js';
import * as worker from '../../src/worker.js';
import type { Block } from './blocks.js';
import { core } from './blocks.js';
import { compile } from './compile.js';

const source = path.join(core, 'src');
const files = readdirSync(source, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.ts'))
  .map((file) => ({ file, text: readFileSync(path.join(source, file), 'utf8') }));

/** A comment for users, and the line of code after it. */
const documented = files.flatMap(({ file, text }) =>
  [...text.matchAll(/\/\*\*(?<comment>(?:(?!\*\/)[^])*)\*\/\s*(?<code>.*)/g)].map(({ groups }) => ({
    file,
    comment: groups?.['comment'] ?? '',
    code: groups?.['code'] ?? '',
  })),
);

/** Every example, as a file that is named after the code that it belongs to. */
const examples: readonly Block[] = documented.flatMap(({ file, comment, code }) =>
  comment
    .split(/^\s*\* @/m)
    .filter((part) => part.startsWith('example\n'))
    .map((part, place) => {
      const name = `${file.replace(/\.ts$/, '')} ${code} ${place}`.replaceAll(/\W+/g, '-');
      const lines = part.replaceAll(/^\s*\* ?/gm, '').slice('example\n'.length);

      return { language: 'ts', name: `${name.slice(0, 80)}.ts`, code: `${lines.trimEnd()}\n\nexport {};\n` };
    }),
);

const valuesOf = (module: object, from: string): string =>
  Object.keys(module)
    .map((name) => `declare const ${name}: typeof import('${from}').${name};\n`)
    .join('');

/** What the examples use without saying where it comes from. */
const preamble: Block = {
  language: 'ts',
  name: 'preamble.d.ts',
  code: `
${valuesOf(page, 'taskbasket')}
${valuesOf(worker, 'taskbasket/worker')}
${valuesOf(http, 'taskbasket/http')}
${valuesOf(react, 'taskbasket/react')}
${valuesOf(inspector, 'taskbasket/inspector')}
type Codec<Payload, Stored> = import('taskbasket').Codec<Payload, Stored>;
type WorkerError = import('taskbasket').WorkerError;
interface Note { readonly id: string; readonly text: string }
type Types = {
  saveNote: import('taskbasket').TaskType<Note, { version: number }>;
  savePhoto: import('taskbasket').TaskType<Blob>;
  ping: import('taskbasket').TaskType<void>;
};
declare const tasks: import('taskbasket').Registry<Types, 'taskbasket', import('taskbasket').SessionType<{ token: string }>>;
declare const requestTasks: import('taskbasket').Registry<{ api: ReturnType<typeof httpTask> }>;
declare const requests: import('taskbasket').Basket<typeof requestTasks>;
declare const user: { readonly id: string };
declare const token: string;
declare const renewed: () => Promise<string>;
declare const handlers: import('taskbasket/worker').Handlers<typeof tasks>;
declare const basket: import('taskbasket').Basket<typeof tasks>;
declare const id: import('taskbasket').TaskId<'saveNote'>;
declare const note: Note;
declare const photo: Blob;
declare const db: import('idb').IDBPDatabase;
declare const dexie: import('dexie').Dexie;
declare const openDB: typeof import('idb').openDB;
declare const openNotes: () => Promise<IDBDatabase>;
declare const { useTasks, useReasons, useSettled }: import('taskbasket/react').Hooks<typeof tasks>;
declare const useSyncExternalStore: typeof import('react').useSyncExternalStore;
declare const worker: () => SharedWorker;
declare const response: Response;
declare const error: unknown;
declare const attempt: import('taskbasket/worker').Attempt<Note, import('taskbasket').SessionOf<typeof tasks>, { readonly version: number }, { readonly version: number }>;
declare const { signal, idempotencyKey, parents, save }: typeof attempt;
declare const send: import('taskbasket/http').Send<{ token: string }>;
declare const uploadPhoto: (note: Note) => Promise<{ readonly url: string }>;
declare const sendPhoto: (photo: Blob) => Promise<void>;
declare const stopping: AbortController;
declare const running: Promise<void>;
declare const show: (...what: readonly unknown[]) => void;
`,
};

test('every example of the TSDoc compiles, and a mistake in one would not', () => {
  const options = { noUnusedLocals: false };
  expect(examples.length).toBeGreaterThan(40);
  expect(new Set(examples.map(({ name }) => name)).size).toBe(examples.length);
  expect(compile('examples', [preamble, ...examples], options)).toBe('');

  const broken = examples.map((block) => ({ ...block, code: block.code.replace('basket.count(', 'basket.counts(') }));
  expect(compile('examples', [preamble, ...broken], options)).toContain('counts');
}, 240_000);

test('every call of a basket has an example', () => {
  const basket = page.openBasket(page.defineTasks('examples', {}));
  basket.close();
  const type = files.find(({ file }) => file === path.join('basket', 'basket.ts'))?.text ?? '';
  const calls = [...type.matchAll(/\/\*\*(?<comment>(?:(?!\*\/)[^])*)\*\/\s*readonly (?<name>\w+): /g)]
    .filter(({ groups }) => groups?.['comment']?.includes('* @example\n') === true)
    .map(({ groups }) => groups?.['name']);

  expect(Object.keys(basket).filter((name) => !calls.includes(name))).toEqual([]);
});

test('every function and class that a user can import has an example', () => {
  const shown = documented
    .filter(({ comment }) => comment.includes('* @example\n'))
    .map(({ code }) => /^export (?:async )?(?:function|class) (?<name>\w+)/.exec(code)?.groups?.['name']);
  const exported = [page, worker, http, inspector, react].flatMap((entry) => Object.keys(entry));

  expect(exported.length).toBeGreaterThan(10);
  expect(exported.filter((name) => !shown.includes(name))).toEqual([]);
});
