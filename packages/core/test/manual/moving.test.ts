import 'fake-indexeddb/auto'; // First: Dexie looks for it when it is imported.

import { Dexie } from 'dexie';
import { openDB } from 'idb';
import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Basket } from '../../src/index.js';
import { runBasket } from '../../src/worker.js';
import { blocks, laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

const { run } = laidOut('moving');

/** A request as `moving.ts` keeps it. */
interface Kept {
  readonly url: string;
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: ArrayBuffer | string;
  readonly credentials?: RequestCredentials;
}

/** A basket of any registry, as far as these tests use it. */
type AnyBasket = Basket<never> & { readonly list: () => Promise<readonly { readonly payload?: unknown }[]> };

beforeAll(() => createBrowser({ sharedWorker: false }));

afterEach(() => vi.restoreAllMocks());

class Killed extends Error {}

/** What ends with the browser, when it is killed at a request of the move. */
interface Kill {
  readonly happened: () => boolean;
  readonly over: () => void;
}

/**
 * Kills the browser at the request with this number, and at all later ones. What had been asked for before is then
 * committed or aborted: a browser may do either.
 */
function killAt(number: number, open: 'commits' | 'aborts'): Kill {
  let count = 0;
  const isKilled = (): boolean => (count += 1) >= number;
  const die = (): never => {
    throw new Killed('The browser was killed.');
  };
  const spied = (target: object, names: readonly string[], atRequest: (does: () => unknown) => unknown): void => {
    for (const name of names) {
      const methods = target as Record<string, (...given: readonly unknown[]) => unknown>;
      const does = methods[name];
      vi.spyOn(methods, name).mockImplementation(function asked(this: unknown, ...given) {
        const request = (): unknown => does?.apply(this, given);
        // The transaction of an upgrade is begun by the platform.
        return given[1] !== 'versionchange' && isKilled() ? atRequest(request) : request();
      });
    }
  };
  const dieInside = (does: () => unknown): unknown => {
    if (open === 'commits') return die();
    const request = does() as IDBRequest;
    request.transaction?.abort();

    return request;
  };
  spied(IDBDatabase.prototype, ['transaction'], die);
  spied(IDBObjectStore.prototype, ['put', 'add', 'delete'], dieInside);
  spied(IDBObjectStore.prototype, ['get', 'getAll', 'getAllKeys', 'openCursor'], die);
  spied(IDBIndex.prototype, ['get', 'getAll', 'openCursor', 'openKeyCursor'], die);
  spied(localStorage, ['getItem', 'setItem'], die);

  return { happened: () => count >= number, over: () => vi.restoreAllMocks() };
}

/** Makes the old store, kills the browser at each request of the move in turn, moves again, and looks at what is there. */
async function cutOffEverywhere(
  open: 'commits' | 'aborts',
  make: () => Promise<void>,
  move: () => Promise<unknown>,
  check: () => Promise<void>,
): Promise<number> {
  for (let number = 1; ; number += 1) {
    await make();
    const kill = killAt(number, open);
    const first = await move().then(
      () => 'moved',
      () => 'killed',
    );
    kill.over();
    expect(first).toBe(kill.happened() ? 'killed' : 'moved');
    if (kill.happened()) await move();
    await check();
    if (!kill.happened()) return number - 1;
  }
}

function textOf(body: ArrayBuffer | string | undefined): string | undefined {
  return body instanceof ArrayBuffer ? new TextDecoder().decode(body) : body;
}

/** What the service worker of the manual takes from Workbox; it keeps what it is given. */
const workbox = `
export const plugins = [];
export const routes = [];
export function BackgroundSyncPlugin(queue, { onSync }) {
  plugins.push({ queue, onSync });
}
export function NetworkOnly() {}
export function registerRoute(matches) {
  routes.push(matches);
}
`;

const stored = new Map<string, string>();
const localStorage = {
  getItem: (key: string) => stored.get(key) ?? null,
  setItem: (key: string, value: string) => void stored.set(key, value),
};
vi.stubGlobal('localStorage', localStorage);
beforeAll(() => vi.stubGlobal('location', { href: 'https://app.example/inbox/' }));

describe('requests of an old library', () => {
  let basket: AnyBasket;

  /** What was moved, in order. */
  const moved = async (): Promise<readonly { readonly lane: string | undefined; readonly payload: Kept }[]> =>
    (await basket.list()) as never;

  /** The store of Workbox, as its versions 4 to 7 make it. */
  function openWorkbox(): ReturnType<typeof openDB> {
    return openDB('workbox-background-sync', 3, {
      upgrade(made) {
        const store = made.createObjectStore('requests', { autoIncrement: true, keyPath: 'id' });
        store.createIndex('queueName', 'queueName', { unique: false });
      },
    });
  }

  /** Removes tasks and marks. */
  async function nothingMoved(): Promise<void> {
    await basket.cancel({});
    const db = await openDB('field-app');
    await db.clear('moved');
    db.close();
  }

  beforeAll(async () => {
    ({ basket } = await run<{ basket: AnyBasket }>('add-once.ts'));
  });

  beforeEach(async () => {
    await nothingMoved();
    await Dexie.delete('workbox-background-sync');
    stored.clear();
  });

  describe('of workbox-background-sync', () => {
    const bodies = ['{"text":"First"}', '{"text":"Second"}', '', 'x'.repeat(300_000)];
    const ofQueue = [...bodies, 'With a key'];

    let moveWorkbox: (queue: string) => Promise<void>;

    beforeAll(async () => {
      ({ moveWorkbox } = await run<{ moveWorkbox: (queue: string) => Promise<void> }>('move-workbox.ts'));
    });

    /** The entries of two queues. */
    async function keptByWorkbox(): Promise<void> {
      await nothingMoved();
      const db = await openWorkbox();
      await db.clear('requests');
      const entry = (queueName: string, body: string, key?: string): object => ({
        queueName,
        timestamp: 1_764_000_000_000,
        requestData: {
          url: 'https://app.example/notes/1',
          method: body === '' ? 'DELETE' : 'PUT',
          headers: { 'content-type': 'application/json', ...(key === undefined ? {} : { 'idempotency-key': key }) },
          body: Uint8Array.from(new TextEncoder().encode(body)).buffer,
          mode: 'cors',
          credentials: 'same-origin',
          cache: 'default',
          redirect: 'follow',
          referrer: 'about:client',
          referrerPolicy: '',
          integrity: '',
          keepalive: false,
        },
      });
      for (const body of bodies) {
        await db.add('requests', entry('notes', body));
        await db.add('requests', entry('other', body));
      }
      await db.add('requests', entry('notes', 'With a key', '"a1"'));
      db.close();
    }

    async function left(): Promise<readonly string[]> {
      const db = await openDB('workbox-background-sync');
      const entries = (await db.getAll('requests')) as readonly { readonly queueName: string }[];
      db.close();

      return entries.map(({ queueName }) => queueName);
    }

    test.each(['commits', 'aborts'] as const)(
      'arrive as tasks exactly once and in order, wherever a browser is killed that %s what is open',
      async (open) => {
        const steps = await cutOffEverywhere(
          open,
          keptByWorkbox,
          () => moveWorkbox('notes'),
          async () => {
            const tasks = await moved();
            expect(tasks.map(({ payload }) => textOf(payload.body))).toEqual(ofQueue);
            expect(tasks.at(-1)?.payload.headers).toMatchObject({ 'idempotency-key': '"a1"' });
            expect(new Set(tasks.map(({ lane }) => lane))).toEqual(new Set(['workbox notes']));
            expect(await left()).toEqual(['other', 'other', 'other', 'other']);
          },
        );
        expect(steps).toBeGreaterThan(20);
      },
      120_000,
    );

    test('arrive once, also if two tabs move them at the same time', async () => {
      await keptByWorkbox();
      await Promise.all([moveWorkbox('notes'), moveWorkbox('notes')]);

      expect((await moved()).map(({ payload }) => textOf(payload.body))).toEqual(ofQueue);
    });

    test('are not looked for where Workbox never was, and no database is left behind', async () => {
      await moveWorkbox('notes');

      expect((await indexedDB.databases()).map(({ name }) => name)).not.toContain('workbox-background-sync');
    });

    test('of old tabs alone are kept by the service worker, which moves them when it is woken', async () => {
      vi.stubGlobal('self', globalThis);
      const app = laidOut('service-worker', [
        ...blocks.map(({ code, ...block }) => ({
          ...block,
          code: block.name === 'sw.js' ? code.replaceAll(/'workbox-\w+(?:-\w+)?'/g, "'./workbox.js'") : code,
        })),
        { language: 'js', name: 'workbox.js', code: workbox },
      ]);
      const { basket: added } = await app.run<{ basket: AnyBasket }>('add-once.ts');
      await app.run('sw.js');
      const { plugins, routes } = await app.run<{
        readonly plugins: readonly { readonly queue: string; readonly onSync: () => Promise<void> }[];
        readonly routes: readonly ((given: { readonly url: URL; readonly request: Request }) => boolean)[];
      }>('workbox.js');

      const url = new URL('https://app.example/notes/1');
      const requests = [{}, { headers: { 'Idempotency-Key': '"a"' } }].map((init) => new Request(url, init));
      expect(requests.map((request) => routes[0]?.({ url, request }))).toEqual([true, false]);

      await keptByWorkbox();
      await plugins[0]?.onSync();
      expect(await left()).toEqual(['other', 'other', 'other', 'other']);
      expect(await added.list()).toHaveLength(ofQueue.length);
      added.close();
    });
  });

  describe('of redux-offline', () => {
    const actions = [
      { url: '/api/notes/1', method: 'PUT', json: { text: 'First' } },
      { url: '/api/notes/2', method: 'PUT', json: { text: 'Second' }, headers: { 'Content-Type': 'text/x-note' } },
      { url: 'https://api.example/notes', method: 'POST', body: 'x'.repeat(300_000) },
      { url: '/api/notes/1', method: 'PUT', json: { text: 'First' } },
    ].map((effect, place) => ({
      type: 'SAVE_NOTE',
      meta: { transaction: place + 7, offline: { effect, commit: { type: 'SAVED', meta: { place } } } },
    }));

    let moveReduxOffline: () => Promise<void>;

    beforeAll(async () => {
      ({ moveReduxOffline } = await run<{ moveReduxOffline: () => Promise<void> }>('move-redux-offline.ts'));
    });

    /** The state as redux-persist 4 stores it. */
    function state(outbox: readonly unknown[], lastTransaction: number): string {
      const network = { isConnectionExpensive: null, reach: 'none' };

      return JSON.stringify({
        busy: false,
        online: false,
        outbox,
        retryCount: 2,
        lastTransaction,
        retryScheduled: false,
        netInfo: network,
      });
    }

    async function keptByRedux(): Promise<void> {
      await nothingMoved();
      stored.set('reduxPersist:offline', state(actions, 10));
    }

    async function checkMoved(): Promise<void> {
      const tasks = await moved();
      expect(tasks.map(({ payload: { url, method } }) => `${method} ${url}`)).toEqual([
        'PUT https://app.example/api/notes/1',
        'PUT https://app.example/api/notes/2',
        'POST https://api.example/notes',
        'PUT https://app.example/api/notes/1',
      ]);
      expect(tasks.map(({ payload: { body } }) => textOf(body))).toEqual([
        '{"text":"First"}',
        '{"text":"Second"}',
        'x'.repeat(300_000),
        '{"text":"First"}',
      ]);
      expect(tasks.map(({ payload: { headers } }) => headers['content-type'])).toEqual([
        'application/json',
        'text/x-note',
        'application/json',
        'application/json',
      ]);
      expect(new Set(tasks.map(({ lane }) => lane))).toEqual(new Set(['redux-offline']));
      expect(stored.get('reduxPersist:offline')).toBe(state([], 10));
    }

    test.each(['commits', 'aborts'] as const)(
      'arrive as tasks exactly once and in order, wherever a browser is killed that %s what is open',
      async (open) => {
        const steps = await cutOffEverywhere(open, keptByRedux, moveReduxOffline, checkMoved);
        expect(steps).toBeGreaterThan(20);
      },
      120_000,
    );

    test('are not moved again when an old tab writes back what it knows, and what it added is', async () => {
      await keptByRedux();
      await moveReduxOffline();
      const { meta } = actions[0] as (typeof actions)[number];
      const later = { type: 'SAVE_NOTE', meta: { ...meta, transaction: 11 } };
      stored.set('reduxPersist:offline', state([...actions, later], 11));
      await moveReduxOffline();

      expect(await moved()).toHaveLength(actions.length + 1);
      expect(stored.get('reduxPersist:offline')).toBe(state([], 11));
    });

    test('are none where redux-offline never was, and nothing is written', async () => {
      await moveReduxOffline();

      expect([...stored]).toEqual([]);
    });
  });

  test('are sent as they were, with a key or the one that they had, and one that is refused stops no other', async () => {
    const { addOnce } = await run<{
      addOnce: (mark: string, request: Kept, lane: string) => Promise<void>;
    }>('add-once.ts');
    const bodies = ['First', '', 'Third'];
    for (const [place, body] of bodies.entries()) {
      const request = { url: 'https://app.example/notes/1', method: body === '' ? 'DELETE' : 'PUT' };
      const headers = { 'content-type': 'text/plain', ...(body === 'Third' ? { 'idempotency-key': 'order-17' } : {}) };
      await addOnce(`mark ${place}`, { ...request, headers, body: new TextEncoder().encode(body).buffer }, 'old');
    }
    const tasks = (await basket.list()) as readonly { readonly id: string }[];
    const sent: { readonly input: unknown; readonly init: RequestInit | undefined }[] = [];
    vi.stubGlobal('fetch', async (input: unknown, init?: RequestInit) => {
      sent.push({ input, init });

      return new Response('', { status: sent.length === 1 ? 422 : 200 });
    });
    vi.stubGlobal('addEventListener', () => undefined); // A worker has it.
    await run('moving.worker.ts');
    await until(async () => expect(await basket.list()).toMatchObject([{ state: 'dead' }])); // The others went on.

    expect(sent.map(({ init }) => textOf(init?.body as ArrayBuffer))).toEqual(bodies);
    expect(sent.map(({ init }) => init?.method)).toEqual(['PUT', 'DELETE', 'PUT']);
    expect(sent.map(({ init }) => Object.fromEntries(new Headers(init?.headers)))).toEqual(
      tasks.map(({ id }, place) => ({
        'content-type': 'text/plain',
        'idempotency-key': place === 2 ? 'order-17' : `"${id}"`,
      })),
    );
    expect(new Set(sent.map(({ input }) => input))).toEqual(new Set(['https://app.example/notes/1']));
  });

  test('send cookies to another origin if the old library did', async () => {
    const { moveWorkbox } = await run<{ moveWorkbox: (queue: string) => Promise<void> }>('move-workbox.ts');
    const { moveReduxOffline } = await run<{ moveReduxOffline: () => Promise<void> }>('move-redux-offline.ts');
    const request = { method: 'PUT', credentials: 'include', headers: {}, body: '' };
    const db = await openWorkbox();
    const requestData = { ...request, url: 'https://api.example/workbox' };
    await db.add('requests', { queueName: 'notes', timestamp: 1, requestData });
    db.close();
    const effect = { ...request, url: 'https://api.example/redux-offline' };
    stored.set('reduxPersist:offline', JSON.stringify({ outbox: [{ meta: { transaction: 1, offline: { effect } } }] }));

    const sent = new Map<string, RequestCredentials | undefined>();
    vi.stubGlobal('fetch', async (url: string, init?: RequestInit) => {
      sent.set(url, init?.credentials);

      return new Response('');
    });
    vi.stubGlobal('addEventListener', () => undefined); // A worker has it.
    await moveWorkbox('notes');
    await moveReduxOffline();
    await run('moving.worker.ts');
    await until(async () => expect(await basket.list()).toEqual([]));

    expect(sent).toEqual(
      new Map([
        ['https://api.example/workbox', 'include'],
        ['https://api.example/redux-offline', 'include'],
      ]),
    );
  });
});

describe('an outbox in Dexie', () => {
  interface Outbox {
    readonly db: Dexie;
    readonly basket: AnyBasket;
    readonly movePhotos: () => Promise<void>;
  }
  /** A page of the new build, anew each time. */
  let pages = 0;
  const openPage = (file: string): Promise<Outbox> => run<Outbox>(`${file}?page=${(pages += 1)}`);

  /** What the old build left. */
  async function keptInDexie(name: string, stores: Record<string, string>, entries: readonly object[]): Promise<void> {
    await Dexie.delete(name);
    const old = new Dexie(name);
    old.version(1).stores(stores);
    for (const entry of entries) await old.table(Object.keys(stores).at(-1) ?? '').add(entry);
    old.close();
  }

  test('is moved by the upgrade, as a whole and once, wherever that is cut off', async () => {
    const entries = ['First', 'Second', 'Third'].map((text, place) => ({
      note: { id: place === 1 ? 'b' : 'a', text },
      createdAt: 1_764_000_000_000 - place, // The order is that of the keys.
      status: 'pending',
      ...(place === 0 ? { idempotencyKey: 'old-key', status: 'sending' } : {}),
    }));
    let cuts = 0;
    for (let number = 1; ; number += 1) {
      await keptInDexie('field-outbox', { notes: 'id', outbox: '++id, createdAt, status' }, entries);
      const killed = await openPage('outbox-db.ts');
      const kill = killAt(number, 'aborts');
      await killed.db.open().catch(() => undefined);
      kill.over();
      killed.db.close();
      killed.basket.close();
      if (kill.happened()) cuts += 1;

      const { db, basket } = await openPage('outbox-db.ts');
      expect(await basket.list()).toMatchObject([
        { payload: { id: 'a', text: 'First', oldKey: 'old-key' }, lane: 'a' },
        { payload: { id: 'b', text: 'Second', oldKey: undefined }, lane: 'b' },
        { payload: { id: 'a', text: 'Third', oldKey: undefined }, lane: 'a' },
      ]);
      await db.open();
      expect([...db.backendDB().objectStoreNames]).not.toContain('outbox');
      db.close();
      basket.close();
      if (!kill.happened()) break;
    }
    expect(cuts).toBeGreaterThan(3);
  }, 120_000);

  test('is moved once, if the basket comes first and two tabs open at the same time, and then it is sent', async () => {
    await keptInDexie('field-outbox', { notes: 'id', outbox: '++id, createdAt, status' }, [
      { note: { id: 'a', text: 'First' } },
    ]);
    const [one, other] = [await openPage('outbox-db.ts'), await openPage('outbox-db.ts')];
    const lists = await Promise.all([one.basket.list(), other.basket.list()]);
    expect(lists).toMatchObject([[{ payload: { text: 'First' } }], [{ payload: { text: 'First' } }]]);

    const stop = new AbortController();
    const sent: unknown[] = [];
    const handlers = { saveNote: (note: unknown) => void sent.push(note) } as never;
    const stopped = runBasket(one.basket, handlers, { signal: stop.signal });
    await until(async () => expect(await one.basket.list()).toEqual([]));
    stop.abort();
    await stopped;
    expect(sent).toMatchObject([{ text: 'First' }]);
    for (const { db, basket } of [one, other]) {
      db.close();
      basket.close();
    }
  });

  test('with photos is moved entry by entry, each once, wherever that is cut off', async () => {
    const photos = ['one', 'two'].map((text) => ({ photo: new Blob([text.repeat(1_000)]) }));
    const page = await openPage('move-photos.ts');
    await keptInDexie('field-photos', { photos: '++id' }, []);
    const keep = async (): Promise<void> => {
      await page.basket.cancel({});
      await page.db.table('photos').clear();
      await page.db.table('photos').bulkAdd(photos);
    };
    const steps = await cutOffEverywhere('aborts', keep, page.movePhotos, async () => {
      expect(await page.db.table('photos').count()).toBe(0);
      const tasks = (await page.basket.list()) as readonly { readonly payload: { readonly photo: Blob } }[];
      expect(tasks.map(({ payload }) => payload.photo.size)).toEqual([3_000, 3_000]);
    });
    expect(steps).toBeGreaterThan(6);
    page.db.close();
    page.basket.close();
  }, 120_000);
});
