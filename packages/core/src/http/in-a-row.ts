/** How often in a row did the same thing happen to a request of a task? */

/** Counts what happened to one request. Gives how often it happened in a row; `undefined` ends the row. */
export type InARow = (what: 'network' | 'conflict' | undefined) => number;

/** At most so many counters are kept, because nothing deletes the counter of a task that was cancelled. */
const mostCounters = 1_000;

/**
 * Makes a counter for each request, by its method and its idempotency key: a handler may read a record, with success,
 * before it writes. The counters live in memory, so a new worker counts anew.
 */
export function createCounters(): (key: string) => InARow {
  const counters = new Map<string, { readonly what: string; readonly times: number }>();

  return (key) => (what) => {
    const last = counters.get(key);
    counters.delete(key);
    if (what === undefined) return 0;

    const times = last?.what === what ? last.times + 1 : 1;
    if (counters.size >= mostCounters) counters.clear();
    counters.set(key, { what, times });

    return times;
  };
}
