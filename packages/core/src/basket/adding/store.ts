import { TaskbasketError } from '../../pure/errors.js';
import { createLine } from '../../pure/line.js';
import type { Stores } from '../../store/requests.js';
import type { Durability, TransactContext } from '../../store/transact.js';
import { transact } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { underway } from '../context/context.js';
import type { Ahead } from './bodies.js';
import { behindBodies, bytesOf, isLate, tooLate } from './bodies.js';
import { isHeavy } from './encode.js';
import { onceMore } from './once-more.js';
import { createPace } from './pace.js';
import type { Prepared, Preparing } from './prepare.js';
import { place } from './prepare.js';
import { isRefusal, notStored } from './refusal.js';

/** A transaction takes adds for so long, in milliseconds, so that none of them waits long for its end. */
const groupTime = 250;

/** Stores tasks, all of them or none, with what else is added now. Resolves with their ids when they are committed. */
export type Store = (tasks: readonly Preparing[]) => Promise<readonly string[]>;

/** What storing needs of its context. */
interface StoreContext extends TransactContext, Pick<BasketContext, 'unfinished' | 'bodyLine'> {
  /** Tells that these were committed. */
  readonly announce: (tasks: readonly Prepared[]) => void;
}

/** Tasks that are stored together, or not at all: one of an `add`, or all of an `addMany`. */
interface Batch {
  readonly tasks: readonly [Prepared, ...Prepared[]];
  readonly durability: Durability;
  readonly beside: boolean;
}

