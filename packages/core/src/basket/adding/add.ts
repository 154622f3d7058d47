import { TaskbasketError } from '../../pure/errors.js';
import { typeOf } from '../../pure/registry.js';
import type { AppTransaction } from '../../store/app-transaction.js';
import { addStores, finished } from '../../store/app-transaction.js';
import type { BasketContext } from '../context/context.js';
import { underway } from '../context/context.js';
import type { Ahead } from './bodies.js';
import { putBodies } from './bodies.js';
import { notStorable } from './encode.js';
import type { AddOptions, Prepared } from './prepare.js';
import { place, prepared, preparedNow } from './prepare.js';
import type { Store } from './store.js';

/** Where a prepared task keeps what it is made of. */
const kept: unique symbol = Symbol.for('taskbasket.prepared');

/** A context that adds. */
export interface AddContext extends BasketContext {
  readonly store: Store;
  /** Tells that these were committed; `store` does it by itself. */
  readonly announce: (tasks: readonly Prepared[]) => void;
  /** What was added to each transaction of the app that has not ended. */
  readonly addedTo: WeakMap<IDBTransaction, AddedToTx[]>;
}

/** A task that was added to a transaction of the app. */
interface AddedToTx {
  readonly task: Prepared;
  readonly before: PreparedTask[typeof kept] | undefined;
}

/** A task's name, its payload and its options, as `addMany` takes them. */
export type Listed = readonly [name: string, payload?: unknown, options?: AddOptions];

/** Stores a task, with what else is added now; resolves with its id when that has been committed. */
export async function add(context: AddContext, name: string, payload: unknown, options?: AddOptions): Promise<string> {
  const [id = ''] = await context.store([prepared(context, name, payload, options)]);

  return id;
}

/** Stores all of them in one transaction, or none. */
export async function addMany(context: AddContext, list: readonly Listed[]): Promise<readonly string[]> {
  if (!Array.isArray(list) || ![...list].every((one) => Array.isArray(one))) {
    throw new TaskbasketError('option', 'addMany takes a list of [name, payload, options]; this is none.');
  }

  return context.store(list.map(([name, payload, options]) => prepared(context, name, payload, options)));
}

/** A task that is encoded and ready for `addTx`, once. Nothing of it is stored yet but a heavy payload. */
export interface PreparedTask {
  readonly id: string;
  readonly [kept]: { readonly task: Prepared; readonly body: Ahead | undefined; used: boolean };
}

/** A heavy payload that was prepared is kept for so long, in milliseconds; half of the time after which it is collected. */
const preparedPatience = 12 * 60 * 60_000;

/** Does all of an add but storing the row: a heavy payload is stored. */
export async function prepareTask(
  context: AddContext,
  name: string,
  payload: unknown,
  options?: AddOptions,
): Promise<PreparedTask> {
  const task = await prepared(context, name, payload, options).ready;
  const body = await putBodies(context, [task]);

  return Object.freeze({ id: task.id, [kept]: { task, body, used: false } });
}

/** Places a task into the app's own transaction, synchronously and without depending on any answer. */
export function addTx(
  context: AddContext,
  given: AppTransaction<string>,
  what: string | PreparedTask,
  payload?: unknown,
  options?: AddOptions,
): string {
  const before = typeof what === 'object' && what !== null ? what[kept] : undefined;
  if (before?.used === true) {
    throw new TaskbasketError('option', 'This prepared task is in a transaction already. Prepare each task anew.');
  }
  if (before?.body !== undefined) checkBody(context, before.body);

  // Told first: it is wrong in any transaction.
  typeOf(context.registry, before?.task.row.type ?? (what as string));
  const stores = addStores(given, context.registry);
  // It is placed at once, so that the platform's own copy will do.
  let task = before?.task ?? preparedNow(context, what as string, payload, options, (value) => value);
  try {
    place(stores, task);
  } catch (error) {
    if (error instanceof DOMException && error.name !== 'DataCloneError') throw finished(error);
    if (before !== undefined) throw notStorable(task.row.type, error);
    // The platform does not copy a Proxy, and `copyOf` does. What neither copies is refused here.
    task = preparedNow(context, what as string, payload, options);
    place(stores, task);
  }

  if (before !== undefined) before.used = true;
  noteAdded(context, stores.transaction, { task, before });

  return task.id;
}

/** Refuses a prepared task whose body may be gone: collected, or deleted with its database. Nothing can be awaited here. */
function checkBody({ ports, database }: AddContext, { at, db }: Ahead): void {
  if (ports.clock.wall() - at > preparedPatience) {
    throw new TaskbasketError('option', 'This task was prepared more than 12 hours ago. Prepare it anew.');
  }
  if (!database.holds(db)) {
    const why = 'The database was closed, and maybe deleted, after this task was prepared.';
    throw new TaskbasketError('option', `${why} Prepare it anew.`);
  }
}

/** Tells the tasks of the app's transaction together when it completes, with one listener however many there are. */
function noteAdded(context: AddContext, transaction: IDBTransaction, added: AddedToTx): void {
  const before = context.addedTo.get(transaction);
  if (before !== undefined) {
    before.push(added);

    return;
  }

  const all = [added];
  context.addedTo.set(transaction, all);
  const end = underway(context);
  transaction.addEventListener('complete', () => {
    end();
    context.announce(all.map(({ task }) => task));
  });
  transaction.addEventListener('abort', () => {
    end();
    // They were not stored: the app may try its transaction again.
    for (const one of all) if (one.before !== undefined) one.before.used = false;
  });
}
