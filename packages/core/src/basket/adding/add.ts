import { TaskbasketError } from '../../pure/errors.js';
import { typeOf } from '../../pure/registry.js';
import type { AppTransaction } from '../../store/app-transaction.js';
import { addStores, finished } from '../../store/app-transaction.js';
import type { BasketContext } from '../context/context.js';
import { underway } from '../context/context.js';
import { dropBody, putBody } from './body.js';
import { bodyPatience, write } from './group.js';
import type { Store } from './lines.js';
import { onceMore } from './once-more.js';
import { isRefusal, notStored } from './refusal.js';
import { createPace } from './pace.js';
import type { Prepared } from './place.js';
import { place } from './place.js';
import type { AddOptions } from './prepare.js';
import { notStorable } from './encode.js';
import { prepared, preparedNow } from './prepare.js';

/** A context that adds. */
export interface AddContext extends BasketContext {
  readonly store: Store;
  /** Tells that these were committed; `store` does it by itself. */
  readonly announce: (tasks: readonly Prepared[]) => void;
}

/** A task's name, its payload and its options, as `addMany` takes them. */
export type Listed = readonly [name: string, payload?: unknown, options?: AddOptions];

/** Stores a task, with what else is added now; resolves with its id when that has been committed. */
export async function add(
  context: AddContext,
  name: string,
  payload: unknown,
  options: AddOptions = {},
): Promise<string> {
  const { lane, ready } = prepared(context, name, payload, options);

  return (await context.store(lane, ready, options.durability)).id;
}

/** Stores all of them in one transaction, or none. */
export async function addMany(context: AddContext, list: readonly Listed[]): Promise<readonly string[]> {
  if (!Array.isArray(list) || !list.every((one) => Array.isArray(one))) {
    throw new TaskbasketError('option', 'addMany takes a list of [name, payload, options]; this is none.');
  }
  const relaxed = list.every(([, , options]) => options?.durability === 'relaxed');
  const durability = relaxed ? 'relaxed' : 'strict';
  const ready = list.map(async ([name, payload, options]) => prepared(context, name, payload, options).ready);
  const tasks = await Promise.all(ready);
  const [first] = tasks;
  if (first === undefined) return [];

  const { clock } = context.ports;
  const heavy = tasks.filter(({ apart }) => apart?.heavy === true);
  const withBody = tasks.some(({ apart }) => apart?.heavy === false);
  const store = async (): Promise<void> => {
    // Each time anew: a body whose row comes late may have been collected.
    const connections: (IDBDatabase | undefined)[] = [];
    const since = clock.wall();
    for (const task of heavy) connections.push(await putBody(context, task, durability));
    await write(context, durability, withBody, async (stores) => {
      const late = heavy.length > 0 && clock.wall() - since > bodyPatience;
      if (late || connections.some((one) => one !== stores.tasks.transaction.db)) throw connectionLost();
      const pace = createPace(stores.tasks, clock.monotonic);
      for (const task of tasks) {
        place(stores, task, task.apart?.heavy === false);
        const turn = pace();
        if (turn !== undefined) await turn;
      }
    });
  };
  const end = underway(context);
  try {
    await store().catch((error: unknown) => {
      if (isRefusal(error)) throw notStored(first.row, error);

      return onceMore(context, [first, ...tasks], error, store);
    });
  } catch (error) {
    if (isRefusal(error)) for (const task of heavy) void dropBody(context, task).catch(() => undefined);
    throw error;
  } finally {
    end();
  }
  context.announce(tasks);

  return tasks.map(({ id }) => id);
}

/** Where a prepared task keeps what it is made of. */
const kept: unique symbol = Symbol.for('taskbasket.prepared');

/** A task that is encoded and ready for `addTx`, once. Nothing of it is stored yet. */
export interface PreparedTask {
  readonly id: string;
  readonly [kept]: { readonly task: Prepared; used: boolean };
}

/** Does all of an add but storing. */
export async function prepareTask(
  context: AddContext,
  name: string,
  payload: unknown,
  options?: AddOptions,
): Promise<PreparedTask> {
  const task = await prepared(context, name, payload, options).ready;

  return Object.freeze({ id: task.id, [kept]: { task, used: false } });
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

  // Told first: it is wrong in any transaction.
  typeOf(context.registry, before?.task.row.type ?? (what as string));
  const stores = addStores(given, context.registry);
  const task = before?.task ?? preparedNow(context, what as string, payload, options);
  try {
    place(stores, task);
  } catch (error) {
    throw error instanceof DOMException && error.name !== 'DataCloneError'
      ? finished(error)
      : notStorable(task.row.type, error);
  }

  const end = underway(context);
  if (before !== undefined) before.used = true;
  const { transaction } = stores;
  transaction.addEventListener('complete', () => {
    end();
    context.announce([task]);
  });
  transaction.addEventListener('abort', () => {
    end();
    if (before !== undefined) before.used = false; // It was not stored: the app may try its transaction again.
  });

  return task.id;
}

/** Of which nothing is known yet: it is looked for, and tried once more. */
function connectionLost(): DOMException {
  return new DOMException('The connection was closed between the bodies and their tasks.', 'AbortError');
}
