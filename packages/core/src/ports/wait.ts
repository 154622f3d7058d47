import type { Clock } from './ports.js';

/** The length of the pieces in which a long wait is counted, in milliseconds. */
const slice = 10_000;

/**
 * Resolves after `wait` milliseconds, or as soon as the signal aborts. Removes its timer and its listener.
 */
export function waited(clock: Clock, wait: number, signal?: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const end = (): void => {
      stop();
      signal?.removeEventListener('abort', end);
      resolve();
    };
    const stop = clock.timer(wait, end);
    signal?.addEventListener('abort', end);
    if (signal?.aborted === true) end();
  });
}

/**
 * Resolves when all of `ends` have resolved, or after `wait` milliseconds, or as soon as the signal aborts. None of
 * `ends` may reject. Removes its timer and its listeners.
 */
export async function endedWithin(
  clock: Clock,
  ends: readonly Promise<unknown>[],
  wait: number,
  signal?: AbortSignal,
): Promise<void> {
  const ended = new AbortController();
  const end = (): void => ended.abort();
  signal?.addEventListener('abort', end, { signal: ended.signal });
  if (signal?.aborted === true) end();
  void Promise.all(ends).then(end);
  await waited(clock, Math.max(0, wait), ended.signal);
  end();
}

/** A deadline that is under way. */
export interface Deadline {
  /** Begins the wait again. It may then take up to 10 s longer. */
  readonly renew: () => void;
  readonly stop: () => void;
}

/**
 * Calls `passed` once this context has run for `limit` milliseconds. The time in which a page is frozen, or a computer
 * sleeps, counts as one piece at most.
 */
export function deadline(clock: Clock, limit: number, passed: () => void): Deadline {
  let left = limit;
  let stop = (): void => undefined;
  let stopped = false;

  async function piece(): Promise<void> {
    left -= slice;
    // When a frozen page goes on, its timer rings first, and an answer that came long ago is handled only after that.
    await clock.turnOfTheLoop();
    if (stopped) return;
    if (left > 0) wait();
    else passed();
  }

  function wait(): void {
    stop = clock.timer(Math.min(slice, left), () => void piece()); // It never rejects.
  }

  wait();

  return {
    renew() {
      left = limit + slice; // The piece that is under way ends earlier than its whole length.
    },

    stop() {
      stopped = true;
      stop();
    },
  };
}

/**
 * Settles as the answer does. Rejects with the error of `late` if there is no answer within `limit` milliseconds (see
 * `deadline`). Removes its timer.
 */
export function within<Answer>(
  clock: Clock,
  limit: number,
  answer: Promise<Answer>,
  late: () => Error,
): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const end = deadline(clock, limit, () => reject(late()));
    void answer.then(resolve, reject).finally(end.stop); // It never rejects.
  });
}
