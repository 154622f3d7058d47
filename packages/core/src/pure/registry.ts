import type { Backoff } from './backoff.js';
import type { Codec } from './codec.js';
import type { Upgrade } from './evolution.js';
import { checkUpgrade } from './evolution.js';
import { asItIs } from './codec.js';
import { aliasesOf } from './aliases.js';
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
import type { SessionType } from './session.js';
import { isSessionType } from './session.js';

/** What every task type has. It is not generic: so TypeScript infers the payload of each type by itself. */
export interface AnyTaskType {
  readonly version: number;
}

declare const carried: unique symbol;

/** A task type: its codec, version, lane, gate, and its rules for failures. Made by `task`. */
export interface TaskType<Payload, Result = void> extends AnyTaskType {
  /** Exists in types only. */
  readonly [carried]?: { readonly payload: Payload; readonly result: Result };
}

/** The options of `task`. Each has a default. */
export interface TaskOptions<Payload, Stored = unknown> {
  /**
   * How payloads are encoded. Default: they are stored as they are, by structured clone.
   *
   * @example
   * const saveNote = task({ codec: json<Note>() });
   */
  readonly codec?: Codec<Payload, Stored> | undefined;
  /**
   * The version of the payload's form, from 1. Tasks of another version wait for a build that has it, or that has an
   * `upgrade` from it. Default 1.
   */
  readonly version?: number | undefined;
  /**
   * What turns the stored form of each earlier version into the stored form of the next, so that this build runs the
   * tasks that earlier builds have stored. `upgrade[1]` gets what version 1 has stored, and returns what version 2 would
   * store; the codec decodes the last form. Give one function for each version, from the oldest that this build can read
   * up to `version` - 1. They must not be asynchronous. If one throws, the task is kept, and waits for another build.
   *
   * @example
   * const saveNote = task<Note>({ version: 2, upgrade: { 1: (old: { text: string }) => ({ title: '', ...old }) } });
   */
  readonly upgrade?: { readonly [version: number]: Upgrade } | undefined;
  /**
   * The earlier names of this type. Tasks that were added under such a name are run by the handler of this type, and
   * found and shown under the name of now. Keep each name as long as a device may hold a task of it.
   *
   * @example
   * const tasks = defineTasks('field-notes', { saveNote: task<Note>({ aliases: ['sendNote'] }) });
   *
   * @throws TaskbasketError `option`, from `defineTasks`, if a name is also a type, or stands twice.
   */
  readonly aliases?: readonly string[] | undefined;
  /**
   * The name of the lane, or a function that makes it from the payload. Tasks of one lane run one at a time, in the
   * order in which they were added. Default: no lane, so no order.
   *
   * @example
   * const saveNote = task<Note>({ lane: (note) => note.id }); // Two changes of one note are sent in order.
   *
   * @throws TaskbasketError `option`, from the add, if the function returns neither a string with at least one character
   * nor `undefined`; `payload`, if it throws.
   */
  readonly lane?: string | ((payload: Payload) => string | undefined) | undefined;
  /**
   * The name of the destination, or a function that makes it from the payload. While the destination is away, its tasks
   * wait, and one of them is tried from time to time. Default: the name of the type.
   *
   * @example
   * const saveNote = task<Note>({ gate: 'api.example.com' }); // The types that name it wait together.
   *
   * @throws TaskbasketError as for `lane`.
   */
  readonly gate?: string | ((payload: Payload) => string | undefined) | undefined;
  /**
   * The name of what the task is about, or a function that makes it from the payload. A new task replaces the task
   * before it of the same type, lane and key, if that one was never started and no other task of the lane is between
   * them. `settled` of the task that was replaced gives the id of the new one. Default: no key, so each task runs.
   *
   * @example
   * const saveDraft = task<Note>({ lane: (note) => note.id, key: (note) => note.id }); // Only the latest draft is sent.
   *
   * @throws TaskbasketError as for `lane`.
   */
  readonly key?: string | ((payload: Payload) => string | undefined) | undefined;
  /**
   * Makes one payload of the payloads of two tasks of one key, where the later task would replace the earlier one. The
   * later task gets the merged payload. If the function returns `undefined`, both tasks stay, and each is sent. The
   * merged payload must do what the two do, one after the other. The function must not be asynchronous. It may be
   * called several times with the same payloads, in a page and in the worker. Default: the later payload takes the
   * place of the earlier one.
   *
   * @example
   * const patchNote = task<{ id: string; title?: string; text?: string }>({
   *   lane: ({ id }) => id,
   *   key: ({ id }) => id,
   *   merge: (earlier, later) => ({ ...earlier, ...later }), // The title of one save, and the text of the next.
   * });
   */
  readonly merge?: ((earlier: Payload, later: Payload) => Payload | undefined) | undefined;
  /** Tasks of a higher priority start first, but never before an earlier task of their lane. Default `normal`. */
  readonly priority?: PriorityName | undefined;
  /**
   * How long an attempt may take, in milliseconds. Then it is aborted, and counts as a failure. Default 120,000; at most
   * 2,147,483,647 (24.8 days), the longest timer of a browser.
   */
  readonly timeout?: number | undefined;
  /**
   * What a dead task does to its lane. `block`: the lane stops until a decision. `skip`: the lane goes on. Default
   * `block`.
   *
   * @example
   * const logVisit = task<string>({ lane: 'log', onDead: 'skip', failureLimit: 5 });
   */
  readonly onDead?: 'block' | 'skip' | undefined;
  /**
   * How long a task of this type may take until it is done, in milliseconds, from its add, or from its `runAt`. A task
   * that is not done by then is dead, for the reason `expired`; what runs at that moment is finished. Default: a task
   * does not expire.
   *
   * @example
   * const sharePlace = task<string>({ lifetime: 10 * 60_000 }); // After ten minutes nobody wants to know the place.
   */
  readonly lifetime?: number | undefined;
  /** What a task that has expired does to its lane. `skip`: the lane goes on. `block`: the lane stops. Default `skip`. */
  readonly onExpired?: 'block' | 'skip' | undefined;
  /**
   * The waits after failures, in milliseconds. The first is `base` (default 1,000); each is `factor` (default 2) times
   * as long as the one before, up to `cap` (default 300,000). `jitter` shortens each wait by chance (default `equal`:
   * by up to half).
   *
   * @example
   * const ping = task({ backoff: { base: 5_000, cap: 60_000 } }); // at most 5 s, 10 s, 20 s, 40 s, then 60 s
   */
  readonly backoff?: Partial<Backoff> | undefined;
  /**
   * How many tasks of this type run at once, beside those of other types. Default: as many as the runner runs.
   *
   * @example
   * const sendPhoto = task<Blob>({ concurrency: 2 }); // The other slots are left for what is small.
   */
  readonly concurrency?: number | undefined;
  /**
   * After this number of failures a task is dead, for the reason `limit`. An error of the handler and an attempt that
   * took too long count as failures. A lost network, a closed tab and `RetryLater` do not. Default: no limit, so the
   * task is tried until it succeeds.
   */
  readonly failureLimit?: number | undefined;
  /**
   * `none`: the tasks of this type belong to nobody, although the registry declares a session. They can be added before
   * a `signIn`, run whoever is signed in, and everybody sees them. Default: a task belongs to who is signed in.
   *
   * @example
   * const signUp = task<{ name: string }>({ owner: 'none' });
   */
  readonly owner?: 'none' | undefined;
}

