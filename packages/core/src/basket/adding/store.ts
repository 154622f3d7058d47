import { TaskbasketError } from '../../pure/errors.js';
import { createLine } from '../../pure/line.js';
import type { Durability, TransactContext } from '../../store/transact.js';
import { transact } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { underway } from '../context/context.js';
import type { Ahead } from './bodies.js';
import { behindBodies, bytesOf, isLate, tooLate } from './bodies.js';
import { isHeavy } from './encode.js';
import { onceMore } from './once-more.js';
import { createPace } from './pace.js';
import type { AddStores, EncodedTask, EncodingTask } from './prepare.js';
import { writeTask } from './prepare.js';
import { isRefusal, notStored } from './refusal.js';

/** How long more adds may join a transaction, in milliseconds, so that none of them waits long for its end. */
const groupTime = 250;

/**
 * Stores tasks, all of them or none, together with others that are added now. Resolves with their ids on the commit.
 */
export type StoreTasks = (tasks: readonly EncodingTask[]) => Promise<readonly string[]>;

/** What storing needs of its context. */
interface StoreContext extends TransactContext, Pick<BasketContext, 'unfinished' | 'bodyLine' | 'newId'> {
  /** Tells that these tasks were committed. */
  readonly announce: (tasks: readonly EncodedTask[]) => void;
}

/** Tasks that are stored together, or not at all: one of an `add`, or all of an `addMany`. */
interface Batch {
  readonly tasks: readonly [EncodedTask, ...EncodedTask[]];
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
 * Makes what stores the tasks that a context adds. Tasks that are added at the same time share a transaction. The steps
 * of a task: its payload is encoded; it waits for earlier tasks of its lane, or else of its key; its heavy body is
 * written, in a transaction of its own; its row joins the queue, which is written group by group, in order. So tasks of
 * one lane, or of one key, keep the order of their calls, however large they are and however long their codecs take.
 */
export function createStoreTasks(context: StoreContext): StoreTasks {
  /** For each lane, or key, the end of the last task that has not joined the queue. */
  const ends = new Map<string, Promise<void>>();
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
    // Each group waits for the end of the one before: if a group fails, its second try still comes first in its lanes.
    while (queue.length > 0) await writeGroup(context, queue);
    writing = false;
    end();
  }

  /** Joins the queue in the order of the lanes and keys. Resolves when later tasks may join; a heavy task is stored first. */
  async function joinInTurn(
    encoding: readonly EncodingTask[],
    before: readonly Promise<void>[],
  ): Promise<{ readonly stored: Promise<readonly string[]> }> {
    const batch = batchOf(encoding, await Promise.all(encoding.map(async ({ ready }) => ready)));
    await Promise.all(before);
    const { tasks, durability } = batch;
    if (!tasks.some(({ payload }) => isHeavy(payload))) return { stored: join(batch) };
    const ids = await behindBodies(context, tasks, (ahead) => join(batch, ahead), durability);

    return { stored: Promise.resolve(ids) };
  }

  return (encoding) => {
    const marks = [...new Set(encoding.flatMap(({ inOrderOf }) => inOrderOf ?? []))];
    const before = marks.flatMap((mark) => ends.get(mark) ?? []);
    const ready = encoding.flatMap((one) => ('id' in one.ready ? one.ready : []));
    if (encoding.length === 0) return Promise.resolve([]);
    if (before.length === 0 && ready.length === encoding.length && !ready.some(({ payload }) => isHeavy(payload))) {
      return join(batchOf(encoding, ready)); // The usual case. It joins at once, so that it shares a transaction.
    }

    const joined = joinInTurn(encoding, before);
    // A task that is refused keeps the order too: later tasks still wait for earlier ones.
    const end = Promise.allSettled([joined, ...before]).then(leave);
    for (const mark of marks) ends.set(mark, end);

    return joined.then(({ stored }) => stored);

    function leave(): void {
      for (const mark of marks) if (ends.get(mark) === end) ends.delete(mark);
    }
  };
}

/** On disk, unless each of them says `relaxed`. */
function batchOf(encoding: readonly EncodingTask[], tasks: readonly EncodedTask[]): Batch {
  return {
    tasks: tasks as Batch['tasks'],
    durability: encoding.every(({ durability }) => durability === 'relaxed') ? 'relaxed' : 'strict',
    beside: tasks.some(({ payload }) => payload.store === 'payloads'),
  };
}

/** Writes the queue, with what joins it meanwhile, in one transaction. Resolves when each member knows how it ended. */
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
        members.push(next); // Before it is written, so that it hears of the error if that fails.
        for (const task of next.tasks) {
          writeTask(stores, task);
          const turn = pace();
          if (turn !== undefined) await turn;
        }
      }
    });
  } catch (error) {
    // No member was written, because the database could not be opened.
    await writeEach(context, members.length === 0 ? queue.splice(0) : members, error);

    return;
  }
  context.announce(members.flatMap(({ tasks }) => tasks));
  for (const { resolve } of members) resolve();
}

/**
 * Writes each member of a group that failed by itself, in order, so that a member that cannot be stored fails alone.
 */
async function writeEach(context: StoreContext, members: readonly Member[], error: unknown): Promise<void> {
  const certain = (members.length === 1 || error instanceof TaskbasketError) && isRefusal(error);
  const line = createLine();

  const ends = members.map(async ({ tasks, durability, beside, ahead, resolve, reject }) => {
    const again = (): Promise<void> =>
      transactAdds(context, durability, beside, (stores) => {
        if (isLate(context, stores.tasks, ahead)) throw tooLate;
        for (const task of tasks) writeTask(stores, task);
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

/** A transaction of adds. If all payloads are in their rows, it does not wait for the store of payloads. */
function transactAdds(
  context: TransactContext,
  durability: Durability,
  beside: boolean,
  body: (stores: AddStores) => void | Promise<void>,
): Promise<void> {
  const scope: readonly ('tasks' | 'payloads')[] = beside ? ['tasks', 'payloads'] : ['tasks'];

  return transact(context, 'add', body, { durability, scope });
}
