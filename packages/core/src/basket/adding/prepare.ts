import { isPromiseLike } from '../../pure/codec.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import { defined, timeOf } from '../../pure/parts.js';
import type { Owner, OwnerHere } from '../../pure/owner.js';
import { ownerOf } from '../../pure/owner.js';
import type { NewTaskRow } from '../../pure/record.js';
import { keyMarkOf, laneMarkOf, newRow } from '../../pure/record.js';
import type { PriorityName } from '../../pure/options.js';
import { checkOnDead, checkOneOf, checkParts, checkTimeout, must, priorityDigit } from '../../pure/options.js';
import type { AnyRegistry, TaskTypeParts } from '../../pure/registry.js';
import { typeOf } from '../../pure/find-type.js';
import type { Clock } from '../../ports/ports.js';
import type { Stores } from '../../store/requests.js';
import type { Durability } from '../../store/transact.js';
import type { Copy, Encoded } from './encode.js';
import { encoded, isHeavy, notForTx, rowPart, weighed } from './encode.js';

/** The options of one task. An option that you leave out is as the task type says. */
export interface AddOptions {
  /** The name of the task's lane; see `TaskOptions.lane`. */
  readonly lane?: string | undefined;
  /** The name of the task's destination; see `TaskOptions.gate`. */
  readonly gate?: string | undefined;
  /** The name of what the task is about; see `TaskOptions.key`. */
  readonly key?: string | undefined;
  /**
   * The task does not run before this time: a date, or milliseconds since 1970, by the wall clock. Default: at once.
   *
   * @example
   * await basket.add('saveNote', note, { runAt: Date.now() + 60 * 60_000 }); // in an hour
   */
  readonly runAt?: Date | number | undefined;
  /**
   * The task is dead, for the reason `expired`, if it is not done by this time: a date, or milliseconds since 1970, by
   * the wall clock. What runs at that moment is finished. Default: as the `lifetime` of its type says.
   *
   * @example
   * await basket.add('saveNote', note, { expiresAt: Date.now() + 24 * 60 * 60_000 }); // in a day
   */
  readonly expiresAt?: Date | number | undefined;
  /** Whether the lane stops (`block`) or goes on (`skip`) when the task has expired. */
  readonly onExpired?: 'block' | 'skip' | undefined;
  /** Tasks of a higher priority start first, but never before an earlier task of their lane. */
  readonly priority?: PriorityName | undefined;
  /** How long an attempt may take, in milliseconds. */
  readonly timeout?: number | undefined;
  /** Whether the lane stops (`block`) or goes on (`skip`) when the task is dead. */
  readonly onDead?: 'block' | 'skip' | undefined;
  /**
   * The id of a task, or the ids of up to 100 tasks, that must succeed before this task starts: its *parents*. Add them
   * first, or earlier in the same transaction. An id of which nothing is stored counts as succeeded. The handler gets
   * what the parents returned as `attempt.parents`. While a parent is dead, this task waits.
   *
   * @example
   * const noteId = await basket.add('saveNote', note);
   * await basket.add('savePhoto', photo, { after: noteId });
   */
  readonly after?: string | readonly string[] | undefined;
  /**
   * What becomes of this task if a parent is cancelled. `dead`: it is dead, for the reason `parent`. `run`: it runs
   * without that parent. Default `dead`.
   *
   * @example
   * await basket.add('ping', undefined, { after: id, onParent: 'run' });
   */
  readonly onParent?: 'dead' | 'run' | undefined;
  /**
   * `strict`: the task is on disk when `add` resolves. `relaxed`: the operating system has the task, and a power cut
   * can lose it. Default `strict`. It has no effect in `addTx`, because that transaction is yours.
   *
   * @example
   * await basket.add('ping', undefined, { durability: 'relaxed' });
   */
  readonly durability?: 'strict' | 'relaxed' | undefined;
  /**
   * Whose task it is, for a context that nobody signs in to, such as a service worker. Default: the owner whom `signIn`
   * named in this context.
   *
   * @example
   * await basket.add('saveNote', note, { owner: 'ann' });
   */
  readonly owner?: string | undefined;
}

const addOptions: readonly (keyof AddOptions)[] = [
  'lane',
  'gate',
  'key',
  'runAt',
  'expiresAt',
  'onExpired',
  'priority',
  'timeout',
  'onDead',
  'after',
  'onParent',
  'durability',
  'owner',
];

