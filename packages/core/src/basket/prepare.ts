import { isPromiseLike } from '../pure/codec.js';
import { messageOf, TaskbasketError } from '../pure/errors.js';
import type { NewTaskRow } from '../pure/record.js';
import { newRow } from '../pure/record.js';
import type { PriorityName } from '../pure/options.js';
import { checkOnDead, checkText, checkTimeout, priorityDigit } from '../pure/options.js';
import type { TaskTypeParts } from '../pure/registry.js';
import { isSmall } from '../pure/size.js';
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
export interface Prepared {
  readonly id: string;
  readonly row: NewTaskRow;
  /** The encoded payload, if it lies apart from the row. */
  readonly apart: { readonly ref: string; readonly value: unknown } | undefined;
}

/**
 * The payload as it is stored: as it is at the call, whatever the app does with the value afterwards. A codec that is
 * asynchronous is asked at the call as well.
 */
export function encoded(type: TaskTypeParts, name: string, payload: unknown): unknown {
  const stored = encodedOnce(type, name, payload);
  if (isPromiseLike(stored)) {
    return Promise.resolve(stored).catch((error: unknown) => {
      throw codecThrew(name, error);
    });
  }

  try {
    return typeof stored === 'object' && stored !== null ? structuredClone(stored) : stored;
  } catch (error) {
    throw notStorable(name, error);
  }
}

/** The same, for a transaction in which nothing may be awaited. */
export function encodedNow(type: TaskTypeParts, name: string, payload: unknown): unknown {
  const stored = encodedOnce(type, name, payload);
  if (isPromiseLike(stored)) {
    void Promise.resolve(stored).catch(() => undefined); // Refused below; how it would have ended is of no use.
    throw new TaskbasketError(
      'payload',
      `The codec of "${name}" is asynchronous, and nothing can be awaited within a transaction. Use add instead of addTx.`,
    );
  }

  return stored;
}

function encodedOnce(type: TaskTypeParts, name: string, payload: unknown): unknown {
  try {
    return type.codec.encode(payload);
  } catch (error) {
    throw codecThrew(name, error);
  }
}

/**
 * Reads all of a task but its stored payload, and gives back what completes it with that; throws what is wrong with an
 * option or with lane and gate.
 */
export function prepare(
  context: BasketContext,
  type: TaskTypeParts,
  name: string,
  payload: unknown,
  options: AddOptions,
): (stored: unknown) => Prepared {
  const { timeout, onDead, priority, runAt } = options;
  if (timeout !== undefined) checkTimeout(timeout);
  if (onDead !== undefined) checkOnDead(onDead);

  const id = context.newId();
  const described = {
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
  };

  return (stored) => {
    const apart = isSmall(stored) ? undefined : { ref: id, value: stored };
    const place = apart === undefined ? { inline: stored } : { ref: apart.ref };

    return { id, row: newRow({ ...described, payload: place }), apart };
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
  const time = Number(date);
  if (Number.isFinite(time)) return time;

  throw new TaskbasketError('option', 'runAt is a date, or milliseconds since 1970; this one is neither.');
}

/** Refuses what is no durability. */
export function checkDurability(durability: AddOptions['durability']): void {
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

/** The error for a value that the platform can't clone. */
export function notStorable(name: string, error: unknown): TaskbasketError {
  return new TaskbasketError(
    'payload',
    `The payload of "${name}" can not be stored: ${messageOf(error)} Give the type a codec that turns it into plain data.`,
    error,
  );
}
