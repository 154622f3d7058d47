/** What is read back: views that narrow by their type, snapshots, and baskets whose registry is not known. */
import type {
  AddArguments,
  AnyRegistry,
  Basket,
  NameOf,
  PayloadOf,
  Snapshot,
  TaskId,
  TaskView,
  TypesOf,
  ViewOf,
  Watched,
} from '../../src/index.js';
import { defineTasks, openBasket, task, WorkerError } from '../../src/index.js';
import type { Same } from './claims.js';
import { a, claim } from './claims.js';

interface Note {
  readonly id: string;
  readonly text: string;
}

const tasks = defineTasks('field-notes', {
  saveNote: task<Note>(),
  uploadPhoto: task<Blob>(),
  ping: task(),
});
type Tasks = typeof tasks;
type AnyView = TaskView<'saveNote', Note> | TaskView<'uploadPhoto', Blob> | TaskView<'ping', void>;

const basket = openBasket(tasks);
claim<Same<typeof basket, Basket<Tasks>>>();
claim<Same<TypesOf<Tasks>, Tasks['types']>>();

export async function narrowing(): Promise<void> {
  const views = await basket.list();
  claim<Same<typeof views, readonly AnyView[]>>();

  for (const view of views) {
    if (view.type === 'saveNote') claim<Same<typeof view.payload, Note | undefined>>();
    else if (view.type === 'uploadPhoto') claim<Same<typeof view.payload, Blob | undefined>>();
    else claim<Same<typeof view.payload, undefined | void>>();
    // @ts-expect-error -- a payload may be unreadable in this build
    if (view.type === 'saveNote') console.assert(view.payload.text);
    // @ts-expect-error -- there is no such type
    if (view.type === 'savedNote') continue;
    // @ts-expect-error -- a view is read only
    view.attempts = 0;
  }

  const notes = await basket.list({ type: 'saveNote', state: 'dead', lane: 'x', gate: 'g', cursor: 3, limit: 10 });
  claim<Same<typeof notes, readonly TaskView<'saveNote', Note>[]>>();
  const two = await basket.list({ type: ['saveNote', 'ping'] });
  claim<Same<typeof two, readonly (TaskView<'saveNote', Note> | TaskView<'ping', void>)[]>>();
  const some = await basket.list({ state: 'queued', type: undefined });
  claim<Same<typeof some, readonly AnyView[]>>();

  // @ts-expect-error -- a query of a type that is not there
  await basket.list({ type: 'savedNote' });
  // @ts-expect-error -- running is no stored state
  await basket.list({ state: 'running' });
  // @ts-expect-error -- no such part of a query
  await basket.list({ person: 'ann' });
  // @ts-expect-error -- a count has no page
  await basket.count({ limit: 10 });
  // @ts-expect-error -- nor has a command
  await basket.cancel({ cursor: 3 });
  // @ts-expect-error -- a command takes an id by itself
  await basket.cancel({ id: 'a' });
}

export async function oneTask(): Promise<void> {
  const id = await basket.add('saveNote', a<Note>());
  const view = await basket.get(id);
  claim<Same<typeof view, TaskView<'saveNote', Note> | undefined>>();

  const read = await basket.get('from-the-app');
  claim<Same<typeof read, AnyView | undefined>>();

  // @ts-expect-error -- an id of a type that is not in the registry
  await basket.get(a<TaskId<'other'>>());
  // @ts-expect-error -- an id is a string
  await basket.get(7);
}

const all = basket.watch();
claim<Same<typeof all, Watched<Snapshot<AnyView>>>>();
/** A component takes one task of such a list. */
type AnyTask = ViewOf<typeof tasks>;
claim<Same<AnyTask, AnyView>>();
const notes = basket.watch({ type: 'saveNote' });
claim<Same<typeof notes, Watched<Snapshot<TaskView<'saveNote', Note>>>>>();
claim<Same<ReturnType<typeof notes.get>['tasks'], readonly TaskView<'saveNote', Note>[]>>();
claim<Same<ReturnType<typeof notes.get>['loaded'], boolean>>();

/** As React declares it: `get` and `subscribe` are passed on bare. */
declare function useSyncExternalStore<Value>(subscribe: (listener: () => void) => () => void, get: () => Value): Value;
const shown = useSyncExternalStore(notes.subscribe, notes.get);
claim<Same<typeof shown, Snapshot<TaskView<'saveNote', Note>>>>();

/** As Svelte declares a store. */
interface Readable<Value> {
  subscribe(this: void, run: (value: Value) => void, invalidate?: () => void): () => void;
}
const readable: Readable<Snapshot<TaskView<'saveNote', Note>>> = notes;
void readable;

// @ts-expect-error -- a watch of a type that is not there
basket.watch({ type: 'savedNote' });

/** A wrapper of a framework keeps what is inferred. */
function useTasks<R extends AnyRegistry>(given: Basket<R>): Watched<Snapshot<ViewOf<R, NameOf<R>>>> {
  return given.watch();
}
const used = useTasks(basket);
claim<Same<typeof used, Watched<Snapshot<AnyView>>>>();

/** So does a wrapper of add, payload and all. */
function added<R extends AnyRegistry, Name extends NameOf<R>>(
  given: Basket<R>,
  name: Name,
  ...rest: AddArguments<PayloadOf<R, Name>>
): Promise<TaskId<Name>> {
  return given.add(name, ...rest);
}
void added(basket, 'saveNote', a<Note>());
void added(basket, 'ping');
// @ts-expect-error -- a wrong payload through the wrapper
void added(basket, 'saveNote', { id: 'note-1' });
// @ts-expect-error -- a wrong name through the wrapper
void added(basket, 'savedNote', a<Note>());

/** An inspector takes any basket. */
async function inspect(given: Basket<AnyRegistry>): Promise<readonly TaskView[]> {
  return given.list({ limit: 1_000 });
}
void inspect(basket);

openBasket(tasks, { worker: () => a<SharedWorker>(), build: 3 });
openBasket(tasks, { worker: () => a<Worker>(), onWorkerError: (error) => claim<Same<typeof error, WorkerError>>() });
openBasket(tasks, { worker: undefined, build: undefined, onWorkerError: undefined });
// @ts-expect-error -- what constructs a worker, and not a worker: it must be constructed again when it died
openBasket(tasks, { worker: a<Worker>() });
// @ts-expect-error -- a build is a number
openBasket(tasks, { build: '3' });
// @ts-expect-error -- a registry, and not its types
openBasket({ saveNote: task<Note>() });
