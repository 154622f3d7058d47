import type { Backoff, Jitter } from './backoff.js';
import { defaultBackoff } from './backoff.js';
import { TaskbasketError } from './errors.js';
import type { Priority } from './key.js';

/** What goes first, between lanes. */
export type PriorityName = 'high' | 'normal' | 'low';

/** The longest time that an attempt may take: what a browser's timer can hold, about 24.8 days. */
export const longestTimer: number = 2 ** 31 - 1;

const priorities: Readonly<Record<PriorityName, Priority>> = { high: 0, normal: 1, low: 2 };

/** The name of a priority's digit. */
export function priorityName(priority: Priority): PriorityName {
  return priority === 0 ? 'high' : priority === 1 ? 'normal' : 'low';
}

/** The digit of a priority's name. */
export function priorityDigit(name: PriorityName): Priority {
  // From code without types anything may come.
  const digit = new Map<unknown, Priority>(Object.entries(priorities)).get(name);
  if (digit !== undefined) return digit;

  throw new TaskbasketError('option', `A priority is "high", "normal" or "low"; this one is "${name}".`);
}

/** Refuses a timeout that no timer could hold. */
export function checkTimeout(timeout: number): void {
  if (typeof timeout === 'number' && timeout > 0 && timeout <= longestTimer) return;

  throw new TaskbasketError(
    'option',
    `A timeout is a number of milliseconds from 1 to ${longestTimer}; this one is ${String(timeout)}.`,
  );
}

/** Refuses what is neither `block` nor `skip`. */
export function checkOnDead(onDead: 'block' | 'skip'): void {
  if (onDead === 'block' || onDead === 'skip') return;

  throw new TaskbasketError('option', `onDead is "block" or "skip"; this one is "${String(onDead)}".`);
}

/**
 * Refuses what is no object, or has a part that there is not: a slip in a name would go unseen.
 *
 * @throws TaskbasketError `option`.
 */
export function checkParts(given: object, what: string, parts: readonly string[]): void {
  if (typeof given !== 'object' || given === null || Array.isArray(given)) {
    throw new TaskbasketError('option', `${what} must be an object with any of ${parts.join(', ')}; it is none.`);
  }
  const unknown = Object.keys(given).find((part) => !parts.includes(part));
  if (unknown === undefined) return;

  throw new TaskbasketError('option', `${what} can have no "${unknown}", only ${parts.join(', ')}.`);
}

/** Refuses what is no id. Any string is one. */
export function checkId(id: string): void {
  if (typeof id === 'string') return;

  throw new TaskbasketError('option', `An id is a string, as add gives it; this one is ${typeof id}.`);
}

/** Refuses what is not a string with something in it. */
export function checkText(value: string, what: string): void {
  if (typeof value === 'string' && value !== '') return;

  throw new TaskbasketError('option', `${what} must be a string with at least one character.`);
}

const jitters: readonly Jitter[] = ['equal', 'full', 'decorrelated', 'none'];

/** Refuses what is no number of failures. */
export function checkFailureLimit(limit: number | undefined): void {
  if (limit === undefined || (Number.isSafeInteger(limit) && limit >= 1)) return;

  throw new TaskbasketError('option', `failureLimit is a whole number from 1; this one is ${String(limit)}.`);
}

/** A backoff with its defaults; refuses what is no wait. */
export function checkedBackoff(backoff: Partial<Backoff> | undefined, option: string): Backoff {
  const { base = defaultBackoff.base, cap = defaultBackoff.cap, factor = 2, jitter = 'equal' } = backoff ?? {};
  const wrong = (part: string, what: string, value: unknown): TaskbasketError =>
    new TaskbasketError('option', `${option}.${part} is ${what}; this one is ${String(value)}.`);

  for (const [part, value] of Object.entries({ base, cap })) {
    if (!Number.isFinite(value) || value <= 0) throw wrong(part, 'a number of milliseconds above 0', value);
  }
  if (!Number.isFinite(factor) || factor < 1) throw wrong('factor', 'a number from 1', factor);
  if (!jitters.includes(jitter)) throw wrong('jitter', '"equal", "full", "decorrelated" or "none"', jitter);

  return { base, cap: Math.max(base, cap), factor, jitter };
}
