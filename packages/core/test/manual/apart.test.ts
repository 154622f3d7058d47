import { afterEach, beforeAll, describe, expect, test, vi } from 'vitest';

import type { Basket } from '../../src/index.js';
import { defineTasks } from '../../src/pure/registry.js';
import { runBasket } from '../../src/worker.js';
import { contentsOf, openRaw } from '../support/database.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

const { run } = laidOut('apart');

beforeAll(() => createBrowser({ sharedWorker: false }));

afterEach(() => vi.unstubAllGlobals());

describe('a photo', () => {
  interface Photos {
    readonly basket: Basket<never>;
    readonly keepPhoto: (report: string, photo: Blob) => Promise<string>;
  }
  /** Firefox asks the person, and nobody answers. */
  const persist = vi.fn<() => Promise<boolean>>(() => new Promise(() => undefined));
  const storage = { persist, estimate: async () => ({ usage: 90, quota: 100 }) };

  test('is kept in a store of its own, also if nobody answers whether the storage may stay, and is sent byte for byte', async () => {
    vi.stubGlobal('navigator', { storage });
    const { basket, keepPhoto } = await run<Photos>('photos.ts');
    const bytes = Uint8Array.from({ length: 300_000 }, (_, n) => n % 251);

    expect(await keepPhoto('r1', new Blob([bytes], { type: 'image/jpeg' }))).toBe(
      'The photo is kept, and will be sent.',
    );
    expect(persist).toHaveBeenCalledOnce();
    const { bodies, tasks } = await contentsOf(defineTasks('photos', {}));
    expect([bodies.size, tasks[0]?.payload]).toEqual([1, undefined]);

    const stop = new AbortController();
    const sent = new Promise<Blob>((resolve) => {
      const handlers = { sendPhoto: ({ photo }: { photo: Blob }) => resolve(photo) } as never;
      void runBasket(basket, handlers, { signal: stop.signal });
    });
    expect(new Uint8Array(await (await sent).arrayBuffer())).toEqual(bytes);
    await until(async () => expect((await contentsOf(defineTasks('photos', {}))).bodies.size).toBe(0));
    stop.abort();
  });

  test('for which there is no room is not kept, and the person is told', async () => {
    vi.stubGlobal('navigator', { storage });
    const { keepPhoto } = await run<Photos>('photos.ts');
    const put = vi.spyOn(IDBObjectStore.prototype, 'put').mockImplementation(() => {
      throw new DOMException('The disk is full.', 'QuotaExceededError');
    });

    expect(await keepPhoto('r2', new Blob(['photo']))).toBe(
      'There is no room for the photo: 90 of 100 bytes are in use.',
    );
    put.mockRestore();
    expect((await contentsOf(defineTasks('photos', {}))).tasks).toEqual([]);
  });

  test('is kept in a browser that has no navigator.storage, and the person sees no error', async () => {
    vi.stubGlobal('navigator', {});
    const { keepPhoto } = await run<Photos>('photos.ts');

    expect(await keepPhoto('r3', new Blob(['photo']))).toBe('The photo is kept, and will be sent.');
  });
});

describe('a secret', () => {
  interface Secrets {
    readonly basket: Basket<never>;
    readonly tell: (secret: string, begin: () => IDBTransaction) => Promise<string>;
  }

  test('is encrypted ahead of the transaction, cannot be read in the database, and is read by its handler', async () => {
    const { basket, tell } = await run<Secrets>('secrets.ts');
    await basket.list(); // The database is there.
    const db = await openRaw('secrets');
    const begin = (): IDBTransaction => db.transaction([...db.objectStoreNames], 'readwrite');
    await tell('The key lies under the mat.', begin);

    const [row] = (await contentsOf(defineTasks('secrets', {}))).tasks;
    const sealed = row?.payload as { readonly data: ArrayBuffer } | undefined;
    expect(sealed?.data.byteLength).toBeGreaterThan(20);
    expect(Buffer.from(sealed?.data ?? new ArrayBuffer(0)).toString('latin1')).not.toContain('mat');
    expect(await basket.list()).toMatchObject([{ payload: { secret: 'The key lies under the mat.' } }]);

    const stop = new AbortController();
    const told = new Promise((resolve) => {
      void runBasket(basket, { tell: resolve } as never, { signal: stop.signal });
    });
    expect(await told).toEqual({ secret: 'The key lies under the mat.' });
    stop.abort();
    db.close();
  });
});
