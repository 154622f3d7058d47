import 'fake-indexeddb/auto';

import { expose } from 'comlink';
import { afterEach, expect, test, vi } from 'vitest';

import type { Counting } from '../support/counting.js';
import { startCounting } from '../support/counting.js';
import { defineTasks, openBasket, session, task } from '../../src/index.js';
import { protocol } from '../../src/host/messages.js';
import { platformPorts } from '../../src/ports/platform.js';
import { runBasket } from '../../src/worker.js';
import { freshName, openRaw } from '../support/database.js';
import { createWorld } from '../support/world.js';

let counting: Counting | undefined;

afterEach(() => {
  counting?.end();
  counting = undefined;
  vi.restoreAllMocks();
  vi.unstubAllGlobals();
});

const define = () => defineTasks(freshName(), { send: task<number>() });

/** Lets what was begun come to its end. */
async function atRest(): Promise<void> {
  for (let turn = 0; turn < 30; turn += 1) await atNextTurn();
}

function atNextTurn(): Promise<unknown> {
  return new Promise((resolve) => setImmediate(resolve));
}

/** What is left of listeners, timers and ports. */
function left(): readonly number[] {
  return [counting?.listeners() ?? -1, counting?.timers() ?? -1, counting?.ports() ?? -1];
}

/** What is left once it has not changed for longer than a watch rests. On a busy machine that may take a while. */
async function leftAtRest(): Promise<readonly number[]> {
  let [found, since] = [left(), performance.now()];
  while (performance.now() - since < 1_500) {
    await new Promise((resolve) => setImmediate(resolve));
    const next = left();
    if (next.join() !== found.join()) [found, since] = [next, performance.now()];
  }

  return found;
}

/** What is left in the end: a watch rests for a second after it has looked, and longer on a busy machine. */
function leftInTheEnd(): Promise<readonly number[]> {
  return vi.waitFor(() => expect(left()).toEqual([0, 0, 0]), { timeout: 60_000 }).then(left, left);
}

/** A page: a document, and the events of a window. */
function stubPage(): { readonly page: EventTarget; readonly show: (state: 'visible' | 'hidden') => void } {
  const page = new EventTarget();
  const document = Object.assign(new EventTarget(), { visibilityState: 'visible' });
  vi.stubGlobal('document', document);
  for (const name of ['addEventListener', 'removeEventListener', 'dispatchEvent'] as const) {
    vi.stubGlobal(name, page[name].bind(page));
  }

  return {
    page,
    show(state) {
      document.visibilityState = state;
      document.dispatchEvent(new Event('visibilitychange'));
    },
  };
}

const transition = (name: string, persisted: boolean): Event => Object.assign(new Event(name), { persisted });

/** A worker of a basket that answers when it may. It runs no task. */
function stubWorker(registry: ReturnType<typeof define>, mayAnswer: () => Promise<unknown> = () => Promise.resolve()) {
  const alive = `alive ${registry.name}`;
  void platformPorts().locks.request(alive, {}, () => new Promise(() => undefined));
  const basket = `taskbasket:${JSON.stringify(registry.name)}:${JSON.stringify(registry.bucket)}`;
  const told = { started: 0, open: 0, asked: 0 };
  const hello = async () => {
    told.asked += 1;
    await mayAnswer();

    return { protocol, basket, build: 0, alive };
  };
  const worker = () => {
    const { port1, port2 } = new MessageChannel();
    port1.addEventListener('close', () => (told.open -= 1));
    expose({ hello }, port2);
    told.started += 1;
    told.open += 1;

    return { port: port1, addEventListener: () => undefined };
  };

  return { told, worker };
}

test('a page lets go of its worker as it goes into the cache, asks it when it is seen again, and takes one when it is back', async () => {
  const { page, show } = stubPage();
  const tasks = define();
  const { told, worker } = stubWorker(tasks);
  const basket = openBasket(tasks, { worker });
  await vi.waitFor(async () => expect((await basket.health()).worker).toMatchObject({ state: 'running' }), 60_000);
  show('hidden');
  // On a busy machine the page constructs its SharedWorker again, and lets go of all connections but one.
  const { asked, started } = told;
  show('visible');
  // Less than the two seconds after which it is asked in any case.
  for (let turn = 0; turn < 3_000 && told.asked === asked; turn += 1) await atNextTurn();
  expect(told.asked).toBeGreaterThan(asked);
  expect(told).toMatchObject({ started, open: 1 });
  page.dispatchEvent(transition('pagehide', true));
  await vi.waitFor(() => expect(told).toMatchObject({ started, open: 0 }), 60_000);
  page.dispatchEvent(transition('pageshow', true));
  await vi.waitFor(() => expect(told.open).toBe(1), 60_000);
  expect(told.started).toBeGreaterThan(started);
  basket.close();
});

