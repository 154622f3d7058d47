import { isBodyKey } from '../pure/key.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import type { TransactContext } from './transact.js';
import { look } from './transact.js';

/** A payload that lies apart, or another value that may be large. */
export type StoredPayload = { readonly value: unknown } | { readonly lost: true };

/** Reads payloads that lie apart, those of either store in a transaction of its own: no other waits for a heavy one. */
export async function readPayloads(
  context: TransactContext,
  refs: readonly string[],
): Promise<ReadonlyMap<string, StoredPayload>> {
  const found = new Map<string, StoredPayload>();
  const read = async (store: 'payloads' | 'bodies', keys: readonly string[]): Promise<void> => {
    if (keys.length === 0) return;
    await look(
      context,
      (stores) =>
        Promise.all(
          keys.map(async (key) => {
            const one = await readable(stores[store].get(key));
            found.set(key, 'value' in one && one.value === undefined ? { lost: true } : one);
          }),
        ),
      [store],
    );
  };
  await Promise.all([
    read(
      'payloads',
      refs.filter((ref) => !isBodyKey(ref)),
    ),
    read('bodies', refs.filter(isBodyKey)),
  ]);

  return found;
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
