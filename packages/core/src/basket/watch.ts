import { surface } from '../pure/errors.js';
import type { TaskView } from '../pure/view.js';
import type { BasketContext } from './context.js';
import type { Query } from './observe.js';
import { limitOf, page } from './observe.js';

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
  /** The latest value; the same reference until it changes. */
  readonly get: () => Value;
  /** Calls back at once with the latest value, then after each change; returns what ends it. */
  readonly subscribe: (listener: (value: Value) => void) => () => void;
}

/** A lost "look again" costs no more than this, in milliseconds. */
const poll = 60_000;

const nothingYet: Snapshot = { loaded: false, tasks: [], more: false };

/** The watched queries of one basket: equal ones share one object, so that it may be asked for in a component's body. */
export function createWatches(context: BasketContext): (query?: Query) => Watched<Snapshot> {
  const known = new Map<string, Watched<Snapshot>>();

  return (query = {}) => {
    const name = JSON.stringify([query.type ?? null, query.state, query.lane, query.after, query.limit]);
    limitOf(query); // Refused here: a look of a watch tells nobody that it failed.
    const found = known.get(name) ?? watched(context, query);
    known.set(name, found);

    return found;
  };
}

function watched(context: BasketContext, query: Query): Watched<Snapshot> {
  const listeners = new Set<(value: Snapshot) => void>();
  let value = nothingYet;
  let looking = false;
  let lookAgain = false;
  let stopPoll = (): void => undefined;
  let stopHearing = (): void => undefined;

  async function look(): Promise<void> {
    lookAgain = looking;
    if (looking) return;

    looking = true;
    try {
      const found = await page(context, query);
      tell({ loaded: true, ...found });
    } catch {
      // The database is closed or can't be read now: the last value stands, and the next message or poll looks again.
    } finally {
      looking = false;
    }
    if (lookAgain && listeners.size > 0) await look();
  }

  function tell(next: Snapshot): void {
    if (value.loaded && value.tasks.length === 0 && next.tasks.length === 0) return;

    value = next;
    for (const listener of listeners) listener(value);
  }

  function pollAgain(): void {
    stopPoll = context.ports.clock.timer(poll, () => {
      void look(); // It never rejects.
      pollAgain();
    });
  }

  function start(): void {
    stopHearing = context.hub.hear(() => void look()); // It never rejects.
    pollAgain();
    void look(); // It never rejects.
  }

  return {
    get: () => value,

    subscribe(listener) {
      // Wrapped, so that the same function subscribed twice counts twice, and one's mistake is not the others'.
      const own = (next: Snapshot): void => {
        try {
          listener(next);
        } catch (error) {
          surface(error);
        }
      };
      listeners.add(own);
      if (listeners.size === 1) start();
      own(value);

      return () => {
        if (!listeners.delete(own) || listeners.size > 0) return;
        stopHearing();
        stopPoll();
      };
    },
  };
}