test('while the worker of a page starts, its tasks are not said to wait for a runner', async () => {
  const tasks = define();
  const { worker } = stubWorker(tasks, () => new Promise(() => undefined));
  const basket = openBasket(tasks, { worker, onWorkerError: () => undefined });
  const id = await basket.add('send', 1);
  expect(await basket.explain(id)).toEqual([]);
  basket.close();
});

test('a hundred baskets that were opened, used and closed leave nothing behind', async () => {
  stubPage();
  const tasks = define();
  const first = openBasket(tasks);
  await first.add('send', 0);
  first.close();
  await atRest();
  counting = startCounting();

  for (let time = 1; time <= 100; time += 1) {
    const basket = openBasket(tasks);
    const stop = basket.watch().subscribe(() => undefined);
    basket.on('added', () => undefined);
    await basket.add('send', time);
    if (time % 2 === 0) stop();
    basket.close();
  }

  expect(await leftInTheEnd()).toEqual([0, 0, 0]);
});

test('a runner that was stopped thirty times leaves nothing behind, neither on its signal nor on the basket', async () => {
  const basket = openBasket(define());
  await basket.list();
  await atRest();
  counting = startCounting();
  const marks: (readonly number[])[] = [];

  for (let time = 1; time <= 30; time += 1) {
    const stopping = new AbortController();
    const ended = runBasket(basket, { send: () => undefined }, { signal: stopping.signal });
    const waiting = runBasket(basket, { send: () => undefined }, { signal: stopping.signal });
    const id = await basket.add('send', time);
    await basket.settled(id);
    stopping.abort();
    await Promise.all([ended, waiting]);
    if (time === 2 || time === 30) marks.push(await leftAtRest());
  }
  basket.close();
  await atRest();

  expect(marks[1]).toEqual(marks[0]);
  expect(left().slice(1)).toEqual([0, 0]);
});

test('a hundred tasks in one transaction of the app put as many listeners on it as one, and are told together', async () => {
  const tasks = define();
  const world = createWorld();
  const { basket, context } = world.open(tasks);
  await basket.list();
  const db = await openRaw(tasks.name);
  const listeners: number[] = [];
  const said = vi.spyOn(context.hub, 'say');
  for (const count of [1, 100]) {
    const transaction = db.transaction([...tasks.stores], 'readwrite');
    const added = vi.spyOn(transaction, 'addEventListener');
    for (let number = 0; number < count; number += 1) basket.addTx(transaction, 'send', number);
    listeners.push(added.mock.calls.length);
    await world.settle();
  }
  db.close();

  expect(listeners[1]).toBe(listeners[0]);
  expect(said).toHaveBeenCalledTimes(2);
  expect(await basket.count()).toMatchObject({ count: 101 });
});

test('prepared tasks of one transaction that aborts can all be added again', async () => {
  const tasks = define();
  const world = createWorld();
  const { basket } = world.open(tasks);
  const prepared = await Promise.all([1, 2, 3].map((number) => basket.prepare('send', number)));
  await basket.list();
  const db = await openRaw(tasks.name);
  const lost = db.transaction([...tasks.stores], 'readwrite');
  for (const one of prepared) basket.addTx(lost, one);
  lost.abort();
  await world.settle();
  const kept = db.transaction([...tasks.stores], 'readwrite');
  for (const one of prepared) basket.addTx(kept, one);
  await world.settle();
  db.close();

  expect((await basket.list()).map(({ payload }) => payload)).toEqual([1, 2, 3]);
});

test('a page that goes with a hundred transactions under way says "look" once', async () => {
  const { page } = stubPage();
  const tasks = define();
  const basket = openBasket(tasks);
  await basket.list();
  await atRest();
  const kinds: unknown[] = [];
  vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation((message: unknown) => {
    kinds.push((message as { readonly kind: string }).kind);
  });

  const ends = Array.from({ length: 100 }, () => basket.addMany([['send', 1]]));
  await new Promise((resolve) => queueMicrotask(() => resolve(undefined)));
  page.dispatchEvent(transition('pagehide', false));
  expect(kinds).toEqual(['look']);
  await Promise.all(ends);
  basket.close();
});

test('a page that is closed after a transaction of the app was aborted has nothing to say', async () => {
  const { page } = stubPage();
  const tasks = define();
  const basket = openBasket(tasks);
  await basket.list();
  await atRest();
  const db = await openRaw(tasks.name);
  const lost = db.transaction([...tasks.stores], 'readwrite');
  basket.addTx(lost, 'send', 1);
  lost.abort();
  await new Promise((resolve) => lost.addEventListener('abort', resolve));
  const said = vi.spyOn(BroadcastChannel.prototype, 'postMessage');
  page.dispatchEvent(transition('pagehide', false));
  expect(said).not.toHaveBeenCalled();
  db.close();
  basket.close();
});

