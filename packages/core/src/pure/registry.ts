import type { Backoff } from './backoff.js';
import type { Codec } from './codec.js';
import { asItIs } from './codec.js';
import { messageOf, TaskbasketError } from './errors.js';
import type { Priority } from './key.js';
import type { PriorityName } from './options.js';
import { partOf } from './parts.js';
import {
  checkedBackoff,
  checkFunction,
  checkObject,
  checkOnDead,
  checkParts,
  checkText,
  checkTimeout,
  checkWhole,
  must,
  priorityDigit,
} from './options.js';

/** What any task type has, whatever its payload. Not generic, so that inference never meets a widened payload. */
export interface AnyTaskType {
  readonly version: number;
}

declare const carried: unique symbol;

/** What a name in the registry stands for: codec, version, lane, gate and policy. Made by `task`. */
export interface TaskType<Payload, Result = void> extends AnyTaskType {
  /** Exists in types only. */
  readonly [carried]?: { readonly payload: Payload; readonly result: Result };
}

/** Given to `task`; every option has a default. */
export interface TaskOptions<Payload, Stored = unknown> {
  /** How payloads are stored. Default: as they are, by structured clone. */
  readonly codec?: Codec<Payload, Stored> | undefined;
  /** The version of the payload's form, from 1. A build runs tasks of exactly its version; others wait. Default 1. */
  readonly version?: number | undefined;
  /** Tasks of one lane run one at a time, in the order in which they were added. Default: no lane, so no order. */
  readonly lane?: string | ((payload: Payload) => string | undefined) | undefined;
  /** The destination. When it is away, nothing bound there is tried but one probe. Default: the type's name. */
  readonly gate?: string | ((payload: Payload) => string | undefined) | undefined;
  /** What goes first, between lanes; inside a lane it never reorders. Default `normal`. */
  readonly priority?: PriorityName | undefined;
  /** How long an attempt may take, in milliseconds, before it is aborted and counted as failed. Default 120,000. */
  readonly timeout?: number | undefined;
  /** Whether its lane stands still when a task is dead, or goes on without it. Default `block`. */
  readonly onDead?: 'block' | 'skip' | undefined;
  /**
   * The waits after failures: `base` milliseconds (default 1,000), growing by `factor` (default 2) up to `cap` (default
   * 300,000), each spread by its `jitter` (default `equal`: half of it by chance).
   */
  readonly backoff?: Partial<Backoff> | undefined;
  /**
   * So many failures make a task dead, with the reason `limit`. Only what its handler threw, and what took too long,
   * counts: being away from the network and reloads do not. Default: none, it is tried until it succeeds.
   */
  readonly failureLimit?: number | undefined;
}

/** What the library reads of a task type. */
export interface TaskTypeParts extends AnyTaskType {
  readonly codec: Codec<unknown>;
  readonly lane: string | ((payload: unknown) => string | undefined) | undefined;
  readonly gate: string | ((payload: unknown) => string | undefined) | undefined;
  readonly priority: Priority;
  readonly timeout: number;
  readonly onDead: 'block' | 'skip';
  readonly backoff: Backoff;
  readonly failureLimit: number | undefined;
}

/**
 * Describes a task type. The payload's type is declared (`task<Note>()`) or inferred from a codec; a result's type is
 * declared, since the page sees no handler.
 *
 * @throws TaskbasketError `option`, for an option that cannot be.
 */
export function task<Payload = void, Result = void, Stored = unknown>(
  given: TaskOptions<Payload, Stored> = {},
): TaskType<Payload, Result> {
  const parts = checkParts(given, "A task type's options", taskOptions);
  const { codec = asItIs, version = 1, timeout = 120_000, onDead = 'block', priority = 'normal' } = parts;
  const { lane, gate, failureLimit } = parts;
  checkWhole(version, "A task type's version");
  checkTimeout(timeout);
  checkOnDead(onDead);
  if (failureLimit !== undefined) checkWhole(failureLimit, 'failureLimit');
  for (const [what, value] of Object.entries({ lane, gate })) {
    const fits = value !== '' && /undefined|string|function/.test(typeof value);
    must(fits, `A ${what}`, 'a text with at least one character, or a function', value);
  }
  const isCodec = typeof codec?.encode === 'function' && typeof codec.decode === 'function';
  must(isCodec, 'A codec', 'an object with encode and decode', codec);

  return {
    version,
    codec,
    lane,
    gate,
    priority: priorityDigit(priority),
    timeout,
    onDead,
    backoff: checkedBackoff(parts.backoff, 'backoff'),
    failureLimit,
  } as TaskTypeParts;
}

const taskOptions: readonly (keyof TaskOptions<unknown>)[] = [
  'codec',
  'version',
  'lane',
  'gate',
  'priority',
  'timeout',
  'onDead',
  'backoff',
  'failureLimit',
];

/**
 * What the app's `open` gives back: anything that has the database's name and can be closed. It may be the connection
 * that the app works with: it is closed only when another context wants to change the database's version. (A connection
 * that cannot be listened to is closed at once.)
 */
export interface Connection {
  readonly name: string;
  close(): void;
}