/** What an add needs of its context before it stores anything. */
export interface PrepareContext {
  readonly registry: AnyRegistry;
  readonly ports: { readonly clock: Clock };
  readonly here: { readonly owner: OwnerHere };
  readonly newId: () => string;
  /** Is called with each new task, so that `settled` can tell how it ended. */
  readonly note: (id: string, owner: Owner) => void;
}

/** A task that is encoded, and can be written. Whatever could fail without a transaction has been done. */
export interface EncodedTask {
  readonly id: string;
  readonly row: NewTaskRow;
  /** The row as of another time of adding, at which its lifetime begins. */
  readonly rowAt: (addedAt: number) => NewTaskRow;
  readonly payload: Encoded;
}

/** A task whose payload is being encoded. What keeps its order is known at once. */
export interface EncodingTask {
  /**
   * The mark of its lane, or else of its key: tasks of one mark are stored in the order of their calls. So a task never
   * takes the place of one of its key that was added later.
   */
  readonly inOrderOf: string | undefined;
  readonly durability: Durability;
  /**
   * A promise only if the codec is asynchronous, so that tasks added in one run of the app's code share a transaction.
   */
  readonly ready: EncodedTask | Promise<EncodedTask>;
}

/** Checks and encodes a task. Reads each option once, and the whole payload, before it returns. */
export function encodeTask(
  context: PrepareContext,
  name: string,
  payload: unknown,
  options: AddOptions = {},
  copy?: Copy,
): EncodingTask {
  const type = typeOf(context.registry, name);
  const own = checkParts(options, `The options of "${name}"`, addOptions);
  const { timeout, onDead, onExpired = type.onExpired, onParent = 'dead', priority, durability = 'strict' } = own;
  checkOneOf(durability, 'durability', ['strict', 'relaxed']);
  if (timeout !== undefined) checkTimeout(timeout);
  if (onDead !== undefined) checkOnDead(onDead, 'onDead');
  checkOnDead(onExpired, 'onExpired');
  checkOneOf(onParent, 'onParent', ['dead', 'run']);

  const owner = ownerOf(context.registry, context.here.owner, name, type, own.owner);
  const id = context.newId();
  context.note(id, owner);
  const addedAt = context.ports.clock.wall();
  const { gate, lane, key } = laneGateAndKey(type, name, payload, own);
  const { runAt, expiresAt } = datesOf(type, own);
  const inOrderOf = laneMarkOf({ owner, lane }) ?? keyMarkOf({ owner, type: name, lane, key });
  const given = (['lane', 'gate', 'key'] as const).filter((part) => own[part] !== undefined);
  const described = {
    id,
    type: name,
    version: type.version,
    owner,
    gate,
    priority: priority === undefined ? type.priority : priorityDigit(priority),
    // Without those that are undefined, because each copy of an object of many fields takes time.
    ...defined({
      lane,
      key,
      merges: key === undefined || type.merge === undefined ? undefined : (true as const),
      given: given.length === 0 ? undefined : given,
      runAt,
      timeout,
      onDead,
      // The row says it, because another build may not have the type.
      onExpired: onExpired === 'block' ? onExpired : undefined,
      after: idsOf(own.after),
      onParent: onParent === 'run' ? onParent : undefined,
    }),
  };
  const complete = (encodedPayload: unknown): EncodedTask => {
    const stored = weighed(context, described, encodedPayload);

    const rowAt = (at: number): NewTaskRow =>
      newRow({ ...described, addedAt: at, ...defined({ expiresAt: expiresAt(at) }), payload: rowPart(stored) });

    return { id, row: rowAt(addedAt), rowAt, payload: stored };
  };
  const value = encoded(context.ports.clock, type, name, payload, copy);
  if (!isPromiseLike(value)) return { inOrderOf, durability, ready: complete(value) };

  const ready = Promise.resolve(value).then(complete);
  ready.catch(() => undefined); // Whoever awaits it is told. Nobody does if another task of its list is refused.

  return { inOrderOf, durability, ready };
}

