import { platformPorts } from '../ports/platform.js';
import { TaskbasketError } from '../pure/errors.js';
import { checkWhole } from '../pure/options.js';
import type { Reason } from '../pure/reasons.js';
import type { Filter, OfOwner, Query, Scope } from '../pure/query.js';
import type { AnyRegistry, NameOf, PayloadOf, ResultOf } from '../pure/registry.js';
import { checkRegistry } from '../pure/registry.js';
import type { ValuesOf, ValuesWanted } from '../pure/session.js';
import type { TaskView } from '../pure/view.js';
import type { AppTransaction } from '../store/app-transaction.js';
import type { PreparedTask } from './adding/add.js';
import { add, addMany, addTx, prepareTask } from './adding/add.js';
import type { CancelOptions } from './changing/command.js';
import { cancel, retry } from './changing/command.js';
import { pause, resume } from './changing/pause.js';
import type { BasketContext } from './context/context.js';
import { createContext } from './context/context.js';
import { giveValues } from './context/values.js';
import { toldOf } from './context/messages.js';
import type { Count } from './reading/count.js';
import { count } from './reading/count.js';
import type { EventName, EventOf } from './telling/events.js';
import { on } from './telling/events.js';
import type { IdleOptions } from './telling/idle.js';
import { whenIdle } from './telling/idle.js';
import { createExplain } from './reading/explain.js';
import type { Health } from './reading/health.js';
import { health } from './reading/health.js';
import { get, list } from './reading/observe.js';
import type { AddOptions } from './adding/prepare.js';
import type { EncodedTask } from './adding/prepare.js';
import { createStoreTasks } from './adding/store.js';
import { createRecent } from './telling/recent.js';
import type { Outcome } from './telling/settled.js';
import { createSettled } from './telling/settled.js';
import { tidy } from './changing/replace.js';
import { purge } from './changing/purge.js';
import type { SignInOptions } from './changing/sign-in.js';
import { signIn, signOut } from './changing/sign-in.js';
import { update } from './changing/update.js';
import { createPayloads } from './reading/payloads.js';
import type { Explained, Snapshot, Watched, WatchOptions } from './telling/watch.js';
import { createWatches } from './telling/watch.js';

/** The id of a task. TypeScript remembers the task type with it. Any string is accepted where an id is asked for. */
export type TaskId<Name extends string = string> = string & { readonly [taskName]?: Name };

declare const taskName: unique symbol;

/** What follows the name in `add`: the payload, if the task type declares one, and then the options. */
export type AddArguments<Payload> = undefined extends Payload
  ? [payload?: Payload, options?: AddOptions]
  : [payload: Payload, options?: AddOptions];

/**
 * The view of a task that is of one of the named types; if you name none, of any type of the registry. A check of `type`
 * tells TypeScript which payload it has.
 */
export type ViewOf<R extends AnyRegistry, Name extends keyof R['types'] & string = NameOf<R>> = {
  [One in Name]: TaskView<One, PayloadOf<R, One>>;
}[Name];

/** A task that `prepare` has encoded for `addTx`. It can be added once, and again if that transaction aborts. */
export interface Prepared<Name extends string = string> extends PreparedTask {
  /** The id that the task will have. */
  readonly id: TaskId<Name>;
}

/** What follows the owner in `signIn`: the values, if the session declares any, or a function that gives them; options. */
export type SignInArguments<Values> = [Values] extends [never]
  ? [values: never]
  : [Values] extends [void]
    ? [values?: undefined, options?: SignInOptions]
    : [values: Values | ((why: ValuesWanted) => Values | PromiseLike<Values>), options?: SignInOptions];

