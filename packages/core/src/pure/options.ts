import type { Backoff, Jitter } from './backoff.js';
import { defaultBackoff } from './backoff.js';
import { messageOf, TaskbasketError } from './errors.js';
import type { Priority } from './key.js';

/** What goes first, between lanes. */
export type PriorityName = 'high' | 'normal' | 'low';

/** The longest time that an attempt may take: what a browser's timer can hold, about 24.8 days. */
export const longestTimer: number = 2 ** 31 - 1;

const priorities: readonly [PriorityName, PriorityName, PriorityName] = ['high', 'normal', 'low'];

/** The name of a priority's digit. */
export function priorityName(priority: Priority): PriorityName {
  return priorities[priority];
}

/** The digit of a priority's name. */
export function priorityDigit(name: PriorityName): Priority {
  checkOneOf(name, 'A priority', priorities);

  return priorities.indexOf(name) as Priority;
}

/** The error for a value that cannot be; from code without types anything may come. */
export function wrongOption(what: string, rule: string, value: unknown): TaskbasketError {
  const shown = typeof value === 'string' ? `"${value}"` : messageOf(value);

  return new TaskbasketError('option', `${what} must be ${rule}, but it is ${shown}.`);
}

/** Refuses a value that breaks its rule. */
export function must(fits: boolean, what: string, rule: string, value: unknown): void {
  if (!fits) throw wrongOption(what, rule, value);
}

/** Refuses what is none of a few words. */
export function checkOneOf(value: string, what: string, words: readonly string[]): void {
  must(words.includes(value), what, `"${words.join('" or "')}"`, value);
}

/** Refuses what is no whole number, or is below the least. */
export function checkWhole(value: number, what: string, least = 1): void {
  must(Number.isSafeInteger(value) && value >= least, what, `a whole number from ${least}`, value);
}

/** Refuses a timeout that no timer could hold. */
export function checkTimeout(timeout: number): void {
  const fits = typeof timeout === 'number' && timeout > 0 && timeout <= longestTimer;
  must(fits, 'A timeout', `a number of milliseconds from 1 to ${longestTimer}`, timeout);
}

/** Refuses what is neither `block` nor `skip`. */
export function checkOnDead(onDead: 'block' | 'skip'): void {
  checkOneOf(onDead, 'onDead', ['block', 'skip']);
}

/**
 * Gives a copy of what the app handed over, each part read once. Refuses what is no object, or has a part that there is
 * not: a slip in a name would go unseen.
 *
 * @throws TaskbasketError `option`.
 */
export function checkParts<Given extends object>(given: Given, what: string, parts: readonly string[]): Given {
  // A promise, a map or a date has no parts either, and would pass for an empty object.
  if (Object.prototype.toString.call(given) !== '[object Object]') {
    throw new TaskbasketError('option', `${what} must be an object with any of ${parts.join(', ')}; it is none.`);
  }
  for (const part in given) {
    if (parts.includes(part)) continue;

    throw new TaskbasketError('option', `${what} can have no "${part}", only ${parts.join(', ')}.`);
  }

  // A part that is inherited is a part too, and so is an accessor of a class, which no loop shows.
  return Object.fromEntries(
    parts.filter((part) => part in given).map((part) => [part, Reflect.get(given, part) as unknown]),
  ) as Given;
}

/** Refuses what has no parts at all. A module of exports has some. */
export function checkObject(given: unknown, what: string): void {
  must(typeof given === 'object' && given !== null, what, 'an object', given);
}

/** Refuses what is neither a function nor left out. */
export function checkFunction(given: unknown, what: string, rule = 'a function'): void {
  must(given === undefined || typeof given === 'function', what, rule, given);
}

/** Refuses what is no id. Any string is one. */
export function checkId(id: string): void {
  must(typeof id === 'string', 'An id', 'a string, as add gives it', id);
}

/** Refuses what is not a string with something in it. */
export function checkText(value: string, what: string): void {
  must(typeof value === 'string' && value !== '', what, 'a string with at least one character', value);
}

/** A backoff with its defaults; refuses what is no wait. */
export function checkedBackoff(backoff: Partial<Backoff> = {}, option: string): Backoff {
  const parts = checkParts(backoff, option, ['base', 'cap', 'factor', 'jitter']);
  const { base = defaultBackoff.base, cap = defaultBackoff.cap, factor = 2, jitter = 'equal' } = parts;
  for (const [part, value] of Object.entries({ base, cap })) {
    must(Number.isFinite(value) && value > 0, `${option}.${part}`, 'a number of milliseconds above 0', value);
  }
  must(Number.isFinite(factor) && factor >= 1, `${option}.factor`, 'a number from 1', factor);
  checkOneOf(jitter, `${option}.jitter`, jitters);

  return { base, cap: Math.max(base, cap), factor, jitter };
}

const jitters: readonly Jitter[] = ['equal', 'full', 'none'];