/** The options of a task type that stay as they were given. */
type AsGiven = 'lane' | 'gate' | 'key' | 'merge' | 'lifetime' | 'concurrency' | 'failureLimit' | 'owner';

/** What the library reads of a task type. */
export interface TaskTypeParts extends AnyTaskType, Pick<TaskOptions<unknown>, AsGiven> {
  readonly codec: Codec<unknown>;
  readonly upgrade: { readonly [version: number]: Upgrade };
  readonly aliases: readonly string[];
  readonly priority: Priority;
  readonly timeout: number;
  readonly onDead: 'block' | 'skip';
  readonly onExpired: 'block' | 'skip';
  readonly backoff: Backoff;
}

/**
 * Returns a task type for `defineTasks`. Declare the type of the payload (`task<Note>()`), or let TypeScript infer it
 * from a codec. Declare the type of a result too, because the page does not see the handler.
 *
 * @example
 * const saveNote = task<Note, { version: number }>({ lane: (note) => note.id, gate: 'api', timeout: 30_000 });
 *
 * @throws TaskbasketError `option`, if an option is wrong.
 */
export function task<Payload = void, Result = void, Stored = unknown>(
  given: TaskOptions<Payload, Stored> = {},
): TaskType<Payload, Result> {
  const parts = checkParts(given, "A task type's options", taskOptions);
  const { codec = asItIs, version = 1, timeout = 120_000, onDead = 'block', priority = 'normal', upgrade = {} } = parts;
  const { lane, gate, key, lifetime, onExpired = 'skip', concurrency, failureLimit, owner, aliases = [] } = parts;
  checkWhole(version, "A task type's version");
  checkUpgrade(upgrade, version);
  const areNames = Array.isArray(aliases) && aliases.every((name) => typeof name === 'string' && name !== '');
  must(areNames, 'aliases', 'a list of names', aliases);
  checkFunction(parts.merge, 'merge', 'a function of two payloads');
  checkTimeout(timeout);
  for (const [option, value] of Object.entries({ onDead, onExpired })) checkOnDead(value, option);
  must(owner === undefined || owner === 'none', "A task type's owner", '"none", or left out', owner);
  const counts = Object.entries({ lifetime, concurrency, failureLimit });
  for (const [option, count] of counts) if (count !== undefined) checkWhole(count, option);
  for (const [what, value] of Object.entries({ lane, gate, key })) {
    const fits = value !== '' && /undefined|string|function/.test(typeof value);
    must(fits, `A ${what}`, 'a string with at least one character, or a function', value);
  }
  const isCodec = typeof codec?.encode === 'function' && typeof codec.decode === 'function';
  must(isCodec, 'A codec', 'an object with encode and decode', codec);

  return {
    ...parts,
    version,
    codec,
    upgrade,
    aliases,
    priority: priorityDigit(priority),
    timeout,
    onDead,
    onExpired,
    backoff: checkedBackoff(parts.backoff, 'backoff'),
  } as TaskTypeParts;
}