/** Options of `defineTasks`. */
export interface RegistryOptions<Bucket extends string> {
  /**
   * Opens the app's own database, whose upgrade calls `createStores`; called only if the database, or our stores in
   * it, are missing. Left out: the basket keeps a database of its own under the registry's name.
   */
  readonly open?: (() => PromiseLike<Connection>) | undefined;
  /** The prefix of the object stores, so that several baskets fit in one database. Default `taskbasket`. */
  readonly bucket?: Bucket | undefined;
  /** The waits of closed gates, in milliseconds: `base` (default 1,000), three times as long each time, up to `cap` (default 300,000). */
  readonly gates?: Partial<Pick<Backoff, 'base' | 'cap'>> | undefined;
}

/** The names of the object stores that a transaction of the app may name. */
export type StoreNames<Bucket extends string> = readonly [
  `${Bucket}.tasks`,
  `${Bucket}.payloads`,
  `${Bucket}.outcomes`,
  `${Bucket}.state`,
];

/** Any registry, whatever its types. */
export interface AnyRegistry {
  readonly name: string;
  readonly bucket: string;
  readonly stores: readonly [string, string, string, string];
  readonly types: Readonly<Record<string, AnyTaskType>>;
  readonly open: (() => PromiseLike<Connection>) | undefined;
  readonly gates: Backoff;
}

/** What `defineTasks` returns: the database's name and the task types; shared by page and worker, free of handler code. */
export interface Registry<
  Types extends Record<string, AnyTaskType>,
  Bucket extends string = 'taskbasket',
> extends AnyRegistry {
  readonly bucket: Bucket;
  /**
   * The names of the basket's object stores, to be named in a transaction that `addTx` is to join. The store of heavy
   * bodies is not among them: whoever names it waits until the largest body is written.
   */
  readonly stores: StoreNames<Bucket>;
  readonly types: Types;
}

/** The object stores in the terms of idb's `DBSchema`: `interface NotesDB extends DBSchema, StoresOf { notes: … }`. */
export type StoresOf<Bucket extends string = 'taskbasket'> = {
  [Store in StoreNames<Bucket>[number]]: { key: IDBValidKey; value: unknown };
};

/** The map of types of a registry. */
export type TypesOf<R extends AnyRegistry> = R['types'];

/** The names of a registry's types. */
export type NameOf<R extends AnyRegistry> = keyof R['types'] & string;

/** The payload of a type. */
export type PayloadOf<R extends AnyRegistry, Name extends keyof R['types']> =
  R['types'][Name] extends TaskType<infer Payload, infer _Result> ? Payload : never;

/** The result of a type. */
export type ResultOf<R extends AnyRegistry, Name extends keyof R['types']> =
  R['types'][Name] extends TaskType<infer _Payload, infer Result> ? Result : never;

/**
 * Names the database and the task types, once, for page and worker alike.
 *
 * @example
 * export const tasks = defineTasks('field-notes', {
 *   saveNote: task<Note>({ lane: (note) => note.id }),
 * });
 *
 * @throws TaskbasketError `option`, for a name or an option that cannot be.
 */
export function defineTasks<Types extends Record<string, AnyTaskType>, const Bucket extends string = 'taskbasket'>(
  name: string,
  types: Types,
  options: RegistryOptions<Bucket> = {},
): Registry<Types, Bucket> {
  const parts = checkParts(options, 'The options of defineTasks', ['open', 'bucket', 'gates']);
  const { open, bucket = 'taskbasket' as Bucket, gates = {} } = parts;
  checkText(name, "The database's name");
  checkText(bucket, "The bucket's name");
  checkParts(gates, 'gates', ['base', 'cap']);
  checkFunction(open, 'open', 'a function that opens the database');
  checkObject(types, 'The second argument of defineTasks, the task types,');
  for (const [type, made] of Object.entries(types)) {
    must(typeof partOf(made, 'codec') === 'object', `The task type "${type}"`, 'what task() returns', made);
  }

  const stores: StoreNames<Bucket> = [`${bucket}.tasks`, `${bucket}.payloads`, `${bucket}.outcomes`, `${bucket}.state`];

  return Object.freeze({
    name,
    bucket,
    stores,
    types,
    open,
    // Measured: with 3 an outage costs no more requests than it did with 2 when one word was enough to close a gate.
    gates: { ...checkedBackoff(gates, 'gates'), factor: 3 },
  });
}

/** A type of the registry, or `undefined` if it has none of that name. */
export function findType(registry: AnyRegistry, name: string): TaskTypeParts | undefined {
  return typeof name === 'string' && Object.hasOwn(registry.types, name)
    ? (registry.types[name] as TaskTypeParts)
    : undefined;
}

/**
 * A type of the registry.
 *
 * @throws TaskbasketError `unknown-type`.
 */
export function typeOf(registry: AnyRegistry, name: string): TaskTypeParts {
  const found = findType(registry, name);
  if (found !== undefined) return found;

  const why = `There is no task type "${messageOf(name)}" in this registry.`;
  throw new TaskbasketError('unknown-type', `${why} It has: ${Object.keys(registry.types).join(', ')}.`);
}

/** The version of each of a registry's types. */
export function versionsOf({ types }: AnyRegistry): Readonly<Record<string, number>> {
  return Object.fromEntries(Object.entries(types).map(([name, { version }]) => [name, version]));
}
