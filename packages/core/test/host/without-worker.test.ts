import 'fake-indexeddb/auto';

import { afterEach, expect, test, vi } from 'vitest';

import type { Basket, OpenOptions, WorkerError } from '../../src/index.js';
import { defineTasks, openBasket, task } from '../../src/index.js';
import { serveBasket } from '../../src/worker.js';
import { freshName } from '../support/database.js';

const factory = (): SharedWorker => new SharedWorker('tasks.worker.js', { type: 'module', name: 'field-notes' });
const opened = new Set<() => void>();

function open(options: OpenOptions): Basket<ReturnType<typeof registry>> {
  const basket = openBasket(registry(), options);
  opened.add(basket.close);

  return basket;
}

function registry() {
  return defineTasks(freshName(), { saveNote: task<string>() });
}

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  for (const close of opened) close();
  opened.clear();
});

test('where there is no SharedWorker the app is told so and what to do, once, and adding goes on', async () => {
  const errors: WorkerError[] = [];
  const basket = open({ worker: factory, onWorkerError: (error) => errors.push(error) });

  const id = await basket.add('saveNote', 'hello');

  expect(await basket.list()).toMatchObject([{ id, payload: 'hello', state: 'queued', attempts: 0 }]);
  expect(errors).toMatchObject([
    {
      name: 'WorkerError',
      code: 'worker',
      problem: 'unsupported',
      message: expect.stringMatching(/no SharedWorker.*call runBasket in the page/) as string,
      cause: expect.any(ReferenceError) as ReferenceError,
    },
  ]);
});

test('a page’s file that a worker imports says so, and no longer that the browser has no SharedWorker', async () => {
  vi.stubGlobal('WorkerGlobalScope', Object);
  const errors: WorkerError[] = [];
  open({ worker: factory, onWorkerError: (error) => errors.push(error) });
  await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 60_000 });

  expect(errors[0]?.problem).toBe('unsupported');
  expect(errors[0]?.message).toMatch(
    /openBasket was called with `worker` in a worker\. Import only the registry there/,
  );
});

test.each([
  ['Uncaught SyntaxError: Cannot use import statement outside a module', true],
  ['SyntaxError: import declarations may only appear at top level of a module', true],
  ["SyntaxError: Unexpected token '*'. import call expects one or two arguments.", true],
  ['Uncaught SyntaxError: Unexpected identifier', false],
])('a worker that fails with “%s” asks whether its type is missing: %s', async (message, asks) => {
  vi.stubGlobal('SharedWorker', Object);
  const errors: WorkerError[] = [];
  const worker = (): SharedWorker => {
    throw new Error(message);
  };
  open({ worker, onWorkerError: (error) => errors.push(error) });
  await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 60_000 });

  expect(errors[0]?.message.includes("Is { type: 'module' } missing?")).toBe(asks);
});

test.each([
  [
    'nothing, because `return` is missing',
    undefined,
    /must return the worker.*It returned undefined\. Tasks are added/,
  ],
  ['a promise', Promise.resolve({}), /must return the worker.*It returned \[object Promise\]\. Tasks are added/],
])('a `worker` that gives %s is told so, and not in words of the library’s inside', async (_, given, words) => {
  const errors: WorkerError[] = [];
  open({ worker: () => given as never, onWorkerError: (error) => errors.push(error) });
  await vi.waitFor(() => expect(errors).toHaveLength(1), { timeout: 60_000 });

  expect(errors[0]).toMatchObject({ problem: 'failed', message: expect.stringMatching(words) as string });
});

test.each([
  ['a page', { Window: Object, addEventListener: () => undefined }],
  ['a process of Node', {}],
])('serveBasket in %s says that its place is a worker, and that a page calls runBasket', (_, globals) => {
  for (const [name, value] of Object.entries(globals)) vi.stubGlobal(name, value);

  expect(() => serveBasket(registry(), { saveNote: () => undefined })).toThrow(
    /must be the script of a worker \(a page calls runBasket\)/,
  );
});

test('where there is no SharedWorker it is not tried again: none will come', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  let constructed = 0;
  const worker = (): SharedWorker => {
    constructed += 1;

    return factory();
  };
  open({ worker, onWorkerError: () => undefined });
  await vi.advanceTimersByTimeAsync(10 * 60_000);

  expect(constructed).toBe(1);
});

test('a worker that cannot be constructed for another reason is told as failed with what was thrown, once, and tried again', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const cause = new DOMException('Blocked by the content security policy.', 'SecurityError');
  const errors: WorkerError[] = [];
  let constructed = 0;
  const worker = (): SharedWorker => {
    constructed += 1;
    throw cause;
  };
  open({ worker, onWorkerError: (error) => errors.push(error) });
  await vi.advanceTimersByTimeAsync(10 * 60_000);

  expect(errors).toMatchObject([{ problem: 'failed', cause }]);
  expect(errors[0]?.message).toContain('because of "Blocked by the content security policy".');
  expect(constructed).toBeGreaterThan(5);
});

test('once the basket is closed no worker is constructed any more, and nothing is told', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout'] });
  const errors: WorkerError[] = [];
  let constructed = 0;
  const worker = (): SharedWorker => {
    constructed += 1;
    throw new Error(`refused for the time ${constructed}`);
  };
  const basket = open({ worker, onWorkerError: (error) => errors.push(error) });
  await vi.advanceTimersByTimeAsync(0);
  basket.close();
  await vi.advanceTimersByTimeAsync(10 * 60_000);

  expect([constructed, errors.length]).toEqual([1, 1]);
});

test('without onWorkerError the error is reported as an uncaught one', async () => {
  const reported: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
  const basket = open({ worker: factory });
  await basket.add('saveNote', 'hello');

  expect(reported).toMatchObject([{ problem: 'unsupported' }]);
});

test.each([[-1], [1.5], [Number.NaN], ['3']])('a basket with the build %o is refused', (build) => {
  expect(() => openBasket(registry(), { build: build as number })).toThrow(/^build must be a whole number from 0/);
});