/** What any context can do with its tasks. */
export type Basket<R extends AnyRegistry> = {
  /**
   * Stores a task, which a runner then runs. Resolves with the task's id once the task is committed, without waiting
   * for a runner. The task is on disk then, unless you chose `durability: 'relaxed'`. If the promise rejects, no task
   * was stored; after `unknown-outcome` it may be stored. Tasks that are added at the same time share a transaction.
   * Tasks of one lane, or of one key, keep the order of the calls.
   *
   * @example
   * const id = await basket.add('saveNote', { id: 'n1', text: 'Buy bread' });
   *
   * @throws TaskbasketError `signed-out`: the registry declares a session, and nobody is signed in in this context.
   * `unknown-type`, `option`, `payload`, `quota`, `not-stored`, `unknown-outcome` (the error has the task's id),
   * `no-database`, `stores-missing`, `closed`.
   */
  readonly add: <Name extends keyof R['types'] & string>(
    name: Name,
    ...rest: AddArguments<PayloadOf<R, Name>>
  ) => Promise<TaskId<Name>>;
  /**
   * Stores a task in a transaction of your own (raw, idb's or Dexie's) and returns the task's id. The task exists if
   * that transaction commits, and only then. Synchronous: you may call `commit()` on the next line. If it throws,
   * nothing was written. Takes what `add` takes, or what `prepare` resolved with. A heavy payload (a Blob, or more than
   * 256 KB, at two bytes for each character) and a payload with an asynchronous codec need `prepare`.
   *
   * @example
   * const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
   * basket.addTx(tx, 'saveNote', note); // First: if it throws, your data is not written either.
   * void tx.objectStore('notes').put(note);
   * await tx.done; // The note and its task are stored, or neither is.
   *
   * @throws TaskbasketError `signed-out`, as `add` does; `unknown-type`, `option`, `payload`, `transaction`.
   */
  readonly addTx: <Name extends keyof R['types'] & string>(
    transaction: AppTransaction<R['stores'][number]>,
    ...what: readonly [prepared: Prepared<Name>] | readonly [name: Name, ...rest: AddArguments<PayloadOf<R, Name>>]
  ) => TaskId<Name>;
  /**
   * Stores tasks in one transaction, all of them or none. Resolves with their ids, in the same order, once they are
   * committed. Each item is a list of what `add` takes. The tasks are on disk then, unless each of them says `relaxed`.
   * Tasks of one lane keep the order of the list, and of the calls.
   *
   * @example
   * const [noteId, photoId] = await basket.addMany([
   *   ['saveNote', note],
   *   ['savePhoto', photo, { priority: 'low' }],
   * ]);
   *
   * @throws TaskbasketError as `add` does. With `unknown-outcome` either all tasks are stored or none is; `id` is that of
   * the first.
   */
  readonly addMany: <const Names extends readonly (keyof R['types'] & string)[]>(tasks: {
    readonly [Place in keyof Names]: readonly [name: Names[Place], ...rest: AddArguments<PayloadOf<R, Names[Place]>>];
  }) => Promise<{ readonly [Place in keyof Names]: TaskId<Names[Place]> }>;
  /**
   * Encodes a task and resolves with what `addTx` takes. Use it for an asynchronous codec, such as encryption, because
   * `addTx` cannot wait, and for a heavy payload (a Blob, or more than 256 KB, at two bytes for each character), which it
   * stores ahead of the task. Pass the result to `addTx` within 12 hours, and only once; if that transaction aborts, you
   * may pass it again.
   *
   * @example
   * const prepared = await basket.prepare('savePhoto', photo);
   * const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
   * basket.addTx(tx, prepared);
   * void tx.objectStore('notes').put(note);
   * await tx.done;
   *
   * @throws TaskbasketError `signed-out`, as `add` does; `unknown-type`, `option`, `payload`, `quota`, `not-stored`,
   * `no-database`, `stores-missing`, `closed`.
   */
  readonly prepare: <Name extends keyof R['types'] & string>(
    name: Name,
    ...rest: AddArguments<PayloadOf<R, Name>>
  ) => Promise<Prepared<Name>>;
  /**
   * Resolves with a task, or with `undefined` if the task is done, was deleted, never existed, or belongs to somebody who
   * is not signed in here.
   *
   * @example
   * const task = await basket.get(id);
   * if (task?.state === 'dead') show(task.lastError?.message);
   *
   * @throws TaskbasketError `option`, `no-database`, `stores-missing`, `closed`.
   */
  readonly get: <Name extends keyof R['types'] & string>(id: TaskId<Name>) => Promise<ViewOf<R, Name> | undefined>;
  /**
   * Resolves with the tasks that fit, in the order of adding; 100 at most, unless `limit` says otherwise.
   *
   * @example
   * const dead = await basket.list({ type: 'saveNote', state: 'dead' });
   *
   * @throws TaskbasketError `option`, `no-database`, `stores-missing`, `closed`.
   */
  readonly list: <Name extends keyof R['types'] & string = NameOf<R>>(
    query?: Query<Name>,
  ) => Promise<readonly ViewOf<R, Name>[]>;
  /**
   * Resolves with the number of tasks that fit. It counts up to 1,000; `more` says whether there are more.
   *
   * @example
   * const { count, more } = await basket.count();
   * show(`${count}${more ? '+' : ''} changes are not sent yet`);
   *
   * @throws TaskbasketError `option`, `no-database`, `stores-missing`, `closed`.
   */
  readonly count: <Name extends keyof R['types'] & string = NameOf<R>>(filter?: Filter<Name>) => Promise<Count>;
  /**
   * Returns a live list of the tasks that fit, which follows the changes of all tabs. With `{ reasons: true }` each
   * task says why it is not running now. Equal queries return the same object, so a component may call this each time
   * it renders.
   *
   * @example
   * const stop = basket.watch({}, { reasons: true }).subscribe(({ tasks }) => {
   *   for (const { id, reasons } of tasks) show(id, reasons);
   * });
   *
   * @throws TaskbasketError `option`. While the database cannot be read, the list keeps the tasks that it has.
   */
  readonly watch: <Name extends keyof R['types'] & string = NameOf<R>, Reasons extends boolean = false>(
    query?: Query<Name>,
    options?: WatchOptions<Reasons>,
  ) => Watched<Snapshot<Reasons extends true ? Explained<ViewOf<R, Name>> : ViewOf<R, Name>>>;
  /**
   * Resolves with every reason why a task is not running now. An empty list means that the task is about to run.
   *
   * @example
   * for (const reason of await basket.explain(id)) {
   *   if (reason.reason === 'backoff') show(`The next try is at ${new Date(reason.until).toLocaleTimeString()}.`);
   * }
   *
   * @throws TaskbasketError `option`, `no-database`, `stores-missing`, `closed`.
   */
  readonly explain: (id: TaskId) => Promise<readonly Reason[]>;
  /**
   * Gives a task another payload, if the task was never started or is dead. The task keeps its id and stays where
   * it is in its lane. A dead task runs again, with a new idempotency key and without its `expiresAt`, and its counters
   * begin at 0. Resolves, once the change is on disk, with whether the task was found. A codec is called after the task
   * was found. So do not change a payload that is, or contains, an instance of your own class until the promise settles.
   *
   * @example
   * const found = await basket.update(id, { ...note, text: 'Buy bread and milk' });
   *
   * @throws TaskbasketError `started`: the old payload may have been sent. `option`: the new payload belongs to another
   * lane, or has another key. `unknown-type`: this build does not have the task's type, or a later version of the library
   * wrote the task. `payload`, `quota`, `not-stored`, `unknown-outcome`, `no-database`, `stores-missing`, `closed`.
   */
  readonly update: <Name extends keyof R['types'] & string>(
    id: TaskId<Name>,
    payload: PayloadOf<R, Name>,
  ) => Promise<boolean>;
  /**
   * Removes one task, by its id, or all tasks that fit a query, and resolves with how many it removed. `{}` means every
   * task; a query with a part that is `undefined` is refused. A running task is aborted and does not come back. Its
   * lane goes on when the handler has ended, at the latest 10 s after the abort. The tasks of a query are removed in
   * steps of up to 256, the newest first. Each step is on disk before the next one begins, and stays so if a later step
   * fails. A task whose `after` names a removed task is dead then, or runs without that task if its `onParent` is `run`.
   * `{ children: true }` removes such tasks too, in the same step. If the browser has no room, the end of a task may not
   * be stored, and `settled` gives `gone`. Then a parent is removed only together with its children, and the first task of
   * a lane only together with the others of the lane; otherwise the call rejects with `quota`.
   *
   * @example
   * await basket.cancel(id);
   * const removed = await basket.cancel({ type: 'saveNote', state: 'dead' });
   *
   * @throws TaskbasketError `option`, `quota`, `not-stored`, `unknown-outcome`, `no-database`, `stores-missing`,
   * `closed`.
   */
  readonly cancel: <Name extends keyof R['types'] & string>(
    which: TaskId | Filter<Name>,
    options?: CancelOptions,
  ) => Promise<number>;
  /**
   * Lets tasks run again at once that are dead, or wait for their backoff or for a date of their handler. Their
   * counters, but not `attempts`, begin at 0. A `runAt` still holds. A dead task loses its `expiresAt`, and if it is dead
   * because a parent was cancelled, it runs without that parent. Brings the probes of their gates forward, at most once a
   * second. Takes an id or a query, as `cancel` does, and goes through a query in the same steps, the oldest task first.
   * Resolves with how many tasks fit; tasks that did not need a retry are counted too.
   *
   * @example
   * await basket.retry({ state: 'queued' }); // "Try again now", for a button
   *
   * @throws TaskbasketError `option`, `quota`, `not-stored`, `unknown-outcome`, `no-database`, `stores-missing`,
   * `closed`.
   */
  readonly retry: <Name extends keyof R['types'] & string>(which: TaskId | Filter<Name>) => Promise<number>;
  /**
   * Says who is signed in. The owner holds in this context from the call on: what it adds belongs to that owner. It
   * holds for all contexts once it is stored: only this owner's tasks run, and what runs for another owner is aborted,
   * uncounted. Resolves when the owner is on disk and no handler of another owner runs any more, so await it before you
   * change a cookie. The values reach the handlers as `attempt.session`, and are never stored. A function instead of the
   * values is called in one page each time a worker needs them, and is told why. Call `signIn` in each page, at each
   * start, also if the owner is the same. The last call of any page holds.
   *
   * @example
   * await basket.signIn(user.id, { token });
   *
   * @throws TaskbasketError `option`: the owner is no string with at least one character, the values are no object or
   * cannot be copied, `adopt` is not true or false, or the registry declares no session. `still-sending`: a handler of
   * another owner still runs after 15 s; the new owner is stored, and nothing of the other one starts. `quota`,
   * `not-stored`, `unknown-outcome`, `no-database`, `stores-missing`, `closed`.
   */
  readonly signIn: (owner: string, ...values: SignInArguments<ValuesOf<R>>) => Promise<void>;
  /**
   * Says that nobody is signed in. Tasks of an owner stay stored, and wait until that owner signs in again. Resolves and
   * rejects as `signIn` does.
   *
   * @example
   * const { count } = await basket.count();
   * if (count === 0 || confirm(`${count} changes are not sent yet. Sign out?`)) await basket.signOut();
   *
   * @throws TaskbasketError as `signIn` does.
   */
  readonly signOut: () => Promise<void>;
  /**
   * Removes everything of an owner from this device: tasks, also those that run, and their payloads, and what is stored
   * of how tasks ended. Resolves with how many tasks were removed, once all of it is gone.
   *
   * @example
   * await basket.signOut();
   * await basket.purge(user.id); // The account was deleted.
   *
   * @throws TaskbasketError `option`, `quota`, `not-stored`, `unknown-outcome`, `no-database`, `stores-missing`,
   * `closed`. After any error but `option`, some of it may be gone: call it again.
   */
  readonly purge: (owner: string) => Promise<number>;
  /**
   * Holds back one task, by its id, or all tasks that fit a filter, also those that are added later. `{}` means every
   * task that `list` shows here; a filter with a part that is `undefined` is refused. A task that a runner has already
   * claimed runs to its end. The pause is stored, so it holds in every tab and after a reload, until `resume` ends it.
   * Several pauses may hold one task. Resolves when the pause is on disk: no task that it covers is claimed from then
   * on. The id of a task that is absent pauses nothing.
   *
   * @example
   * await basket.pause({ type: 'savePhoto' }); // "Upload photos later", for a switch
   *
   * @throws TaskbasketError `option`, `quota`, `not-stored`, `unknown-outcome`, `no-database`, `stores-missing`,
   * `closed`; `signed-out` if nobody is signed in here, and the filter does not say whose tasks it means.
   */
  readonly pause: <Name extends keyof R['types'] & string>(which: TaskId | Scope<Name>) => Promise<void>;
  /**
   * Ends the pause that was made with the same id or the same filter. Without an argument it ends all pauses, also of
   * everybody (`everyOwner`), but for those of other owners. Other pauses stay: `resume({})` ends the pause of every
   * task, and not that of one lane. Resolves with how many pauses ended, once that is on disk.
   *
   * @example
   * await basket.resume({ type: 'savePhoto' });
   * await basket.resume(); // whatever was paused
   *
   * @throws TaskbasketError as `pause` does.
   */
  readonly resume: (...which: readonly [] | readonly [which: TaskId | Scope]) => Promise<number>;
  /**
   * Resolves with how a task ended, once it has ended or is dead. The task may be from any tab or session. The last
   * 10,000 outcomes are stored, for 30 days. A success without a result is not stored: if it is over before the call,
   * the state is `gone`, unless this context added the task and was told of its success.
   *
   * @example
   * const end = await basket.settled(id);
   * if (end.state === 'done') show(end.result.version);
   * if (end.state === 'dead') show(end.error?.message);
   *
   * @throws TaskbasketError `signed-out`: the task belongs to somebody who is not signed in here. `option`, `closed`,
   * `no-database`, `stores-missing`.
   */
  readonly settled: <Name extends keyof R['types'] & string>(id: TaskId<Name>) => Promise<Outcome<ResultOf<R, Name>>>;
  /**
   * Resolves when no task is left that will run by itself, of all tasks or of those that fit. A task counts while it
   * runs, and while it waits for its backoff, its date, its gate, its lane, a runner, or values of its owner. A task does
   * not count that waits for a decision or for another build: a dead, paused or unreadable one, and what stands behind
   * it. A task whose `add` has not resolved may not be seen.
   *
   * @example
   * await basket.whenIdle({ type: 'saveNote' });
   * const answer = await fetch('/api/notes'); // No change that was made here is still on its way.
   *
   * @throws What `signal` was aborted with. TaskbasketError `option`, `no-database`, `stores-missing`, `closed`;
   * `signed-out` if the scope names no owner and nobody is signed in here, or not any more; and if a task that is meant
   * belongs to an owner who is not signed in.
   */
  readonly whenIdle: <Name extends keyof R['types'] & string = NameOf<R>>(
    scope?: Scope<Name>,
    options?: IdleOptions,
  ) => Promise<void>;
  /**
   * Calls the listener when something has happened, in this context or in any other, and returns a function that stops
   * this. A message may be lost, and has at most 100 events, also if one call has changed more tasks: use `watch`, or
   * await `settled`, for what you must not miss.
   *
   * @example
   * const stop = basket.on('failed', ({ type, error }) => console.error(type, error.message));
   *
   * @throws TaskbasketError `option`.
   */
  readonly on: <Name extends EventName>(
    event: Name,
    listener: (event: EventOf<Name>) => void,
    options?: OfOwner,
  ) => () => void;
  /**
   * Resolves with a report: who runs tasks, whether this context's worker answers, whether tasks are being run, what
   * blocks them, how safe the storage is. Needs no worker, and takes the same time however many tasks there are. If
   * something is wrong, it takes about two seconds: it waits a second for the worker, and reads again after a second if
   * the tasks seem to stand still. If the database does not open, it rejects after a second and a half.
   *
   * @example
   * const { stalled, blockedLanes, storage } = await basket.health();
   * if (stalled) show('Nothing is sent at the moment. Reload the page.');
   *
   * @throws TaskbasketError `option`, `no-database`, `stores-missing`, `closed`.
   */
  readonly health: (options?: OfOwner) => Promise<Health>;
  /**
   * Closes the database and the channel of this context, and lets go of its worker. Tasks stay, and other contexts go
   * on. A SharedWorker goes on running tasks until no page that uses it is left. A dedicated worker ends. To stop
   * `runBasket`, abort its signal and await its promise first; otherwise that promise rejects with `closed`. A write
   * that has begun is committed, and other contexts are told. A call whose write has not begun rejects with `closed`.
   *
   * @example
   * stopping.abort(); // the controller of the signal that `runBasket` got
   * await running; // what `runBasket` returned
   * basket.close();
   */
  readonly close: () => void;
};

