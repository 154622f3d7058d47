import { platformPorts } from '../ports/platform.js';
import { TaskbasketError } from '../pure/errors.js';
import { checkWhole, wrongOption } from '../pure/options.js';
import type { Reason } from '../pure/reasons.js';
import type { Filter, Query } from '../pure/query.js';
import type { AnyRegistry, NameOf, PayloadOf, ResultOf } from '../pure/registry.js';
import type { TaskView } from '../pure/view.js';
import type { AppTransaction } from '../store/app-transaction.js';
import type { PreparedTask } from './adding/add.js';
import { add, addMany, addTx, prepareTask } from './adding/add.js';
import { cancel, retry } from './changing/command.js';
import type { BasketContext } from './context/context.js';
import { createContext } from './context/context.js';
import type { Count } from './reading/count.js';
import { count } from './reading/count.js';
import type { EventName, EventOf } from './telling/events.js';
import { on } from './telling/events.js';
import { createExplain } from './reading/explain.js';
import type { Health } from './reading/health.js';
import { health } from './reading/health.js';
import { get, list } from './reading/observe.js';
import type { AddOptions } from './adding/prepare.js';
import type { Prepared as Stored } from './adding/prepare.js';
import { createStore } from './adding/store.js';
import { createRecent } from './telling/recent.js';
import type { Outcome } from './telling/settled.js';
import { createSettled } from './telling/settled.js';
import { update } from './changing/update.js';
import { createPayloads } from './reading/payloads.js';
import type { Explained, Snapshot, Watched, WatchOptions } from './telling/watch.js';
import { createWatches } from './telling/watch.js';

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

/** A task that is encoded and ready for `addTx`, once; made by `prepare`. */
export interface Prepared<Name extends string = string> extends PreparedTask {
  /** The id that the task will have. */
  readonly id: TaskId<Name>;
}

/** What any context can do with its tasks. */
export type Basket<R extends AnyRegistry> = {
  /**
   * Stores a task; it will be run. Resolves with its id when it is committed, on disk unless you chose otherwise, and
   * never waits for a runner. When it rejects there is no task, but for `unknown-outcome`. What is added at the same time
   * shares a transaction; tasks of one lane keep the order of the calls.
   *
   * @throws TaskbasketError `unknown-type`, `option`, `payload`, `quota`, `not-stored`, `unknown-outcome` (it carries the
   * id), `no-database`, `stores-missing`, `closed`.
   */
  readonly add: <Name extends keyof R['types'] & string>(
    name: Name,
    ...rest: AddArguments<PayloadOf<R, Name>>
  ) => Promise<TaskId<Name>>;
  /**
   * Stores a task in your own transaction (raw, idb's or Dexie's): the task exists exactly if that commits, also when
   * you call `commit()` on the next line. Synchronous; throws before anything is written, or not at all. Takes a name and
   * a payload, or what `prepare` resolved with, as a heavy payload must be.
   *
   * @throws TaskbasketError `unknown-type`, `option`, `payload`, `transaction`.
   */
  readonly addTx: <Name extends keyof R['types'] & string>(
    transaction: AppTransaction<R['stores'][number]>,
    ...what: readonly [prepared: Prepared<Name>] | readonly [name: Name, ...rest: AddArguments<PayloadOf<R, Name>>]
  ) => TaskId<Name>;
  /**
   * Stores tasks in one transaction, all of them or none; resolves with their ids, in the same order. Each item is
   * a list of what `add` takes. On disk, unless every one of them says `relaxed`. Tasks of one lane keep the order of the calls.
   *
   * @throws TaskbasketError as `add` does; with `unknown-outcome`, all are there or none.
   */
  readonly addMany: <const Names extends readonly (keyof R['types'] & string)[]>(tasks: {
    readonly [Place in keyof Names]: readonly [name: Names[Place], ...rest: AddArguments<PayloadOf<R, Names[Place]>>];
  }) => Promise<{ readonly [Place in keyof Names]: TaskId<Names[Place]> }>;
  /**
   * Encodes a task ahead of `addTx`, in which nothing can be awaited: for codecs that are asynchronous, such as encryption,
   * and for a heavy payload (a Blob, or more than 256 KB), which it stores. Add what it resolves with once, within 12
   * hours; again, if that transaction aborts.
   *
   * @throws TaskbasketError `unknown-type`, `option`, `payload`, `quota`, `not-stored`, `no-database`, `stores-missing`,
   * `closed`.
   */
  readonly prepare: <Name extends keyof R['types'] & string>(
    name: Name,
    ...rest: AddArguments<PayloadOf<R, Name>>
  ) => Promise<Prepared<Name>>;
  /** One task, or `undefined`: it is done, cancelled, or never was. */
  readonly get: <Name extends keyof R['types'] & string>(id: TaskId<Name>) => Promise<ViewOf<R, Name> | undefined>;
  /** The tasks that fit, in the order in which they were added; 100 at most unless the query says otherwise. */
  readonly list: <Name extends keyof R['types'] & string = NameOf<R>>(
    query?: Query<Name>,
  ) => Promise<readonly ViewOf<R, Name>[]>;
  /** How many tasks fit: counted up to 1,000; `more` says whether there are more. */
  readonly count: <Name extends keyof R['types'] & string = NameOf<R>>(filter?: Filter<Name>) => Promise<Count>;
  /**
   * The tasks that fit, live over all tabs, with `{ reasons: true }` also why each is not running now. Equal queries give
   * the same object, so it may be asked for in a component's body.
   */
  readonly watch: <Name extends keyof R['types'] & string = NameOf<R>, Reasons extends boolean = false>(
    query?: Query<Name>,
    options?: WatchOptions<Reasons>,
  ) => Watched<Snapshot<Reasons extends true ? Explained<ViewOf<R, Name>> : ViewOf<R, Name>>>;
  /** Every reason why a task is not running now, and what would change it. None: it is about to run. */
  readonly explain: (id: TaskId) => Promise<readonly Reason[]>;
  /**
   * Gives a task that was never started, or is dead, a new payload, in its place: it keeps its id, its lane and its turn.
   * A dead one runs again, under a new idempotency key and with fresh counters. Resolves, durably, with whether there
   * was such a task. A codec is called once the task was found: until the promise resolves, do not change a payload that is
   * an instance of a class of yours.
   *
   * @throws TaskbasketError `started`: what may have been sent is not edited. `option`: the payload gives another lane.
   * `unknown-type`: this build lacks it, or a later version left the task so. `payload`, `quota`, `not-stored`,
   * `unknown-outcome`, `no-database`, `stores-missing`, `closed`.
   */
  readonly update: <Name extends keyof R['types'] & string>(
    id: TaskId<Name>,
    payload: PayloadOf<R, Name>,
  ) => Promise<boolean>;
  /**
   * Removes a task by its id, or all that fit a query (`{}`: every one; a part that is undefined is refused). One that
   * runs is aborted and does not come back; its lane moves on when its handler has ended, or 10 s after. Resolves with how
   * many there were; each 256 of a query are durable by themselves.
   *
   * @throws TaskbasketError `option`, `quota`, `not-stored`, `unknown-outcome`, `no-database`, `stores-missing`, `closed`.
   */
  readonly cancel: <Name extends keyof R['types'] & string>(which: TaskId | Filter<Name>) => Promise<number>;
  /**
   * Tries tasks that wait for their backoff, or are dead, again at once, and brings their gates' probes forward, at most
   * once a second. Resolves with how many there were, and rejects, as `cancel` does.
   */
  readonly retry: <Name extends keyof R['types'] & string>(which: TaskId | Filter<Name>) => Promise<number>;
  /**
   * Resolves when a task has ended, in whatever tab or session, with how; also when it is dead, and waits for a decision.
   * Ends are kept (the last 10,000, for 30 days), but for a success without a result: asked for later, that is `gone`.
   *
   * @throws TaskbasketError `closed`, `no-database`, `stores-missing`.
   */
  readonly settled: <Name extends keyof R['types'] & string>(id: TaskId<Name>) => Promise<Outcome<ResultOf<R, Name>>>;
  /**
   * Calls back when something happened here or in any other context; returns a function that ends this. Messages may be
   * lost: for what must not be missed, `watch` or await `settled`.
   */
  readonly on: <Name extends EventName>(event: Name, listener: (event: EventOf<Name>) => void) => () => void;
  /**
   * How the basket fares: who runs tasks, whether this context's worker answers, whether tasks move, what blocks them,
   * how safe the storage is. Needs no worker, and costs the same however much is queued; takes up to two seconds where
   * something is amiss.
   *
   * @throws TaskbasketError `no-database`, `stores-missing`, `closed`.
   */
  readonly health: () => Promise<Health>;
  /**
   * Closes the database and the channel of this context. Tasks stay, and other contexts go on. What is being written is
   * committed and told to them; what has not begun to be written rejects with `closed`.
   */
  readonly close: () => void;
};

