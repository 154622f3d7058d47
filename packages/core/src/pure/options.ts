import type { Backoff } from './backoff.js';
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

/** Refuses what is not a string with something in it. */
export function checkText(value: string, what: string): void {
  if (typeof value === 'string' && value !== '') return;

  throw new TaskbasketError('option', `${what} must be a string with at least one character.`);
}

/** A backoff with its defaults; refuses what is no wait. */
export function checkedBackoff(backoff: Partial<Backoff> | undefined, option: string): Backoff {
  const { base = defaultBackoff.base, cap = defaultBackoff.cap } = backoff ?? {};
  for (const [part, value] of Object.entries({ base, cap })) {
    if (typeof value === 'number' && value > 0 && Number.isFinite(value)) continue;

    throw new TaskbasketError('option', `${option}.${part} is a number of milliseconds above 0; this one is ${value}.`);
  }

  return { base, cap: Math.max(base, cap) };
}
