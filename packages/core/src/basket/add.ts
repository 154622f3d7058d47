import { isPromiseLike } from '../pure/codec.js';
import { messageOf, TaskbasketError } from '../pure/errors.js';
import { typeOf } from '../pure/registry.js';
import type { AppTransaction } from '../store/app-transaction.js';
import { addStores, finished } from '../store/app-transaction.js';
import { transact } from '../store/transact.js';
import type { BasketContext } from './context.js';
import type { AddOptions, Prepared } from './prepare.js';
import { checkDurability, encoded, encodedNow, notStorable, prepare } from './prepare.js';

/** Stores a task in a transaction of its own; resolves with its id when that has completed. */
export async function add(
  context: BasketContext,
  name: string,
  payload: unknown,
  options: AddOptions = {},
): Promise<string> {
  checkDurability(options.durability);
  const type = typeOf(context.registry, name);
  // Everything is read of the payload before anything is awaited: the app may change the value on its next line.
  const complete = prepare(context, type, name, payload, options);
  const stored = encoded(type, name, payload);
  const prepared = complete(isPromiseLike(stored) ? await stored : stored);

  await transact(context, 'add', (stores) => write(stores, prepared), { durability: options.durability }).catch(
    (error: unknown) => {
      throw isCloneError(error) ? notStorable(name, error) : notStored(name, error);
    },
  );
  context.hub.say({ kind: 'look' });

  return prepared.id;
}

/** Places a task into the app's own transaction, synchronously and without depending on any answer. */
export function addTx(
  context: BasketContext,
  given: AppTransaction<string>,
  name: string,
  payload: unknown,
  options: AddOptions = {},
): string {
  const type = typeOf(context.registry, name);
  const stores = addStores(given, context.registry);
  const prepared = prepare(context, type, name, payload, options)(encodedNow(type, name, payload));

  try {
    write(stores, prepared);
  } catch (error) {
    throw error instanceof DOMException && !isCloneError(error) ? finished(error) : notStorable(name, error);
  }
  stores.transaction.addEventListener('complete', () => context.hub.say({ kind: 'look' }));

  return prepared.id;
}

/**
 * The requests of an add. Both are blind, so that the app may commit on its next line. The payload goes first: if it
 * can't be cloned, this throws before anything was placed.
 */
function write(stores: { readonly tasks: IDBObjectStore; readonly payloads: IDBObjectStore }, task: Prepared): void {
  if (task.apart !== undefined) blind(stores.payloads.put(task.apart.value, task.apart.ref));
  blind(stores.tasks.add(task.row));
}

/** A request of which no answer is awaited. The transaction's end tells; the proxy of another copy of idb gives a promise. */
function blind(request: unknown): void {
  if (isPromiseLike(request)) void Promise.resolve(request).catch(() => undefined);
}

/** What the platform throws for a value that it can't clone; a getter of the value's own may throw anything else. */
function isCloneError(error: unknown): boolean {
  return !(error instanceof TaskbasketError) && (!(error instanceof DOMException) || error.name === 'DataCloneError');
}

function notStored(name: string, error: unknown): TaskbasketError {
  if (error instanceof TaskbasketError) return error;

  return new TaskbasketError('not-stored', `The task "${name}" was not stored: ${messageOf(error)}`, error);
}
