import { isPromiseLike } from '../../pure/codec.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import { timeOf } from '../../pure/parts.js';
import type { NewTaskRow } from '../../pure/record.js';
import { newRow } from '../../pure/record.js';
import type { PriorityName } from '../../pure/options.js';
import {
  checkOnDead,
  checkOneOf,
  checkParts,
  checkText,
  checkTimeout,
  priorityDigit,
  wrongOption,
} from '../../pure/options.js';
import type { AnyRegistry, TaskTypeParts } from '../../pure/registry.js';
import { typeOf } from '../../pure/registry.js';
import type { Clock } from '../../ports/ports.js';
import type { Durability } from '../../store/transact.js';
import type { Copy, Encoded } from './encode.js';
import { encoded, isHeavy, notForTx, rowPart, weighed } from './encode.js';

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

const addOptions: readonly (keyof AddOptions)[] = [
  'lane',
  'gate',
  'runAt',
  'priority',
  'timeout',
  'onDead',
  'durability',
];

/** What an add needs of its context before it stores anything. */
export interface PrepareContext {
  readonly registry: AnyRegistry;
  readonly ports: { readonly clock: Clock };
  readonly newId: () => string;
}

/** A task that is ready to be written: everything about it that could fail without a transaction has been done. */
export interface Prepared {
  readonly id: string;
  readonly row: NewTaskRow;
  readonly payload: Encoded;
}

/** A task that is being prepared; its lane is known at once. */
export interface Preparing {
  readonly lane: string | undefined;
  readonly durability: Durability;
  /** A promise only if its codec is asynchronous: what is added in one run of the app's code shares a transaction. */
  readonly ready: Prepared | Promise<Prepared>;
}

/** Prepares a task. Each option is read once, and all of the payload is read, before this returns. */
export function prepared(
  context: PrepareContext,
  name: string,
  payload: unknown,
  options: AddOptions = {},
  copy?: Copy,
): Preparing {
  const type = typeOf(context.registry, name);
  const own = checkParts(options, `The options of "${name}"`, addOptions);
  const { timeout, onDead, priority, runAt, durability = 'strict', lane: ownLane, gate: ownGate } = own;
  checkOneOf(durability, 'durability', ['strict', 'relaxed']);
  if (timeout !== undefined) checkTimeout(timeout);
  if (onDead !== undefined) checkOnDead(onDead);

  const id = context.newId();
  const { lane, gate } = placeOf(type, name, payload, { lane: ownLane, gate: ownGate });
  const given = (['lane', 'gate'] as const).filter((part) => own[part] !== undefined);
  const described = {
    id,
    type: name,
    version: type.version,
    owner: null,
    gate,
    lane,
    given: given.length === 0 ? undefined : given,
    priority: priority === undefined ? type.priority : priorityDigit(priority),
    runAt: runAt === undefined ? undefined : dateOf(runAt),
    timeout,
    onDead,
    addedAt: context.ports.clock.wall(),
  };
  const complete = (encodedPayload: unknown): Prepared => {
    const stored = weighed(context, described, encodedPayload);

    return { id, row: newRow({ ...described, payload: rowPart(stored) }), payload: stored };
  };
  const value = encoded(context.ports.clock, type, name, payload, copy);

  return { lane, durability, ready: isPromiseLike(value) ? Promise.resolve(value).then(complete) : complete(value) };
}

/** The same for a transaction in which nothing may be awaited. */
export function preparedNow(
  context: PrepareContext,
  name: string,
  payload: unknown,
  options?: AddOptions,
  copy?: Copy,
): Prepared {
  const { ready } = prepared(context, name, payload, options, copy);
  if ('id' in ready) {
    if (isHeavy(ready.payload)) throw notForTx(`The payload of "${name}" is too heavy for addTx`);

    return ready;
  }
  ready.catch(() => undefined); // Refused here; how it would have ended is of no use.
  throw notForTx(`The codec of "${name}" is asynchronous, and a transaction cannot wait`);
}

/**
 * The requests that add a task, but for a heavy body. All are blind, so that the app may commit on its next line. The
 * payload goes first: if it cannot be cloned, this throws before anything was placed.
 */
export function place({ tasks, payloads }: AddStores, { row, payload }: Prepared): void {
  if (payload.store === 'payloads') blind(payloads?.put(payload.value, payload.ref));
  blind(tasks.add(row));
}

/** Where adds are placed; the payloads may be left out if all of them lie in their rows. */
export interface AddStores {
  readonly tasks: IDBObjectStore;
  readonly payloads?: IDBObjectStore;
}

/** A request of which no answer is awaited. The transaction's end tells; the proxy of another copy of idb gives a promise. */
function blind(request: unknown): void {
  if (isPromiseLike(request)) void Promise.resolve(request).catch(() => undefined);
}

/** Lane and gate of a task: as the options say, else as its type does. */
export function placeOf(
  type: TaskTypeParts,
  name: string,
  payload: unknown,
  { lane, gate }: Pick<AddOptions, 'lane' | 'gate'>,
): { readonly lane: string | undefined; readonly gate: string } {
  return {
    gate: gate === undefined ? (fromPayload(type.gate, payload, name, 'gate') ?? name) : named(gate, 'gate'),
    lane: lane === undefined ? fromPayload(type.lane, payload, name, 'lane') : named(lane, 'lane'),
  };
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
  const time = timeOf(date);
  // Beyond 8.64e15 there is no date: microseconds, say.
  if (time !== undefined && Math.abs(time) <= 8.64e15) return time;

  throw wrongOption('runAt', 'a date, or milliseconds since 1970', date);
}