/** Under this symbol the runner finds the context of a basket. */
const parts = Symbol.for('taskbasket.parts');

/** A basket in a context; `closing` is called when it is closed. */
export function createBasket<R extends AnyRegistry>(context: BasketContext, closing?: () => void): Basket<R> {
  giveValues(context);
  const added = createRecent(context.hub);
  const announce = (tasks: readonly EncodedTask[]): void => {
    context.hub.say({ kind: 'look', hints: tasks.map(({ row }) => ({ ...toldOf(row), event: 'added' })) });
    void tidy(context, tasks); // It never rejects.
  };
  const storeTasks = createStoreTasks({ ...context, announce });
  const adding = { ...context, note: added.note, announce, storeTasks, addedTo: new WeakMap() };
  const reading = { ...context, payloads: createPayloads(context) };
  const basket = {
    add: bind(adding, add),
    addTx: bind(adding, addTx),
    addMany: bind(adding, addMany),
    prepare: bind(adding, prepareTask),
    get: bind(reading, get),
    list: bind(reading, list),
    count: bind(context, count),
    watch: createWatches(reading),
    explain: createExplain(context),
    update: bind(context, update),
    cancel: bind(context, cancel),
    retry: bind(context, retry),
    signIn: bind(context, signIn),
    signOut: bind(context, signOut),
    purge: bind(context, purge),
    pause: bind(context, pause),
    resume: bind(context, resume),
    settled: createSettled(context, added),
    whenIdle: bind(context, whenIdle),
    on: bind(context, on),
    health: bind(context, health),

    close() {
      closing?.();
      context.closed.abort();
      // An unfinished write completes, and is told then. But the page may be closed before that.
      if (context.unfinished.size > 0) context.hub.leave();
      context.hub.close();
      context.database.close();
    },
  };
  Object.defineProperty(basket, parts, { value: context });

  // The types of payloads live in the registry alone: at run time all baskets are the same.
  return Object.freeze(basket) as unknown as Basket<R>;
}

/** Makes a method of a basket: calls `does` with the context and with what the method was given. */
function bind<Context, Given extends unknown[], Result>(
  context: Context,
  does: (context: Context, ...given: Given) => Result,
): (...given: Given) => Result {
  return (...given) => does(context, ...given);
}

/**
 * Makes a context with the ports of the platform.
 *
 * @throws TaskbasketError `option`, if the registry or the build is wrong.
 */
export function platformContext(registry: AnyRegistry, build: number): BasketContext {
  checkRegistry(registry);
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
