import { isBodyKey } from '../pure/key.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import type { TransactContext } from './transact.js';
import { read } from './transact.js';

/** A payload of another store, or another value that may be large. `lost`: it is not there, or cannot be read. */
export type StoredPayload = { readonly value: unknown } | { readonly lost: true };

/**
 * Reads payloads that are not in their rows, each store in a transaction of its own, so that no other waits for a heavy
 * one.
 */
export async function readPayloads(
  context: TransactContext,
  refs: readonly string[],
): Promise<ReadonlyMap<string, StoredPayload>> {
  const found = (['payloads', 'bodies'] as const).map(async (store) => {
    const keys = refs.filter((ref) => isBodyKey(ref) === (store === 'bodies'));
    if (keys.length === 0) return [];

    return read(
      context,
      (stores) => Promise.all(keys.map(async (key) => [key, await payloadAt(stores[store].get(key))] as const)),
      [store],
    );
  });

  return new Map((await Promise.all(found)).flat());
}

/** The payload under a key that a row names. If there is none, it is lost. */
async function payloadAt(request: IDBRequest<unknown>): Promise<StoredPayload> {
  const found = await readable(request);

  return 'value' in found && found.value === undefined ? { lost: true } : found;
}

/**
 * The answer to a request for a value. A value that the browser cannot read is lost, but does not abort the
 * transaction, so that other values are read. (Chromium keeps large values in files of their own.)
 */
export async function readable(request: IDBRequest<unknown>): Promise<StoredPayload> {
  request.addEventListener('error', (event) => event.preventDefault());
  try {
    const value = await answer(request);

    // The library stores no null. Chromium returns null for a value that is nested too deep for the stack of a worker.
    return value === null ? { lost: true } : { value };
  } catch (error) {
    // The transaction was aborted, which says nothing about the value.
    if (request.error?.name === 'AbortError') throw error;

    return { lost: true };
  }
}

/**
 * Deletes the payload of a row, if it is in another store. A heavy body is deleted after the transaction has completed,
 * because no transaction names its store beside other stores. If that fails, the body is collected later.
 */
export function deletePayload({ payloads }: Pick<Stores, 'payloads'>, { ref }: { readonly ref?: string }): void {
  if (typeof ref !== 'string') return;
  if (!isBodyKey(ref)) {
    payloads.delete(ref);

    return;
  }

  const { name, transaction } = payloads;
  const bodies = name.replace(/payloads$/, 'bodies');
  transaction.addEventListener('complete', () => {
    try {
      transaction.db.transaction([bodies], 'readwrite', { durability: 'relaxed' }).objectStore(bodies).delete(ref);
    } catch {
      // The connection was closed.
    }
  });
}
