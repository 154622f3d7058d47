import 'fake-indexeddb/auto';

import { afterEach, expect, test, vi } from 'vitest';

import { defineTasks, openBasket, task } from '../../src/index.js';
import { runBasket } from '../../src/worker.js';
import { freshName } from '../support/database.js';

const registry = () => defineTasks(freshName(), { send: task<string>() });
const refusal = (): DOMException => new DOMException('The frame has no origin.', 'SecurityError');
const refuse = (): never => {
  throw refusal();
};
const closing = new Set<() => void>();

afterEach(() => {
  for (const close of closing) close();
  closing.clear();
  vi.unstubAllGlobals();
});

/** Replaces a global by a getter that throws, as browsers have it in a frame without an origin. */
function refuseGlobal(name: string): void {
  vi.stubGlobal(name, undefined);
  Object.defineProperty(globalThis, name, { configurable: true, get: refuse });
}

/** Adds a task and waits until it ran; gives what the handler was called with. */
async function addAndRun(): Promise<readonly string[]> {
  const tasks = registry();
  const basket = openBasket(tasks);
  const stopping = new AbortController();
  const ran: string[] = [];
  const running = runBasket(basket, { send: (text) => void ran.push(text) }, { signal: stopping.signal });
  closing.add(basket.close);

  const id = await basket.add('send', 'hello');
  expect(await basket.settled(id)).toMatchObject({ state: 'done' });
  expect(await basket.health()).toMatchObject({ runner: { led: true } });
  stopping.abort();
  await running;

  return ran;
}

test.each([
  ['is null (happy-dom)', { locks: null }],
  ['is no lock manager', { locks: {} }],
  [
    'rejects every request (a frame without an origin)',
    { locks: { request: () => Promise.reject(refusal()), query: () => Promise.reject(refusal()) } },
  ],
  ['throws at every request', { locks: { request: refuse, query: refuse } }],
  [
    'throws when it is asked for',
    {
      get locks() {
        return refuse();
      },
    },
  ],
])('where navigator.locks %s, tasks are added and run under locks of this process', async (_, navigator) => {
  vi.stubGlobal('navigator', navigator);

  expect(await addAndRun()).toEqual(['hello']);
});

test('where navigator is null, tasks are added and run', async () => {
  vi.stubGlobal('navigator', null);

  expect(await addAndRun()).toEqual(['hello']);
});

test('where the storage manager throws when it is asked for, health says nothing of it', async () => {
  vi.stubGlobal('navigator', {
    get storage() {
      return refuse();
    },
  });
  const basket = openBasket(registry());
  closing.add(basket.close);

  expect(await basket.health()).toMatchObject({ storage: {} });
});

test.each([
  ['cannot be constructed', refuse],
  [
    'takes no message',
    class extends EventTarget {
      readonly postMessage = refuse;
      readonly close = (): void => undefined;
    },
  ],
])('where a BroadcastChannel %s, tasks are added and run', async (_, channel) => {
  vi.stubGlobal('BroadcastChannel', channel);

  expect(await addAndRun()).toEqual(['hello']);
});

test.each([[undefined], [null]])('where MessageChannel is %o (jsdom), tasks are added and run', async (channel) => {
  vi.stubGlobal('MessageChannel', channel);

  expect(await addAndRun()).toEqual(['hello']);
});

test('where BroadcastChannel throws when it is asked for, tasks are added and run', async () => {
  refuseGlobal('BroadcastChannel');

  expect(await addAndRun()).toEqual(['hello']);
});

test.each([
  ['throws when it is asked for', () => refuseGlobal('indexedDB')],
  ['is null', () => vi.stubGlobal('indexedDB', null)],
  ['is undefined', () => vi.stubGlobal('indexedDB', undefined)],
  ['throws at each open', () => vi.stubGlobal('indexedDB', { open: refuse })],
])('where indexedDB %s, each call rejects with no-database', async (_, take) => {
  take();
  const basket = openBasket(registry());
  closing.add(basket.close);
  const ends = await Promise.allSettled([
    basket.add('send', 'hello'),
    basket.addMany([['send', 'hello']]),
    basket.get('x'),
    basket.list(),
    basket.count(),
    basket.explain('x'),
    basket.update('x', 'hello'),
    basket.cancel('x'),
    basket.retry('x'),
    basket.settled('x'),
    basket.health(),
  ]);

  expect(ends.map((end) => (end.status === 'rejected' ? (end.reason as { code: string }).code : end.value))).toEqual(
    ends.map(() => 'no-database'),
  );
  expect(basket.watch().get()).toMatchObject({ tasks: [] });
});

test.each([
  ['throws when it is asked for', () => refuseGlobal('indexedDB')],
  ['is undefined', () => vi.stubGlobal('indexedDB', undefined)],
])('where indexedDB %s, runBasket rejects: it can never lead', async (_, take) => {
  take();
  const basket = openBasket(registry());
  closing.add(basket.close);

  await expect(runBasket(basket, { send: () => undefined })).rejects.toMatchObject({ code: 'no-database' });
});
