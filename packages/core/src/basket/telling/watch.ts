import { callSafely } from '../../pure/errors.js';
import type { OwnerHere } from '../../pure/owner.js';
import type { Query, WantedPage } from '../../pure/query.js';
import { checkFlag, checkListener, checkParts } from '../../pure/options.js';
import { readQuery } from '../../pure/query.js';
import type { Reason } from '../../pure/reasons.js';
import type { TaskView } from '../../pure/view.js';
import type { Message } from '../context/messages.js';
import { hintsIn } from '../context/messages.js';
import type { EventOf } from './events.js';
import { createLooks } from './looks.js';
import type { ReadingContext } from '../reading/observe.js';
import { page } from '../reading/observe.js';
import type { Known } from '../reading/payloads.js';

/** The options of `watch`. */
export interface WatchOptions<Reasons extends boolean = boolean> {
  /** Whether each task says why it is not running now. Default false. */
  readonly reasons?: Reasons | undefined;
}

/** A view of a task, with every reason why the task is not running now. */
export type Explained<View> = View & { readonly reasons: readonly Reason[] };

/** The value of a watch: the tasks of one page of a query. */
export interface Snapshot<View = TaskView> {
  /**
   * False until the database was read for the first time, and again after somebody else has signed in, until that owner's
   * tasks were read.
   */
  readonly loaded: boolean;
  readonly tasks: readonly View[];
  /** Whether there are more than the query's limit. */
  readonly more: boolean;
}

/**
 * A live value. React's `useSyncExternalStore` takes its two functions as they are, without `this`; Svelte takes the
 * object as a store.
 */
export interface Watched<Value> {
  /**
   * Returns the latest value. It is the same object until something in it changes, and so is each task that did not
   * change. While somebody subscribes, the database is read after each message, and once a minute.
   *
   * @example
   * const unsent = basket.watch();
   * const { loaded, tasks } = useSyncExternalStore(unsent.subscribe, unsent.get);
   */
  readonly get: () => Value;
  /**
   * Calls the listener at once with the latest value, and then with each new one. Returns a function that stops this.
   *
   * @example
   * const stop = basket.watch({ state: 'dead' }).subscribe(({ tasks }) => show(`${tasks.length} need your help`));
   */
  readonly subscribe: (listener: (value: Value) => void) => () => void;
}

const nothingYet: Snapshot = { loaded: false, tasks: [], more: false };

/**
 * Makes the `watch` of a basket. Equal queries share one object, so that a component may ask for it each time it
 * renders. An object that the app has dropped is garbage-collected, so that an app may watch a new query for each lane.
 */
export function createWatches(context: ReadingContext): (query?: Query, options?: WatchOptions) => Watched<Snapshot> {
  const known = new Map<string, WeakRef<Watched<Snapshot>>>();
  const subscribed: Subscribed = new Map();
  context.here.onChange(() => {
    for (const { renew } of subscribed.values()) renew();
  });
  context.closed.signal.addEventListener('abort', () => {
    for (const { stop } of subscribed.values()) stop();
  });

  return (given = {}, options = {}) => {
    const query = readQuery(context, given);
    const { reasons = false } = checkParts(options, 'The options of a watch', ['reasons']);
    checkFlag(reasons, 'reasons');
    const key = `${reasons} ${query.key}`;
    const found = known.get(key)?.deref();
    if (found !== undefined) return found;

    for (const [one, reference] of known) if (reference.deref() === undefined) known.delete(one);
    const made = watched(context, query, reasons, subscribed);
    known.set(key, new WeakRef(made));

    return made;
  };
}

/** The watches that have a listener. */
type Subscribed = Map<
  Watched<Snapshot>,
  {
    readonly stop: () => void;
    /** Who is signed in has changed. */
    readonly renew: () => void;
  }
>;