/** Checks and encodes a task for a transaction in which nothing may be awaited. */
export function encodeTaskNow(
  context: PrepareContext,
  name: string,
  payload: unknown,
  options?: AddOptions,
  copy?: Copy,
): EncodedTask {
  const { ready } = encodeTask(context, name, payload, options, copy);
  if ('id' in ready) {
    if (isHeavy(ready.payload)) throw notForTx(`The payload of "${name}" is too heavy for addTx`);

    return ready;
  }
  throw notForTx(`The codec of "${name}" is asynchronous, and a transaction cannot wait`);
}

/**
 * Makes the requests that add a task; a heavy body was written before. Nothing waits for their answers, so that the app
 * may commit on its next line. The payload comes first: if it cannot be cloned, this throws before any request was
 * made.
 */
export function writeTask({ tasks, payloads }: AddStores, { row, payload }: EncodedTask): void {
  if (payload.store === 'payloads') blind(payloads?.put(payload.value, payload.ref));
  blind(tasks.add(isHeavy(payload) ? { ...row, ref: payload.ref } : row));
}

/** The stores into which an add writes. `payloads` may be left out if all payloads are in their rows. */
export type AddStores = Pick<Stores, 'tasks'> & Partial<Pick<Stores, 'payloads'>>;

/**
 * Ignores the answer to a request, because the end of the transaction says whether it failed. Another copy of idb
 * answers with a promise.
 */
function blind(request: unknown): void {
  if (isPromiseLike(request)) void Promise.resolve(request).catch(() => undefined);
}

/** The lane, the gate and the key of a task: those of its options, or else those of its type. */
export function laneGateAndKey(
  type: TaskTypeParts,
  name: string,
  payload: unknown,
  own: Pick<AddOptions, 'lane' | 'gate' | 'key'>,
): { readonly lane: string | undefined; readonly gate: string; readonly key: string | undefined } {
  const part = (what: 'lane' | 'gate' | 'key'): string | undefined =>
    named(own[what] === undefined ? fromPayload(type[what], payload, name, what) : own[what], name, what);

  return { gate: part('gate') ?? name, lane: part('lane'), key: part('key') };
}

function fromPayload(
  source: string | ((payload: unknown) => string | undefined) | undefined,
  payload: unknown,
  name: string,
  what: 'lane' | 'gate' | 'key',
): string | undefined {
  try {
    return typeof source === 'function' ? source(payload) : source;
  } catch (error) {
    throw new TaskbasketError('payload', `The ${what} function of "${name}" threw: ${messageOf(error)}`, error);
  }
}

/** Refuses a lane, a gate or a key that is neither a string nor `undefined`. Code without types may return anything. */
function named(value: string | undefined, name: string, what: 'lane' | 'gate' | 'key'): string | undefined {
  const fits = value === undefined || (typeof value === 'string' && value !== '');
  must(fits, `The ${what} of "${name}"`, 'a string with at least one character, or undefined for none', value);

  return value;
}

/** The ids that `after` names. `undefined`: none. */
function idsOf(after: AddOptions['after'] = []): readonly string[] | undefined {
  const ids = [after].flat();
  const areIds = ids.length <= 100 && ids.every((id: unknown) => typeof id === 'string' && id !== '');
  must(areIds, 'after', 'the id that an add resolved with, or a list of up to 100 ids', after);

  return ids.length === 0 ? undefined : ids;
}

/** When a task may run first, and when it expires if it is added at a time. A lifetime begins when the task may run. */
function datesOf(
  { lifetime }: TaskTypeParts,
  own: Pick<AddOptions, 'runAt' | 'expiresAt'>,
): { readonly runAt: number | undefined; readonly expiresAt: (addedAt: number) => number | undefined } {
  const runAt = dateOf(own.runAt, 'runAt');
  const date = dateOf(own.expiresAt, 'expiresAt');

  return {
    runAt,
    expiresAt: (at) => date ?? (lifetime === undefined ? undefined : Math.max(at, runAt ?? at) + lifetime),
  };
}

function dateOf(date: Date | number | undefined, what: string): number | undefined {
  if (date === undefined) return undefined;
  const time = timeOf(date) ?? Number.NaN;
  // No date is larger than 8.64e15. Microseconds are.
  must(Math.abs(time) <= 8.64e15, what, 'a date, or milliseconds since 1970', date);

  return Math.ceil(time);
}
