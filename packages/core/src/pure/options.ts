import type { Backoff, Jitter } from './backoff.js';
import { defaultBackoff } from './backoff.js';
import { messageOf, TaskbasketError } from './errors.js';
import type { Priority } from './key.js';
import { partOf } from './parts.js';

/** A priority. Tasks of a higher priority start first, but never before an earlier task of their lane. */
export type PriorityName = 'high' | 'normal' | 'low';

/** The longest time that an attempt may take, in milliseconds: the longest timer of a browser, about 24.8 days. */
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

/** Refuses a value that breaks its rule. Code without types may pass anything. */
export function must(fits: boolean, what: string, rule: string, value: unknown): void {
  if (fits) return;
  const kind = typeof value === 'number' ? 'the number ' : '';
  const other = Array.isArray(value) ? 'a list' : kind + messageOf(value);
  const shown = typeof value === 'string' ? `"${value.slice(0, 200)}"` : other;

  throw new TaskbasketError('option', `${what} must be ${rule}, but it is ${shown}.`);
}

/** Refuses a value that is none of these words. */
export function checkOneOf(value: string, what: string, words: readonly string[]): void {
  if (!words.includes(value)) must(false, what, `"${words.join('" or "')}"`, value);
}

/** Refuses a value that is no whole number, or is less than `least`. */
export function checkWhole(value: number, what: string, least = 1): void {
  must(Number.isSafeInteger(value) && value >= least, what, `a whole number from ${least}`, value);
}

/** Refuses a timeout that is longer than a timer can be. */
export function checkTimeout(timeout: number): void {
  const fits = typeof timeout === 'number' && timeout > 0 && timeout <= longestTimer;
  must(fits, 'A timeout', `a number of milliseconds from 1 to ${longestTimer}`, timeout);
}

/** Refuses a value that is neither `block` nor `skip`. */
export function checkOnDead(onDead: 'block' | 'skip', what: string): void {
  checkOneOf(onDead, what, ['block', 'skip']);
}

/**
 * Returns a copy of an object that the app passed, and reads each part once. Refuses what is no object, and a part with
 * another name, because the app may have misspelt it.
 *
 * @throws TaskbasketError `option`.
 */
export function checkParts<Given extends object>(given: Given, what: string, parts: readonly string[]): Given {
  // A promise, a map or a date would otherwise pass as an empty object.
  const isObject = Object.prototype.toString.call(given) === '[object Object]';
  must(isObject, what, `an object with any of ${parts.join(', ')}`, given);
  for (const part in given) {
    if (parts.includes(part)) continue;

    throw new TaskbasketError('option', `${what} can have no "${part}", only ${parts.join(', ')}.`);
  }

  // Inherited parts count too, and so do accessors of a class, which `for in` does not show.
  return Object.fromEntries(
    parts.filter((part) => part in given).map((part) => [part, Reflect.get(given, part) as unknown]),
  ) as Given;
}

/** Refuses what is no object. A module (`import * as`) is one. */
export function checkObject(given: unknown, what: string): void {
  must(typeof given === 'object' && given !== null, what, 'an object', given);
}

/** Refuses a value that is neither a function nor `undefined`. */
export function checkFunction(given: unknown, what: string, rule = 'a function'): void {
  must(given === undefined || typeof given === 'function', what, rule, given);
}

/** Refuses a value that is neither true nor false. */
export function checkFlag(given: boolean, what: string): void {
  must(typeof given === 'boolean', what, 'true or false', given);
}

/** Refuses a listener that cannot be called. */
export function checkListener(given: unknown): void {
  must(typeof given === 'function', 'A listener', 'a function', given);
}

/** Refuses a signal to which nobody can listen. */
export function checkSignal(given: AbortSignal | undefined): void {
  const fits = given === undefined || typeof partOf(given, 'addEventListener') === 'function';
  must(fits, 'signal', 'an AbortSignal', given);
}

/** Refuses an id that is no string. */
export function checkId(id: string): void {
  must(typeof id === 'string', 'An id', 'a string, as add gives it', id);
}

/** Refuses a value that is no string, or is empty. */
export function checkText(value: string, what: string): void {
  must(typeof value === 'string' && value !== '', what, 'a string with at least one character', value);
}

/** Refuses a value without `watch`. What stands for a basket in a test of an app passes. */
export function checkBasket(given: unknown, what: string): void {
  must(typeof partOf(given, 'watch') === 'function', what, 'what openBasket returned', given);
}

/** Fills a backoff with its defaults. Refuses waits that are wrong. */
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