/** Makes a watch. A query that `follows` who is signed in shows nothing before a sign-in, and nothing of another owner. */
function watched(
  context: ReadingContext,
  query: WantedPage,
  reasons: boolean,
  subscribed: Subscribed,
): Watched<Snapshot> {
  const listeners = new Set<(value: Snapshot) => void>();
  let value = nothingYet;
  /** Of whom `value` shows the tasks. */
  let shown: OwnerHere;

  /** The payloads of the tasks that are shown. */
  const known: Known = new Map();
  /** What running attempts have told, by the id of their task. */
  const progress = new Map<string, Progress>();

  const lookOnce = async (): Promise<void> => {
    const { owner } = context.here;
    if (query.follows && owner === undefined) return;
    const earlier = [...progress.keys()];
    try {
      const { later, ...found } = await page(context, query.again(), known, reasons);
      if (isOfOther(owner)) return; // Whoever has signed in meanwhile has begun another reading.
      latest();
      shown = owner;
      // After a correction, the number of the next attempt is that of an earlier one.
      const live = new Set(found.tasks.filter(({ state }) => state === 'queued').map(({ id }) => id));
      for (const id of earlier) if (!live.has(id)) progress.delete(id);
      tell({ loaded: true, ...found });
      void later?.then(() => subscribed.has(own) && looks.look()); // It never rejects.
    } catch {
      // The database is closed, or cannot be read now. The last value stays, until the next message or minute.
    }
  };
  const looks = createLooks(context, lookOnce, (message) => {
    if (message === undefined) tryAgain();
    const told = progressIn(message);
    for (const one of told) progress.set(one.id, one);
    if (told.length > 0 && latest().loaded) tell(value);
  });

  function isOfOther(owner: OwnerHere): boolean {
    return query.follows && owner !== context.here.owner;
  }

  /** The tasks of another owner are not shown for one look. */
  function latest(): Snapshot {
    if (value.loaded && isOfOther(shown)) value = nothingYet;

    return value;
  }

  function withProgress(view: TaskView): TaskView {
    const told = progress.get(view.id);

    return view.running && told?.number === view.attempts ? { ...view, progress: told.value } : view;
  }

  function tell(next: Snapshot): void {
    const before = new Map(value.tasks.map((view) => [view.seq, view]));
    const tasks = next.tasks.map((view) => sameOr(withProgress(view), before.get(view.seq)));
    const same = value.loaded && value.more === next.more && value.tasks.length === tasks.length;
    if (same && tasks.every((view, place) => view === value.tasks[place])) return;

    value = { ...next, tasks };
    for (const listener of listeners) listener(value);
  }

  /** Payloads that could not be read are read again once a minute, and after a sign-in, which may bring the key. */
  function tryAgain(): void {
    for (const [key, { read, end }] of known) if ((read ?? end) === undefined) known.delete(key);
  }

  function renew(): void {
    if (!query.follows) return;
    tryAgain();
    const hides = value.loaded && isOfOther(shown);
    if (hides) for (const listener of listeners) listener(latest());
    looks.look();
  }

  function stop(): void {
    looks.stop();
    progress.clear(); // What is told from now on is not heard.
    subscribed.delete(own);
  }

  const own: Watched<Snapshot> = {
    get: latest,

    subscribe(listener) {
      checkListener(listener);
      // Wrapped, so that a function that subscribes twice is called twice.
      const tellOne = (next: Snapshot): void => callSafely(listener, next);
      listeners.add(tellOne);
      if (listeners.size === 1 && !context.closed.signal.aborted) {
        subscribed.set(own, { stop, renew });
        looks.start();
        looks.look();
      }
      tellOne(latest());

      return () => {
        if (listeners.delete(tellOne) && listeners.size === 0) stop();
      };
    },
  };

  return own;
}

type Progress = EventOf<'progress'>;

function progressIn(message: Message | undefined): readonly Progress[] {
  return hintsIn(message).filter((hint) => hint.event === 'progress');
}

/** The view that was shown before, if nothing in it has changed. */
function sameOr(view: TaskView, before: TaskView | undefined): TaskView {
  // A value may be NaN.
  const same = (name: 'payload' | 'progress'): boolean => Object.is(before?.[name], view[name]);
  if (before === undefined || !same('payload') || !same('progress')) return view;
  const [now, then] = [view, before].map((one) => JSON.stringify({ ...one, payload: undefined }, withoutValues));

  return now === then ? before : view;
}

/**
 * Leaves out the app's values that may be no JSON. The detail of an error changes only with the attempts of its task, and
 * progress is compared by itself.
 */
function withoutValues(name: string, value: unknown): unknown {
  return name === 'detail' || name === 'progress' ? undefined : value;
}
