import { isPromiseLike } from '../../pure/codec.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import { timeOf } from '../../pure/parts.js';
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
import { heavyRef } from '../../pure/key.js';
import { storeFor, weigh } from '../../pure/size.js';
import { encoded, encodedNow } from './encode.js';
import type { Body, Prepared } from './place.js';

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
  readonly ports: { readonly clock: { readonly wall: () => number } };
  readonly newId: () => string;
}

/** A task that is being prepared; its lane is known at once. */
export interface Preparing {
  readonly lane: string | undefined;
  /** A promise only if its codec is asynchronous: what is added in one run of the app's code shares a transaction. */
  readonly ready: Prepared | Promise<Prepared>;
}

/** Prepares a task; all of the payload is read before this returns. */
export function prepared(context: PrepareContext, name: string, payload: unknown, options: AddOptions = {}): Preparing {
  const type = typeOf(context.registry, name);
  const { lane, complete } = prepare(context, type, name, payload, options);
  const stored = encoded(type, name, payload);

  return { lane, ready: isPromiseLike(stored) ? Promise.resolve(stored).then(complete) : complete(stored) };
}

/** The same for a transaction in which nothing may be awaited. The payload is not copied: it is placed at once. */
export function preparedNow(
  context: PrepareContext,
  name: string,
  payload: unknown,
  options: AddOptions = {},
): Prepared {
  const type = typeOf(context.registry, name);

  return prepare(context, type, name, payload, options).complete(encodedNow(type, name, payload));
}

/**
 * Reads all of a task but its stored payload, and gives back what completes it with that; throws what is wrong with an
 * option or with lane and gate.
 */
function prepare(
  context: PrepareContext,
  type: TaskTypeParts,
  name: string,
  payload: unknown,
  options: AddOptions,
): { readonly lane: string | undefined; readonly complete: (stored: unknown) => Prepared } {
  checkParts(options, `The options of "${name}"`, addOptions);
  if (options.durability !== undefined) checkOneOf(options.durability, 'durability', ['strict', 'relaxed']);
  const { timeout, onDead, priority, runAt } = options;
  if (timeout !== undefined) checkTimeout(timeout);
  if (onDead !== undefined) checkOnDead(onDead);

  const id = context.newId();
  const { lane, gate } = placeOf(type, name, payload, options);
  const given = (['lane', 'gate'] as const).filter((what) => options[what] !== undefined);
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

  return {
    lane,
    complete(stored) {
      const apart = bodyOf(id, stored);
      const place = apart === undefined ? { inline: stored } : { ref: apart.ref };

      return { id, row: newRow({ ...described, payload: place }), apart };
    },
  };
}

/** A stored payload that lies apart, or `undefined`: it is small. */
export function bodyOf(id: string, value: unknown): Body | undefined {
  const store = storeFor(weigh(value));
  if (store === 'tasks') return undefined;
  const heavy = store === 'bodies';

  return { ref: heavy ? heavyRef(id) : id, value, heavy };
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
  if (time !== undefined && Number.isFinite(time)) return time;

  throw wrongOption('runAt', 'a date, or milliseconds since 1970', date);
}
