import { isPromiseLike } from '../pure/codec.js';
import { messageOf, TaskbasketError } from '../pure/errors.js';
import type { NewTaskRow } from '../pure/record.js';
import { newRow } from '../pure/record.js';
import type { PriorityName, TaskTypeParts } from '../pure/registry.js';
import { checkOnDead, checkText, checkTimeout, priorityDigit, typeOf } from '../pure/registry.js';
import { isSmall } from '../pure/size.js';
import type { AppTransaction } from '../store/app-transaction.js';
import { addStores, finished } from '../store/app-transaction.js';
import { transact } from '../store/transact.js';
import type { BasketContext } from './context.js';

/** Options of one task; what is left out is as its type says. */
export interface AddOptions {
  readonly lane?: string | undefined;
  readonly gate?: string | undefined;
  /** Not before: a date, or milliseconds since 1970, by the wall clock. */
  readonly runAt?: Date | number | undefined;
  readonly priority?: PriorityName | undefined;
  /** Of an attempt, in milliseconds. */
  readonly timeout?: number | undefined;
  readonly onDead?: 'block' | 'skip' | undefined;
  /**
   * `strict` (default): on disk when `add` resolves. `relaxed`: handed to the operating system, which a power cut can
   * lose. Of no effect with `addTx`, whose transaction is the app's.
   */
  readonly durability?: 'strict' | 'relaxed' | undefined;
}

/** A task that is ready to be written: everything about it that could fail without a transaction has been done. */
interface Prepared {
  readonly id: string;
  readonly type: string;
  readonly row: NewTaskRow;
  /** The encoded payload, if it lies apart from the row. */
  readonly apart: { readonly ref: string; readonly value: unknown } | undefined;
}

/** Stores a task in a transaction of its own; resolves with its id when that has completed. */
export async function add(
  context: BasketContext,
  name: string,
  payload: unknown,
  options: AddOptions = {},
): Promise<string> {
  checkDurability(options.durability);
  const type = typeOf(context.registry, name);
  const stored = await encoded(type, name, payload);
  const prepared = prepare(context, type, name, payload, stored, options);

  await transact(context, 'add', options.durability ?? 'strict', (stores) => write(stores, prepared)).catch(
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
  const prepared = prepare(context, type, name, payload, encodedNow(type, name, payload), options);

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

async function encoded(type: TaskTypeParts, name: string, payload: unknown): Promise<unknown> {
  try {
    return await type.codec.encode(payload);
  } catch (error) {
    throw codecThrew(name, error);
  }
}

function encodedNow(type: TaskTypeParts, name: string, payload: unknown): unknown {
  let stored: unknown;
  try {
    stored = type.codec.encode(payload);
  } catch (error) {
    throw codecThrew(name, error);
  }

  if (isPromiseLike(stored)) {
    void Promise.resolve(stored).catch(() => undefined); // Refused below; how it would have ended is of no use.
    throw new TaskbasketError(
      'payload',
      `The codec of "${name}" is asynchronous, and nothing can be awaited within a transaction. Use add instead of addTx.`,
    );
  }

  return stored;
}

function prepare(
  context: BasketContext,
  type: TaskTypeParts,
  name: string,
  payload: unknown,
  stored: unknown,
  options: AddOptions,
): Prepared {
  const { timeout, onDead, priority, runAt } = options;
  if (timeout !== undefined) checkTimeout(timeout);
  if (onDead !== undefined) checkOnDead(onDead);

  const id = context.newId();
  const apart = isSmall(stored) ? undefined : { ref: id, value: stored };
  const row = newRow({
    id,
    type: name,
    version: type.version,
    owner: null,
    gate:
      options.gate === undefined
        ? (fromPayload(type.gate, payload, name, 'gate') ?? name)
        : named(options.gate, 'gate'),
    lane: options.lane === undefined ? fromPayload(type.lane, payload, name, 'lane') : named(options.lane, 'lane'),
    priority: priority === undefined ? type.priority : priorityDigit(priority),
    runAt: runAt === undefined ? undefined : dateOf(runAt),
    timeout,
    onDead,
    addedAt: context.ports.clock.wall(),
    payload: apart === undefined ? { inline: stored } : { ref: apart.ref },
  });

  return { id, type: name, row, apart };
}

function fromPayload(
  source: string | ((payload: unknown) => string | undefined) | undefined,
  payload: unknown,
  name: string,
  what: 'lane' | 'gate',
): string | undefined {
  let found: string | undefined;
  try {
    found = typeof source === 'function' ? source(payload) : source;
  } catch (error) {
    throw new TaskbasketError(
      'payload',
      `The ${what} of "${name}" could not be told from its payload: ${messageOf(error)}`,
      error,
    );
  }

  return found === undefined ? undefined : named(found, what);
}

function named(value: string, what: 'lane' | 'gate'): string {
  checkText(value, `A ${what} (write \`\${id}\` for a number)`);

  return value;
}

function dateOf(date: Date | number): number {
  const time = Number(date);
  if (Number.isFinite(time)) return time;

  throw new TaskbasketError('option', 'runAt is a date, or milliseconds since 1970; this one is neither.');
}

function checkDurability(durability: AddOptions['durability']): void {
  if (durability === undefined || durability === 'strict' || durability === 'relaxed') return;

  throw new TaskbasketError('option', `durability is "strict" or "relaxed"; this one is "${String(durability)}".`);
}

function codecThrew(name: string, error: unknown): TaskbasketError {
  return new TaskbasketError(
    'payload',
    `The codec of "${name}" could not encode the payload: ${messageOf(error)}`,
    error,
  );
}

function notStorable(name: string, error: unknown): TaskbasketError {
  return new TaskbasketError(
    'payload',
    `The payload of "${name}" can not be stored: ${messageOf(error)} Give the type a codec that turns it into plain data.`,
    error,
  );
}

function notStored(name: string, error: unknown): TaskbasketError {
  if (error instanceof TaskbasketError) return error;

  return new TaskbasketError('not-stored', `The task "${name}" was not stored: ${messageOf(error)}`, error);
}
