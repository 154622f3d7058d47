import { isBodyKey } from '../pure/key.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import type { TransactContext } from './transact.js';
import { read } from './transact.js';

/** A payload that lies apart, or another value that may be large. */
export type StoredPayload = { readonly value: unknown } | { readonly lost: true };

/** Reads payloads that lie apart, those of either store in a transaction of its own: no other waits for a heavy one. */
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

/** A payload under a key that a row names: it is lost also if nothing lies there. */
async function payloadAt(request: IDBRequest<unknown>): Promise<StoredPayload> {
  const found = await readable(request);

  return 'value' in found && found.value === undefined ? { lost: true } : found;
}

/**
 * The answer to a request for a value. One that the browser cannot read (Chromium keeps large values in files of their
 * own) is lost to its own row alone: the failed request must not abort the transaction.
 */
export async function readable(request: IDBRequest<unknown>): Promise<StoredPayload> {
  request.addEventListener('error', (event) => event.preventDefault());
  try {
    const value = await answer(request);

    // No value of ours is null. Chromium gives it for a value that is nested too deep for the stack of a worker.
    return value === null ? { lost: true } : { value };
  } catch (error) {
    // The whole transaction is gone, which says nothing about the value.
    if (request.error?.name === 'AbortError') throw error;

    return { lost: true };
  }
}

/**
 * Deletes the payload that lies apart, if one does. A heavy body is deleted once the transaction has completed, because
 * no transaction names its store beside the tasks. If that fails, the body is an orphan, and is collected later.
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
