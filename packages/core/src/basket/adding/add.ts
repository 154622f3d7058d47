import { TaskbasketError } from '../../pure/errors.js';
import { must } from '../../pure/options.js';
import { typeOf } from '../../pure/find-type.js';
import type { AppTransaction } from '../../store/app-transaction.js';
import { appStores, finished } from '../../store/app-transaction.js';
import type { BasketContext } from '../context/context.js';
import { underway } from '../context/context.js';
import type { Ahead } from './bodies.js';
import { ageOf, putBodies } from './bodies.js';
import { notStorable } from './encode.js';
import type { AddOptions, EncodedTask, PrepareContext } from './prepare.js';
import { encodeTask, encodeTaskNow, writeTask } from './prepare.js';
import type { StoreTasks } from './store.js';

/** Under this symbol a prepared task has its parts. */
const kept: unique symbol = Symbol.for('taskbasket.prepared');

/** What adding needs beside the context. */
export interface AddContext extends BasketContext, Pick<PrepareContext, 'note'> {
  readonly storeTasks: StoreTasks;
  /** Tells that these tasks were committed. `storeTasks` calls it by itself. */
  readonly announce: (tasks: readonly EncodedTask[]) => void;
  /** The tasks that were added to each transaction of the app. */
  readonly addedTo: WeakMap<IDBTransaction, AddedToTx[]>;
}

/** A task that was added to a transaction of the app. */
interface AddedToTx {
  readonly task: EncodedTask;
  readonly before: PreparedTask[typeof kept] | undefined;
}

/** A task's name, its payload and its options, as `addMany` takes them. */
export type Listed = readonly [name: string, payload?: unknown, options?: AddOptions];

/** Stores a task, together with other tasks that are added now. Resolves with its id when it is committed. */
export async function add(context: AddContext, name: string, payload: unknown, options?: AddOptions): Promise<string> {
  const [id = ''] = await context.storeTasks([encodeTask(context, name, payload, options)]);

  return id;
}

/** Stores all of them in one transaction, or none. */
export async function addMany(context: AddContext, list: readonly Listed[]): Promise<readonly string[]> {
  const isList = Array.isArray(list) && [...list].every((one) => Array.isArray(one));
  must(isList, 'What addMany takes', 'a list of [name, payload, options]', list);

  return context.storeTasks(list.map(([name, payload, options]) => encodeTask(context, name, payload, options)));
}

/** A task that is encoded for `addTx`. Only a heavy payload of it is stored. */
export interface PreparedTask {
  readonly id: string;
  readonly [kept]: { readonly task: EncodedTask; readonly body: Ahead | undefined; used: boolean };
}

/** A prepared task can be added for so many milliseconds. Its body is kept for twice as long. */
const addableFor = 12 * 60 * 60_000;

/** Does all of an add but the row: checks, encodes, and stores a heavy payload. */
export async function prepareTask(
  context: AddContext,
  name: string,
  payload: unknown,
  options?: AddOptions,
): Promise<PreparedTask> {
  const task = await encodeTask(context, name, payload, options).ready;
  const body = await putBodies(context, [task]);

  return Object.freeze({ id: task.id, [kept]: { task, body, used: false } });
}

/** Writes a task in the app's own transaction. Synchronous: it waits for no answer. */
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

  const stores = appStores(given, context.registry, 'addTx', ['tasks', 'payloads']);
  typeOf(context.registry, before?.task.row.type ?? (what as string)); // Also for a task that another basket prepared.
  // The payload is written at once, so the copy that the platform makes is enough.
  let task =
    before === undefined
      ? encodeTaskNow(context, what as string, payload, options, (value) => value)
      : { ...before.task, row: before.task.rowAt(context.ports.clock.wall()) };
  try {
    writeTask(stores, task);
  } catch (error) {
    if (error instanceof DOMException && error.name !== 'DataCloneError') throw finished('addTx', error);
    if (before !== undefined) throw notStorable(task.row.type, error);
    // The platform cannot copy a Proxy, and `copyOf` can. A value that neither can copy is refused here.
    task = encodeTaskNow(context, what as string, payload, options);
    writeTask(stores, task);
  }

  if (before !== undefined) before.used = true;
  noteAdded(context, stores.transaction, { task, before });

  return task.id;
}

/** Refuses a prepared task whose body may be gone, because it was collected, or deleted with its database. */
function checkBody({ ports, database }: AddContext, body: Ahead): void {
  if (ageOf(ports, body) > addableFor) {
    throw new TaskbasketError('option', 'This task was prepared more than 12 hours ago. Prepare it anew.');
  }
  if (!database.holds(body.db)) {
    const why = 'The database was closed, and maybe deleted, after this task was prepared.';
    throw new TaskbasketError('option', `${why} Prepare it anew.`);
  }
}

/** Tells of all tasks of the app's transaction when it completes. However many there are, one listener is added. */
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
    // The tasks were not stored, so the app may add them again.
    for (const one of all) if (one.before !== undefined) one.before.used = false;
  });
}