/** A batch that waits for its transaction. */
interface Member extends Batch {
  readonly ahead: Ahead | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Stores tasks; those that are added at the same time share a transaction. The steps: each task is prepared; it waits for
 * what was added to its lane before; its heavy body goes ahead, in a transaction of its own; its row joins the queue, which
 * is written group by group, in order. So tasks of one lane keep the order of their calls, whatever they weigh and however
 * long their codecs take.
 */
export function createStore(context: StoreContext): Store {
  /** What was added to a lane and has not joined the queue. */
  const lanes = new Map<string, Promise<void>>();
  const queue: Member[] = [];
  let writing = false;

  /** Resolves with the ids of the batch when it is stored. */
  function join(batch: Batch, ahead?: Ahead): Promise<readonly string[]> {
    return new Promise((resolve, reject) => {
      queue.push({ ...batch, ahead, resolve: () => resolve(batch.tasks.map(({ id }) => id)), reject });
      if (!writing) void write(); // It never rejects.
    });
  }

  async function write(): Promise<void> {
    writing = true;
    const end = underway(context);
    await Promise.resolve(); // What the app adds in the same run of its code joins the same group.
    // Each group waits for the end of the one before: if that fails, what stands behind it in a lane still comes after it.
    while (queue.length > 0) await writeGroup(context, queue);
    writing = false;
    end();
  }

  /** Joins the queue in turn. Resolves when what comes later in the lanes may join: a heavy task must be stored first. */
  async function joinInTurn(
    preparing: readonly Preparing[],
    before: readonly Promise<void>[],
  ): Promise<{ readonly stored: Promise<readonly string[]> }> {
    const batch = batchOf(preparing, await Promise.all(preparing.map(async ({ ready }) => ready)));
    await Promise.all(before);
    const { tasks, durability } = batch;
    if (!tasks.some(({ payload }) => isHeavy(payload))) return { stored: join(batch) };
    const ids = await behindBodies(context, tasks, (ahead) => join(batch, ahead), durability);

    return { stored: Promise.resolve(ids) };
  }

  return (preparing) => {
    const named = [...new Set(preparing.flatMap(({ lane }) => lane ?? []))];
    const before = named.flatMap((lane) => lanes.get(lane) ?? []);
    const ready = preparing.flatMap((one) => ('id' in one.ready ? one.ready : []));
    if (preparing.length === 0) return Promise.resolve([]);
    if (before.length === 0 && ready.length === preparing.length && !ready.some(({ payload }) => isHeavy(payload))) {
      return join(batchOf(preparing, ready)); // The common case: at once, so that it shares a transaction.
    }

    const joined = joinInTurn(preparing, before);
    // Also a task that is refused keeps the order of those before and behind it.
    const end = Promise.allSettled([joined, ...before]).then(leave);
    for (const lane of named) lanes.set(lane, end);

    return joined.then(({ stored }) => stored);

    function leave(): void {
      for (const lane of named) if (lanes.get(lane) === end) lanes.delete(lane);
    }
  };
}

/** On disk, unless each of them says `relaxed`. */
function batchOf(preparing: readonly Preparing[], tasks: readonly Prepared[]): Batch {
  return {
    tasks: tasks as Batch['tasks'],
    durability: preparing.every(({ durability }) => durability === 'relaxed') ? 'relaxed' : 'strict',
    beside: tasks.some(({ payload }) => payload.store === 'payloads'),
  };
}

/** Writes what is there and what comes meanwhile, as far as it fits; resolves when each was told its end. */
async function writeGroup(context: StoreContext, queue: Member[]): Promise<void> {
  const { clock } = context.ports;
  const members: Member[] = [];
  const durability = queue.some((one) => one.durability === 'strict') ? 'strict' : 'relaxed';
  const beside = queue.some((one) => one.beside);
  const fits = (one: Member): boolean =>
    (beside || !one.beside) && (durability === 'strict' || one.durability === durability);

  try {
    await transactAdds(context, durability, beside, async (stores) => {
      const until = clock.monotonic() + groupTime;
      const pace = createPace(stores.tasks, clock.monotonic);
      for (let [next] = queue; next !== undefined && fits(next); [next] = queue) {
        if (members.length > 0 && clock.monotonic() > until) break;
        queue.shift();
        if (isLate(context, stores.tasks, next.ahead)) {
          next.reject(tooLate);
          continue;
        }
        members.push(next); // First: if it cannot be placed, it is told as well.
        for (const task of next.tasks) {
          place(stores, task);
          const turn = pace();
          if (turn !== undefined) await turn;
        }
      }
    });
  } catch (error) {
    // None could be placed: the database cannot be opened.
    if (members.length === 0) members.push(...queue.splice(0));
    await writeEach(context, members, error);

    return;
  }
  context.announce(members.flatMap(({ tasks }) => tasks));
  for (const { resolve } of members) resolve();
}

/** After a group that failed: each member by itself, in order, so that a member that cannot be stored fails alone. */
async function writeEach(context: StoreContext, members: readonly Member[], error: unknown): Promise<void> {
  const certain = (members.length === 1 || error instanceof TaskbasketError) && isRefusal(error);
  const line = createLine();

  const ends = members.map(async ({ tasks, durability, beside, ahead, resolve, reject }) => {
    const again = (): Promise<void> =>
      transactAdds(context, durability, beside, (stores) => {
        if (isLate(context, stores.tasks, ahead)) throw tooLate;
        for (const task of tasks) place(stores, task);
      });
    try {
      if (certain) throw error;
      await line(bytesOf(tasks), () => onceMore(context, tasks, error, again));
      context.announce(tasks);
      resolve();
    } catch (failure) {
      reject(notStored(tasks[0].row, failure));
    }
  });
  await Promise.all(ends);
}

/** A transaction of adds. It leaves out the payloads if all lie in their rows, so that it waits for nobody who reads there. */
function transactAdds(
  context: TransactContext,
  durability: Durability,
  beside: boolean,
  body: (stores: Pick<Stores, 'tasks'> & Partial<Pick<Stores, 'payloads'>>) => void | Promise<void>,
): Promise<void> {
  const scope: readonly ('tasks' | 'payloads')[] = beside ? ['tasks', 'payloads'] : ['tasks'];

  return transact(context, 'add', body, { durability, scope });
}
