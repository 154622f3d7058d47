import type { Jitter } from '../../src/pure/backoff.js';

/** What the specification says of how waits grow. Times in milliseconds. */
export interface BackoffRule {
  readonly base: number;
  readonly cap: number;
  readonly factor: number;
  readonly jitter: Jitter;
}

/** What is used for a type that a build does not know. */
export const defaultRule: BackoffRule = { base: 1_000, cap: 300_000, factor: 2, jitter: 'equal' };

/** The least and the most that a wait may be, in milliseconds, after so many failures; `before`: the wait before. */
export function waitRange(rule: BackoffRule, failures: number, before?: number): readonly [number, number] {
  const { base, cap, factor, jitter } = rule;
  if (jitter === 'decorrelated') {
    const most = Math.min(cap, Math.max(base, 3 * (before ?? base)));

    return [Math.floor(Math.min(cap, base)), Math.ceil(most)];
  }

  let ceiling = base;
  for (let count = 1; count < failures && ceiling < cap; count += 1) ceiling *= factor;
  ceiling = Math.min(cap, ceiling);
  const least = jitter === 'none' ? ceiling : jitter === 'full' ? 0 : ceiling / 2;

  return [Math.floor(least), Math.ceil(ceiling)];
}

/** Whether a row remembers its wait as it must: only where the next is made of it. */
export function remembersWait(rule: BackoffRule, row: { readonly wait?: number }, wait: number): boolean {
  return rule.jitter !== 'decorrelated' || row.wait === wait;
}
