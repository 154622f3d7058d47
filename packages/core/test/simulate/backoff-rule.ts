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

/** The least and the most that a wait may be, in milliseconds, after so many failures. */
export function waitRange(rule: BackoffRule, failures: number): readonly [number, number] {
  const { base, cap, factor, jitter } = rule;
  let ceiling = base;
  for (let count = 1; count < failures && ceiling < cap; count += 1) ceiling *= factor;
  ceiling = Math.min(cap, ceiling);
  const least = jitter === 'none' ? ceiling : jitter === 'full' ? 0 : ceiling / 2;

  return [Math.floor(least), Math.ceil(ceiling)];
}