const taskOptions: readonly (keyof TaskOptions<unknown>)[] = [
  'codec',
  'version',
  'upgrade',
  'aliases',
  'lane',
  'gate',
  'key',
  'merge',
  'priority',
  'timeout',
  'onDead',
  'lifetime',
  'onExpired',
  'backoff',
  'concurrency',
  'failureLimit',
  'owner',
];

/**
 * What your `open` resolves with: an object that has the name of the database and can be closed. It may be the
 * connection that your app works with, because it stays open until another context wants to change the version of the
 * database. (An object that has neither `addEventListener` nor `on` is closed at once.)
 */
export interface Connection {
  readonly name: string;
  close(): void;
}

/** Options of `defineTasks`. */
export interface RegistryOptions<Bucket extends string, Declared = undefined> {
  /**
   * Opens your own database, whose upgrade calls `createStores`. It is called only if the database, or the basket's
   * stores in it, are missing. Default: the basket has a database of its own, under the name of the registry.
   *
   * @example
   * const tasks = defineTasks('field-notes', { saveNote: task<Note>() }, { open: () => openNotes() });
   *
   * @throws `no-database`, from the call that needed the database, if the function rejects. `stores-missing`, if the
   * stores are still missing afterwards.
   */
  readonly open?: (() => PromiseLike<Connection>) | undefined;
  /** The first part of the object stores' names, so that a database can have several baskets. Default `taskbasket`. */
  readonly bucket?: Bucket | undefined;
  /**
   * How long a closed gate waits for its next probe, in milliseconds: at first `base` (default 1,000), each time three
   * times as long, up to `cap` (default 300,000). Each wait is shortened by chance, by up to half.
   *
   * @example
   * const tasks = defineTasks('field-notes', { ping: task() }, { gates: { base: 2_000, cap: 60_000 } });
   */
  readonly gates?: Partial<Pick<Backoff, 'base' | 'cap'>> | undefined;
  /**
   * What `session` returns. Then each task belongs to the one who was signed in when it was added, and runs only while
   * that owner is signed in. Default: tasks have no owner, and there is no `signIn`.
   *
   * @example
   * const tasks = defineTasks('field-notes', { saveNote: task<Note>() }, { session: session<{ token: string }>() });
   */
  readonly session?: Declared | undefined;
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
  /** The name that the type of an earlier name has now. */
  readonly aliases: ReadonlyMap<string, string>;
  readonly open: (() => PromiseLike<Connection>) | undefined;
  readonly gates: Backoff;
  readonly session: SessionType<unknown> | undefined;
}

/** What `defineTasks` returns, for page and worker: the name of the database and the task types. It has no handlers. */
export interface Registry<
  Types extends Record<string, AnyTaskType>,
  Bucket extends string = 'taskbasket',
  Declared extends SessionType<unknown> | undefined = undefined,
> extends AnyRegistry {
  readonly bucket: Bucket;
  readonly session: Declared;
  /**
   * The names of the object stores that your transaction must name for `addTx`. The store of heavy bodies is not among
   * them, because your transaction would wait until the largest body is written.
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
 * Returns the registry: the name of the database and the task types. Write it once, and import it in page and worker.
 *
 * @example
 * export const tasks = defineTasks('field-notes', {
 *   saveNote: task<Note>({ lane: (note) => note.id }),
 * });
 *
 * @throws TaskbasketError `option`, if a name, a type or an option is wrong.
 */
export function defineTasks<
  Types extends Record<string, AnyTaskType>,
  const Bucket extends string = 'taskbasket',
  Declared extends SessionType<unknown> | undefined = undefined,
>(name: string, types: Types, options: RegistryOptions<Bucket, Declared> = {}): Registry<Types, Bucket, Declared> {
  const parts = checkParts(options, 'The options of defineTasks', ['open', 'bucket', 'gates', 'session']);
  const { open, bucket = 'taskbasket' as Bucket, gates = {} } = parts;
  const session = parts.session as Declared;
  must(session === undefined || isSessionType(session), 'session', 'what session() returns', session);
  checkText(name, "The first argument of defineTasks, the database's name,");
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
    aliases: aliasesOf(new Map(Object.entries(types).map(([type, made]) => [type, (made as TaskTypeParts).aliases]))),
    open,
    // Measured: two tasks close a gate. With the factor 3 an outage then costs no more requests than with 2 and one
    // task.
    gates: { ...checkedBackoff(gates, 'gates'), factor: 3 },
    session,
  });
}

/**
 * Refuses what is no registry: a basket, say.
 *
 * @throws TaskbasketError `option`.
 */
export function checkRegistry(registry: AnyRegistry): void {
  must(Array.isArray(partOf(registry, 'stores')), 'The registry', 'what defineTasks returned', registry);
}
