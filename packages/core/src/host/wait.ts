import type { Clock } from '../ports/ports.js';

/** Resolves after so many milliseconds. */
export function waited(clock: Clock, wait: number): Promise<void> {
  return new Promise((resolve) => {
    clock.timer(wait, resolve);
  });
}