/** Where a basket's parts are found by the runner and the host. */
const parts = Symbol.for('taskbasket.parts');

/** A basket in a context; `closing` is called when it is closed. */
export function createBasket<R extends AnyRegistry>(context: BasketContext, closing?: () => void): Basket<R> {
  const added = createRecent(context.hub);
  const announce = (tasks: readonly Stored[]): void => {
    context.hub.say({ kind: 'look', hints: tasks.map(({ id, row: { type } }) => ({ event: 'added', id, type })) });
  };
  const newId = (): string => {
    const id = context.newId();
    added.note(id);

    return id;
  };
  const adding = { ...context, newId, announce, store: createStore({ ...context, announce }), addedTo: new WeakMap() };
  const reading = { ...context, payloads: createPayloads(context) };
  const basket = {
    add: within(adding, add),
    addTx: within(adding, addTx),
    addMany: within(adding, addMany),
    prepare: within(adding, prepareTask),
    get: within(reading, get),
    list: within(reading, list),
    count: within(context, count),
    watch: createWatches(reading),
    explain: createExplain(context),
    update: within(context, update),
    cancel: within(context, cancel),
    retry: within(context, retry),
    settled: createSettled(context, added),
    on: within(context, on),
    health: within(context, health),

    close() {
      closing?.();
      context.closed.abort();
      // What is being written completes, and is told then; but the page may be left before.
      if (context.unfinished.size > 0) context.hub.leave();
      context.hub.close();
      context.database.close();
    },
  };
  Object.defineProperty(basket, parts, { value: context });

  // The types of payloads live in the registry alone: at run time all baskets are the same.
  return Object.freeze(basket) as unknown as Basket<R>;
}

/** A method of a basket: what `does` it, in its context. */
function within<Context, Given extends unknown[], Result>(
  context: Context,
  does: (context: Context, ...given: Given) => Result,
): (...given: Given) => Result {
  return (...given) => does(context, ...given);
}

/** A context on the platform's ports. */
export function platformContext(registry: AnyRegistry, build: number): BasketContext {
  if (!Array.isArray((registry as Partial<AnyRegistry> | undefined)?.stores)) {
    throw wrongOption('The registry', 'what defineTasks returned', registry);
  }
  checkWhole(build, 'build', 0);

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
