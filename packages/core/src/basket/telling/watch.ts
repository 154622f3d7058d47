import { surface } from '../../pure/errors.js';
import type { Query, WantedPage } from '../../pure/query.js';
import { readQuery } from '../../pure/query.js';
import type { TaskView } from '../../pure/view.js';
import type { BasketContext } from '../context/context.js';
import { createLooks } from './looks.js';
import { page } from '../reading/observe.js';

/** What `watch` shows: the tasks of one page of a query. */
export interface Snapshot<View = TaskView> {
  /** False until the first look at the database has ended. */
  readonly loaded: boolean;
  readonly tasks: readonly View[];
  /** Whether there are more than the query's limit. */
  readonly more: boolean;
}

/** One contract that React's `useSyncExternalStore` and Svelte take as it is. Both can be passed on bare. */
export interface Watched<Value> {
  /**
   * The latest value; the same reference until the next look at the database, which each message and each minute brings.
   * A look that finds tasks gives a new one, also if they are as before.
   */
  readonly get: () => Value;
  /** Calls back at once with the latest value, then after each look that gave a new one; returns what ends it. */
  readonly subscribe: (listener: (value: Value) => void) => () => void;
}

const nothingYet: Snapshot = { loaded: false, tasks: [], more: false };

/**
 * The watched queries of one basket: equal ones share one object, so that it may be asked for in a component's body. One
 * that nobody holds any more is forgotten, so that a query for each lane that was ever shown costs nothing.
 */
export function createWatches(context: BasketContext): (query?: Query) => Watched<Snapshot> {
  const known = new Map<string, WeakRef<Watched<Snapshot>>>();
  const subscribed = new Map<Watched<Snapshot>, () => void>();
  context.closed.signal.addEventListener('abort', () => {
    for (const stop of subscribed.values()) stop();
  });

  return (given = {}) => {
    const query = readQuery(given);
    const found = known.get(query.key)?.deref();
    if (found !== undefined) return found;

    for (const [one, reference] of known) if (reference.deref() === undefined) known.delete(one);
    const made = watched(context, query, subscribed);
    known.set(query.key, new WeakRef(made));

    return made;
  };
}

/** `subscribed` holds each that has a listener, with what stops it. */
function watched(
  context: BasketContext,
  query: WantedPage,
  subscribed: Map<Watched<Snapshot>, () => void>,
): Watched<Snapshot> {
  const listeners = new Set<(value: Snapshot) => void>();
  let value = nothingYet;

  const looks = createLooks(context, async () => {
    try {
      const found = await page(context, query);
      tell({ loaded: true, ...found });
    } catch {
      // The database is closed or can't be read now: the last value stands, and the next message or poll looks again.
    }
  });

  function tell(next: Snapshot): void {
    if (value.loaded && value.tasks.length === 0 && next.tasks.length === 0) return;

    value = next;
    for (const listener of listeners) listener(value);
  }

  function stop(): void {
    looks.stop();
    subscribed.delete(own);
  }

  const own: Watched<Snapshot> = {
    get: () => value,

    subscribe(listener) {
      // Wrapped, so that the same function subscribed twice counts twice, and one's mistake is not the others'.
      const tellOne = (next: Snapshot): void => {
        try {
          listener(next);
        } catch (error) {
          surface(error);
        }
      };
      listeners.add(tellOne);
      if (listeners.size === 1 && !context.closed.signal.aborted) {
        subscribed.set(own, stop);
        looks.start();
        looks.look();
      }
      tellOne(value);

      return () => {
        if (listeners.delete(tellOne) && listeners.size === 0) stop();
      };
    },
  };

  return own;
}