test('a page that comes back from the cache says that it is visible, so that a closed gate is tried soon', async () => {
  const { page, show } = stubPage();
  const basket = openBasket(define());
  await basket.list();
  await atRest();
  const said: unknown[] = [];
  vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation((message: unknown) => {
    said.push(message);
  });
  page.dispatchEvent(transition('pagehide', true));
  show('hidden');
  // The browser shows the page before it fires `pageshow`, when nothing may be said yet.
  show('visible');
  await atRest();
  expect(said).toEqual([]);
  page.dispatchEvent(transition('pageshow', true));
  await atRest();
  basket.close();

  expect(said).toContainEqual(expect.objectContaining({ kind: 'wake', visible: true }));
});

test('a page that is online again says so, so that the pages of many people do not probe in the same second', async () => {
  const { page, show } = stubPage();
  const basket = openBasket(define());
  const said: unknown[] = [];
  vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation((message: unknown) => {
    said.push(message);
  });
  await atRest();
  said.length = 0;
  page.dispatchEvent(new Event('online'));
  await atRest();
  show('hidden');
  page.dispatchEvent(new Event('online'));
  await atRest();
  basket.close();

  expect(said).toEqual([
    { kind: 'wake', visible: true, online: true },
    { kind: 'wake', visible: false, online: true },
  ]);
});

test.each([
  ['is closed', false],
  ['goes into the cache', true],
])(
  'a page that %s says "look again" as it goes if an add is under way, and otherwise nothing',
  async (_, persisted) => {
    const { page } = stubPage();
    const basket = openBasket(define());
    await basket.list();
    const said: unknown[] = [];
    vi.spyOn(BroadcastChannel.prototype, 'postMessage').mockImplementation((message: unknown) => {
      said.push(message);
    });
    await atRest();
    said.length = 0;
    page.dispatchEvent(transition('pagehide', persisted));
    expect(said).toEqual([]);
    page.dispatchEvent(transition('pageshow', persisted));
    await atRest();
    said.length = 0;
    const added = basket.add('send', 1);
    page.dispatchEvent(transition('pagehide', persisted));
    expect(said).toEqual([{ kind: 'look' }]);

    await added;
    basket.close();
  },
);

test('a page that comes back from the cache hears that somebody else has signed in meanwhile, and nothing if nobody has', async () => {
  const { page } = stubPage();
  const tasks = defineTasks(freshName(), { send: task<number>() }, { session: session() });
  const basket = openBasket(tasks);
  await basket.signIn('ann');
  const told: unknown[] = [];
  basket.on('session', (event) => void told.push(event));
  const [goes, comes] = [transition('pagehide', true), transition('pageshow', true)];
  page.dispatchEvent(goes);
  page.dispatchEvent(comes);
  await atRest();
  expect(told).toEqual([]);

  page.dispatchEvent(goes);
  const other = createWorld().open(tasks).basket;
  await other.signIn('bob');
  await atRest();
  expect(told).toEqual([]);
  page.dispatchEvent(comes);
  await vi.waitFor(() => expect(told).toEqual([{ event: 'session', owner: 'bob', state: 'changed' }]));
  basket.close();
});

test('a page that comes and goes a hundred times, visible and hidden, leaves as much behind as once', async () => {
  const { page, show } = stubPage();
  const basket = openBasket(define());
  const stop = basket.watch().subscribe(() => undefined);
  await basket.add('send', 1);
  await atRest();
  counting = startCounting();
  const marks: (readonly number[])[] = [];
  for (let time = 1; time <= 100; time += 1) {
    page.dispatchEvent(transition('pagehide', true));
    await atRest();
    page.dispatchEvent(transition('pageshow', true));
    show('hidden');
    show('visible');
    await atRest();
    if (time === 2 || time === 100) marks.push(await leftAtRest());
  }
  expect(marks[1]).toEqual(marks[0]);
  stop();
  basket.close();

  expect(await leftInTheEnd()).toEqual([0, 0, 0]);
});

test('an `open` that gives the same connection each time puts one listener on it', async () => {
  const name = freshName();
  const app = await openRaw(name, 1, (_tx, db) => void db.createObjectStore('notes'));
  const added = vi.spyOn(app, 'addEventListener');
  const tasks = defineTasks(name, { send: task<number>() }, { open: () => Promise.resolve(app) });
  const { basket } = createWorld().open(tasks);
  for (let time = 0; time < 50; time += 1) {
    await expect(basket.add('send', time)).rejects.toMatchObject({ code: 'stores-missing' });
  }

  // The same function fifty times is one listener.
  expect(new Set(added.mock.calls.map(([, listener]) => listener)).size).toBe(1);
  app.close();
});
