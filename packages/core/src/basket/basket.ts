import { platformPorts } from '../ports/platform.js';
import { TaskbasketError } from '../pure/errors.js';
import type { AnyRegistry, NameOf, PayloadOf } from '../pure/registry.js';
import type { TaskView } from '../pure/view.js';
import type { AppTransaction } from '../store/app-transaction.js';
import type { AddOptions } from './prepare.js';
import { add, addTx } from './add.js';
import { cancel, retry } from './command.js';
import type { BasketContext } from './context.js';
import { createContext } from './context.js';
import type { Query } from './observe.js';
import { get, list } from './observe.js';
import type { Snapshot, Watched } from './watch.js';
import { createWatches } from './watch.js';

/** An id, with its task type's name as a flavour: any string is an id too. */
export type TaskId<Name extends string = string> = string & { readonly [taskName]?: Name };

declare const taskName: unique symbol;

/** What follows the name in `add`: a payload where one is declared, then the options. */
export type AddArguments<Payload> = undefined extends Payload
  ? [payload?: Payload, options?: AddOptions]
  : [payload: Payload, options?: AddOptions];

/** The view of a task of any of the named types; narrows by `type`. */
export type ViewOf<R extends AnyRegistry, Name extends keyof R['types'] & string> = {
  [One in Name]: TaskView<One, PayloadOf<R, One>>;
}[Name];

/** What any context can do with its tasks. */
export type Basket<R extends AnyRegistry> = {
  /**
   * Stores a task; it will be run. Resolves with its id when it is committed, on disk unless you chose otherwise, and
   * never waits for a runner. When it rejects there is no task.
   *
   * @throws TaskbasketError `unknown-type`, `option`, `payload`, `not-stored`, `no-database`, `stores-missing`, `closed`.
   */
  readonly add: <Name extends keyof R['types'] & string>(
    name: Name,
    ...rest: AddArguments<PayloadOf<R, Name>>
  ) => Promise<TaskId<Name>>;
  /**
   * Stores a task in your own transaction (raw, idb's or Dexie's): the task exists exactly if that commits, also when
   * you call `commit()` on the next line. Synchronous; throws before anything is written, or not at all.
   *
   * @throws TaskbasketError `unknown-type`, `option`, `payload`, `transaction`.
   */
  readonly addTx: <Name extends keyof R['types'] & string>(
    transaction: AppTransaction<R['stores'][number]>,
    name: Name,
    ...rest: AddArguments<PayloadOf<R, Name>>
  ) => TaskId<Name>;
  /** One task, or `undefined`: it is done, cancelled, or never was. */
  readonly get: <Name extends keyof R['types'] & string>(id: TaskId<Name>) => Promise<ViewOf<R, Name> | undefined>;
  /** The tasks that fit, in the order in which they were added; 100 at most unless the query says otherwise. */
  readonly list: <Name extends keyof R['types'] & string = NameOf<R>>(
    query?: Query<Name>,
  ) => Promise<readonly ViewOf<R, Name>[]>;
  /** The same, live over all tabs. Equal queries give the same object, so it may be asked for in a component's body. */
  readonly watch: <Name extends keyof R['types'] & string = NameOf<R>>(
    query?: Query<Name>,
  ) => Watched<Snapshot<ViewOf<R, Name>>>;
  /**
   * Removes a task, also one that runs: its signal aborts, it does not come back, and its lane moves on when its handler
   * has ended, or 10 s after. Resolves, durably, with whether there was one.
   */
  readonly cancel: (id: TaskId) => Promise<boolean>;
  /**
   * Tries a task that waits for its backoff, or is dead, again at once, and brings its gate's probe forward. Resolves,
   * durably, with whether there was one.
   */
  readonly retry: (id: TaskId) => Promise<boolean>;
  /** Closes the database and the channel of this context. Tasks stay, and other contexts go on. */
  readonly close: () => void;
};

/** Where a basket's parts are found by the runner and the host. */
const parts = Symbol.for('taskbasket.parts');

/** A basket in a context; `closing` is called when it is closed. */
export function createBasket<R extends AnyRegistry>(context: BasketContext, closing?: () => void): Basket<R> {
  const basket = {
    add: (name: string, payload?: unknown, options?: AddOptions) => add(context, name, payload, options),
    addTx: (transaction: AppTransaction<string>, name: string, payload?: unknown, options?: AddOptions) =>
      addTx(context, transaction, name, payload, options),
    get: (id: string) => get(context, id),
    list: (query?: Query) => list(context, query),
    watch: createWatches(context),
    cancel: (id: string) => cancel(context, id),
    retry: (id: string) => retry(context, id),

    close() {
      closing?.();
      context.closed.abort();
      context.hub.close();
      context.database.close();
    },
  };
  Object.defineProperty(basket, parts, { value: context });

  // The types of payloads live in the registry alone: at run time all baskets are the same.
  return Object.freeze(basket) as unknown as Basket<R>;
}

/** A context on the platform's ports. */
export function platformContext(registry: AnyRegistry, build: number): BasketContext {
  if (!Number.isSafeInteger(build) || build < 0) {
    throw new TaskbasketError(
      'option',
      `build is a whole number from 0, higher for each deploy; this one is ${String(build)}.`,
    );
  }

  return createContext(registry, platformPorts(), build);
}

/**
 * The context of a basket.
 *
 * @throws TaskbasketError `option`, if it is no basket.
 */
export function contextOf(basket: Basket<AnyRegistry>): BasketContext {
  const context = (basket as { readonly [parts]?: BasketContext } | undefined)?.[parts];
  if (context !== undefined) return context;

  throw new TaskbasketError('option', 'This is no basket. Pass what openBasket returned.');
}
