/**
 * Does an origin store a secret? Each browser test that has one looks when it ends, by its fixtures: see `page` in
 * `fixture.ts`.
 */
import type { Page } from '@playwright/test';
import { expect } from '@playwright/test';

/** The secrets of one test. */
export interface Secrets {
  /** What must be stored nowhere: what a server has given to a page as a secret, and what came to it as one. */
  readonly known: Set<string>;
  /** What the test itself stores, to show that it is found. */
  readonly planted: Set<string>;
}

/** Adds the credentials of a request to the secrets. */
export function learn({ known }: Secrets, authorization: string | undefined): void {
  const secret = authorization?.replace(/^Bearer ?/, '') ?? '';
  if (secret !== '') known.add(secret);
}

/** Fails if the origin of `url` stores a secret that was not planted, or if one is not found that was planted. */
export async function expectNoSecrets(page: Page, url: string | undefined, { known, planted }: Secrets): Promise<void> {
  const all = [...new Set([...known, ...planted])];
  if (all.length === 0) return;
  const short = all.filter((secret) => secret.length < 8);
  expect(short, 'a secret needs eight characters, so that no other text has it').toEqual([]);

  const found = await (await pageAt(page, url)).evaluate(storedOf, all);
  expect([...found].sort(), 'the secrets that are stored').toEqual([...planted].sort());
}

/** The page, or another one of its context, if it has left the origin or is closed. */
async function pageAt(page: Page, url = ''): Promise<Page> {
  const origin = await page.evaluate(() => location.origin).catch(() => undefined);
  if (origin === url) return page;
  const other = await page.context().newPage();
  await other.goto(`${url}/there-is-nothing-here`);

  return other;
}

/**
 * Which of these texts does this origin store: in databases, with the Blobs and buffers in their records, in
 * localStorage, in sessionStorage, in cookies that scripts can read, or in caches? Runs in a page, so it needs nothing
 * from outside.
 */
export async function storedOf(texts: readonly string[]): Promise<readonly string[]> {
  const parts: unknown[] = [Object.entries(localStorage), Object.entries(sessionStorage), document.cookie];
  for (const name of await caches.keys()) {
    const cache = await caches.open(name);
    for (const request of await cache.keys()) {
      const response = await cache.match(request);
      parts.push(name, request.url, [...request.headers], [...(response?.headers ?? [])], await response?.blob());
    }
  }
  for (const { name = '' } of await indexedDB.databases()) parts.push(name, await recordsOf(name));

  const bytes: Blob[] = [];
  const json = JSON.stringify(parts, (_, part: unknown) => {
    if (part instanceof Blob) bytes.push(part);
    if (part instanceof ArrayBuffer || ArrayBuffer.isView(part)) {
      bytes.push(new Blob([part as ArrayBuffer]));

      return 'bytes'; // Each byte of a view would be a part of its own: a second for the runner's reserve.
    }
    if (part instanceof Map || part instanceof Set) return [...part];
    if (part instanceof Error) return [part.name, part.message, part.stack, part.cause];

    return part instanceof File ? part.name : part;
  });
  const all = [json, ...(await Promise.all(bytes.map((one) => one.text())))];

  return texts.filter((text) => all.some((one) => one.includes(text)));

  /** Every key and every record of every store of a database. */
  async function recordsOf(name: string): Promise<unknown> {
    const db = await resultOf(indexedDB.open(name));
    try {
      const stores = [...db.objectStoreNames];
      if (stores.length === 0) return undefined;
      const tx = db.transaction(stores);
      const reads = stores
        .map((store) => tx.objectStore(store))
        .map((store) => [store.getAllKeys(), store.getAll()] as const);

      return await Promise.all(
        reads.map(([keys, records]) => Promise.all([resultOf(keys), resultOf<unknown[]>(records)])),
      );
    } finally {
      db.close();
    }
  }

  function resultOf<Value>(request: IDBRequest<Value>): Promise<Value> {
    return new Promise((resolve, reject) => {
      request.addEventListener('success', () => resolve(request.result));
      request.addEventListener('error', () => reject(request.error ?? new Error('The database cannot be read.')));
    });
  }
}
