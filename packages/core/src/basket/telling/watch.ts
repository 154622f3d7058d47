import { callSafely } from '../../pure/errors.js';
import type { Query, WantedPage } from '../../pure/query.js';
import { checkParts, wrongOption } from '../../pure/options.js';
import { readQuery } from '../../pure/query.js';
import type { Reason } from '../../pure/reasons.js';
import type { TaskView } from '../../pure/view.js';
import { createLooks } from './looks.js';
import type { ReadingContext } from '../reading/observe.js';
import { page } from '../reading/observe.js';
import type { Known } from '../reading/payloads.js';

/** What `watch` takes beside a query. */
export interface WatchOptions<Reasons extends boolean = boolean> {
  /** Shows with each task every reason why it is not running now. Default false. */
  readonly reasons?: Reasons | undefined;
}

/** A view with every reason why its task is not running now, and what would change it. */
export type Explained<View> = View & { readonly reasons: readonly Reason[] };

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
   * The latest value; the same reference until something in it changes. A task that did not change keeps its reference
   * too. The database is read after each message, and once a minute.
   */
  readonly get: () => Value;
  /** Calls back at once with the latest value, then with each new one; returns what ends it. */
  readonly subscribe: (listener: (value: Value) => void) => () => void;
}

const nothingYet: Snapshot = { loaded: false, tasks: [], more: false };

/**
 * The watched queries of one basket: equal ones share one object, so that it may be asked for in a component's body. One
 * that nobody holds any more is forgotten, so that a query for each lane that was ever shown costs nothing.
 */
export function createWatches(context: ReadingContext): (query?: Query, options?: WatchOptions) => Watched<Snapshot> {
  const known = new Map<string, WeakRef<Watched<Snapshot>>>();
  const subscribed = new Map<Watched<Snapshot>, () => void>();
  context.closed.signal.addEventListener('abort', () => {
    for (const stop of subscribed.values()) stop();
  });

  return (given = {}, options = {}) => {
    const query = readQuery(given);
    const { reasons = false } = checkParts(options, 'The options of a watch', ['reasons']);
    if (typeof reasons !== 'boolean') throw wrongOption('reasons', 'true or false', reasons);
    const key = `${reasons} ${query.key}`;
    const found = known.get(key)?.deref();
    if (found !== undefined) return found;

    for (const [one, reference] of known) if (reference.deref() === undefined) known.delete(one);
    const made = watched(context, query, reasons, subscribed);
    known.set(key, new WeakRef(made));

    return made;
  };
}

/** `subscribed` holds each that has a listener, with what stops it. */
function watched(
  context: ReadingContext,
  query: WantedPage,
  reasons: boolean,
  subscribed: Map<Watched<Snapshot>, () => void>,
): Watched<Snapshot> {
  const listeners = new Set<(value: Snapshot) => void>();
  let value = nothingYet;

  /** The payloads of the tasks that are shown. */
  const known: Known = new Map();

  const lookOnce = async (): Promise<void> => {
    try {
      const { later, ...found } = await page(context, query, known, reasons);
      tell({ loaded: true, ...found });
      void later?.then(() => subscribed.has(own) && looks.look()); // It never rejects.
    } catch {
      // The database is closed or cannot be read now: the last value stands, and the next message or poll looks again.
    }
  };
  const looks = createLooks(context, lookOnce, (message) => {
    // Once a minute, what could not be read is tried again.
    for (const [key, { read }] of known) if (message === undefined && read === undefined) known.delete(key);
  });

  function tell(next: Snapshot): void {
    const shown = new Map(value.tasks.map((view) => [view.seq, view]));
    const tasks = next.tasks.map((view) => sameOr(view, shown.get(view.seq)));
    const same = value.loaded && value.more === next.more && value.tasks.length === tasks.length;
    if (same && tasks.every((view, place) => view === value.tasks[place])) return;

    value = { ...next, tasks };
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
      const tellOne = (next: Snapshot): void => callSafely(listener, next);
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

/** The view that was shown before, if nothing in it has changed. */
function sameOr(view: TaskView, before: TaskView | undefined): TaskView {
  if (before === undefined || before.payload !== view.payload) return view;
  const [now, then] = [view, before].map((one) => JSON.stringify({ ...one, payload: undefined }));

  return now === then ? before : view;
}
