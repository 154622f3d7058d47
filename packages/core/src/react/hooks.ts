import { useMemo, useSyncExternalStore } from 'react';

import type {
  AnyRegistry,
  Basket,
  Explained,
  NameOf,
  Outcome,
  Query,
  Reason,
  ResultOf,
  Snapshot,
  TaskId,
  ViewOf,
  Watched,
  WatchOptions,
} from '../index.js';
import { checkBasket } from '../pure/options.js';
import { createEnd } from './end.js';

/** The hooks of a basket. Their types are those of its registry. */
export interface Hooks<R extends AnyRegistry> {
  /**
   * The tasks that fit, as `basket.watch` shows them. The component renders again at each change, also of another tab.
   * `loaded` is false until the database was read, after somebody else has signed in, and while a server renders. The
   * query may be a new object in each render.
   *
   * @example
   * const { loaded, tasks } = useTasks({ type: 'saveNote' });
   *
   * @throws TaskbasketError `option`.
   */
  readonly useTasks: <Name extends keyof R['types'] & string = NameOf<R>, Reasons extends boolean = false>(
    query?: Query<Name>,
    options?: WatchOptions<Reasons>,
  ) => Snapshot<Reasons extends true ? Explained<ViewOf<R, Name>> : ViewOf<R, Name>>;
  /**
   * Every reason why a task is not running now. An empty list means that the task is about to run. The value is
   * `undefined` until the database was read, and if there is no id.
   *
   * @example
   * const reasons = useReasons(id);
   */
  readonly useReasons: (id: TaskId | undefined) => readonly Reason[] | undefined;
  /**
   * How a task ended. The value is `undefined` until the task has ended, if there is no id, and while the owner of the
   * task is not signed in. After `retry` or `update` of a dead task it is `undefined` until the task ends again.
   *
   * @example
   * const end = useSettled(id);
   * if (end?.state === 'done') show(end.result.version);
   */
  readonly useSettled: <Name extends keyof R['types'] & string>(
    id: TaskId<Name> | undefined,
  ) => Outcome<ResultOf<R, Name>> | undefined;
}

/**
 * Makes the hooks of a basket. Call it once, beside `openBasket`.
 *
 * @example
 * export const { useTasks, useReasons, useSettled } = createHooks(basket);
 *
 * @throws TaskbasketError `option`, if it is no basket.
 */
export function createHooks<R extends AnyRegistry>(basket: Basket<R>): Hooks<R> {
  checkBasket(basket, 'The argument of createHooks');

  return {
    useTasks: (query, options) => useWatched(basket.watch(query, options), nothingYet),

    useReasons(id) {
      const watched = id === undefined ? nothing : basket.watch({ id }, { reasons: true });
      const { loaded, tasks } = useWatched(watched, nothingYet);

      return loaded ? (tasks[0]?.reasons ?? gone) : undefined;
    },

    useSettled: (id) =>
      useWatched(
        useMemo(() => createEnd(basket, id), [id]),
        undefined,
      ),
  };
}

const nothingYet: Snapshot<never> = { loaded: false, tasks: [], more: false };
const nothing: Watched<Snapshot<never>> = { get: () => nothingYet, subscribe: () => () => undefined };
const gone: readonly Reason[] = [{ reason: 'gone' }];

/** `first`: what a server renders, and what the browser renders before it takes over what the server has rendered. */
function useWatched<Value>({ subscribe, get }: Watched<Value>, first: Value): Value {
  return useSyncExternalStore(subscribe, get, () => first);
}
