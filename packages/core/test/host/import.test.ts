import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

import { beforeAll, describe, expect, test } from 'vitest';

const core = fileURLToPath(new URL('../..', import.meta.url));
const entries = ['taskbasket', 'taskbasket/worker', 'taskbasket/http', 'taskbasket/inspector'];

/**
 * A process of its own, which has to end by itself. Returns what it printed. On a busy machine with a cold disk, importing
 * jsdom alone takes ten seconds: the limit is for a process that never ends.
 */
function printed(...args: readonly string[]): unknown {
  const { status, signal, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: core,
    encoding: 'utf8',
    timeout: 100_000,
  });

  expect({ status, signal, stderr }).toEqual({ status: 0, signal: null, stderr: '' });

  return JSON.parse(stdout);
}

/** What the modules touch while they are imported. */
function touchedBy(world: 'bare' | 'jsdom', modules: readonly string[]): unknown {
  return printed('test/host/poisoned.mjs', world, ...modules);
}

/** What a script prints that is run where there is nothing of a browser. */
function printedInNode(script: string): unknown {
  return printed('--input-type=module', '--eval', script);
}

beforeAll(() => {
  if (!existsSync(new URL('../../dist/worker.js', import.meta.url))) {
    throw new Error('These tests import what is built. Run `npx tsc -p tsconfig.build.json` first.');
  }
});

describe.each(['bare', 'jsdom'] as const)('scenario 70: importing the entries in Node (%s)', (world) => {
  test('scenario 70: touches no global, and the process ends by itself', () => {
    expect(touchedBy(world, entries)).toEqual([]);
  });

  test.each(entries)('scenario 70: neither does %s alone', (entry) => {
    expect(touchedBy(world, [entry])).toEqual([]);
  });

  test('scenario 70: a module that does touch something is found', () => {
    const guilty = `
      typeof indexedDB; new BroadcastChannel('x').close(); typeof SharedWorker; typeof Worker; typeof document;
      typeof window; clearTimeout(setTimeout(() => undefined)); typeof fetch; navigator.locks; Math.random();
    `;

    expect(touchedBy(world, [`data:text/javascript,${encodeURIComponent(guilty)}`])).toEqual([
      'indexedDB',
      'BroadcastChannel',
      'SharedWorker',
      'Worker',
      'document',
      'window',
      'setTimeout',
      'fetch',
      'navigator.locks',
      'Math.random',
    ]);
  });
});

describe('scenario 70: a server that renders the app', () => {
  const page = `
    import { defineTasks, openBasket, task } from 'taskbasket';
    const tasks = defineTasks('field-notes', { saveNote: task() });
    const basket = openBasket(tasks, {
      worker: () => new SharedWorker('tasks.worker.js'),
      onWorkerError: ({ problem }) => errors.push(problem),
    });
    const errors = [];
  `;

  test('scenario 70: opens a basket and shows that nothing is known yet, and the process ends by itself', () => {
    const shown = printedInNode(`${page} console.log(JSON.stringify(basket.watch().get()));`);

    expect(shown).toEqual({ loaded: false, tasks: [], more: false });
  });

  test('scenario 70: is told that there is no worker, once, and why nothing can be added', () => {
    const told = printedInNode(`
      ${page}
      const error = await basket.add('saveNote').catch((thrown) => thrown);
      console.log(JSON.stringify({ errors, name: error.name, code: error.code, message: error.message }));
    `);

    expect(told).toEqual({
      errors: ['unsupported'],
      name: 'TaskbasketError',
      code: 'no-database',
      message: expect.stringMatching(
        /^There is no IndexedDB here: this is a server, .* Call this in a page\.$/,
      ) as string,
    });
  });
});

describe('a bundler that does not read `exports` (Parcel, by default)', () => {
  const read = (file: string): Record<string, unknown> =>
    JSON.parse(readFileSync(path.join(core, file), 'utf8')) as Record<string, unknown>;
  const { exports, main, types, files } = read('package.json') as {
    readonly exports: Readonly<Record<string, { readonly types: string; readonly default: string }>>;
    readonly main: string;
    readonly types: string;
    readonly files: readonly string[];
  };

  test('finds the same entries, by `main` and by a folder of each other entry', () => {
    expect({ types, default: main }).toEqual(exports['.']);

    const folders = Object.keys(exports).filter((entry) => entry !== '.' && entry !== './package.json');
    expect(folders).toContain('./worker');
    for (const entry of folders) {
      const folder = read(`${entry}/package.json`) as { readonly main: string; readonly types: string };
      const from = (file: string): string => `./${path.posix.join(entry, file)}`;
      expect({ types: from(folder.types), default: from(folder.main) }).toEqual(exports[entry]);
      expect(files).toContain(path.basename(entry));
    }
  });
});
