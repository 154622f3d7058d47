import { TaskbasketError } from '../../pure/errors.js';
import type { Stores } from '../../store/requests.js';
import type { Durability, TransactContext } from '../../store/transact.js';
import { transact } from '../../store/transact.js';
import { dropBody, putBody } from './body.js';
import type { Store } from './lines.js';
import { createLines } from './lines.js';
import { onceMore } from './once-more.js';
import { createPace } from './pace.js';
import type { Prepared } from './place.js';
import { place } from './place.js';
import { isRefusal, notStored } from './refusal.js';

/** A transaction takes adds for so long, in milliseconds, so that none of them waits long for its end. */
const groupTime = 250;

/** The row of a heavy body comes at the latest so long after it, in milliseconds: later, the body may have been collected. */
export const bodyPatience = 60_000;

/** A body that went ahead. */
interface CommittedBody {
  /** By the wall clock, in milliseconds. */
  readonly at: number;
  readonly db: IDBDatabase | undefined;
}

/** A task that waits for its transaction. */
interface Member {
  readonly task: Prepared;
  readonly body: CommittedBody | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Those that share their transactions: of one durability, with the payloads or without. */
interface Queue {
  readonly durability: Durability;
  readonly withBody: boolean;
  readonly members: Member[];
  /** While a group is being placed: takes all of it back. */
  takeBack?: (() => void) | undefined;
}

/** Told to a member whose body may not be there any more. */
const tooLate = Symbol('too late');

/** What groups need of their context. */
interface GroupContext extends TransactContext {
  readonly leaving: Set<() => boolean>;
  /** Tells that these were committed. */
  readonly announce: (tasks: readonly Prepared[]) => void;
}

/**
 * Stores tasks, those that are added at the same time in one transaction.
 *
 * Small ones name the store of tasks alone, so that they wait for no body that is being written. A heavy body goes ahead
 * in a transaction of its own, and its row follows: if the page ends in between, the body is collected later. Tasks of
 * one lane keep the order of their calls, whatever they weigh and however long their codecs take.
 */
export function createGroups(context: GroupContext): Store {
  const queues = new Map<string, Queue>();

  // A page that closes: Chromium commits what is placed now at one go, unless it has to wait for another transaction.
  context.leaving.add(() => {
    for (const queue of queues.values()) {
      queue.takeBack?.();
      if (queue.members.length > 0) void storeGroup(context, queue, true); // It never rejects.
    }

    return queues.size > 0;
  });

  function join(name: string, durability: Durability, task: Prepared, body?: CommittedBody): Promise<void> {
    return new Promise((resolve, reject) => {
      const member = { task, body, resolve, reject };
      const waiting = queues.get(name);
      if (waiting === undefined) {
        const queue = { durability, withBody: task.apart?.heavy === false, members: [member] };
        queues.set(name, queue);
        void flush(name, queue); // It never rejects.
      } else {
        waiting.members.push(member);
      }
    });
  }

  async function flush(name: string, queue: Queue): Promise<void> {
    // What the app adds in the same run of its code joins, since the transaction begins later. Each group waits for the end
    // of the one before: if that fails, what stands behind it in a lane still comes after it.
    while (queue.members.length > 0) await storeGroup(context, queue, false);
    queues.delete(name);
  }

  async function storeHeavy(task: Prepared, durability: Durability): Promise<void> {
    for (;;) {
      const db = await putBody(context, task, durability);
      try {
        await join(durability, durability, task, { at: context.ports.clock.wall(), db });

        return;
      } catch (error) {
        if (error === tooLate) continue;
        // Nothing was stored: its body need not wait to be collected.
        if (isRefusal(error)) void dropBody(context, task).catch(() => undefined);
        throw error;
      }
    }
  }

  return createLines(kindOf, (task, durability) =>
    task.apart?.heavy === true ? storeHeavy(task, durability) : join(kindOf(task, durability), durability, task),
  );
}

/** Those of one kind share their transactions; a heavy one has its own. */
function kindOf({ apart, id }: Prepared, durability: Durability): string {
  return apart === undefined ? durability : apart.heavy ? id : `${durability} with body`;
}

/** Stores what is there, and what comes while it is placed; resolves when each was told its end. `leaving`: at one go. */
async function storeGroup(context: GroupContext, group: Queue, leaving: boolean): Promise<void> {
  const { durability, withBody, members: queue } = group;
  const { clock } = context.ports;
  const members: Member[] = [];
  let takenBack = false;

  const fill = async (stores: AddStores): Promise<void> => {
    const until = leaving ? Number.POSITIVE_INFINITY : clock.monotonic() + groupTime;
    const pace = createPace(stores.tasks, clock.monotonic);
    if (!leaving) {
      group.takeBack = () => {
        takenBack = true;
        queue.unshift(...members.splice(0));
        stores.tasks.transaction.abort();
      };
    }
    while (queue.length > 0 && (members.length === 0 || clock.monotonic() < until)) {
      const member = queue.shift() as Member;
      if (isLate(context, stores, member)) {
        member.reject(tooLate);
        continue;
      }
      members.push(member); // First: if it can't be placed, it is told as well.
      place(stores, member.task, withBody);
      const turn = leaving ? undefined : pace();
      if (turn !== undefined) await turn;
    }
    group.takeBack = undefined;
  };

  try {
    await write(context, durability, withBody, fill);
    context.announce(members.map(({ task }) => task));
    for (const { resolve } of members) resolve();
  } catch (error) {
    group.takeBack = undefined;
    if (takenBack) return;
    // None could be placed: the database can't be opened.
    if (members.length === 0) members.push(...queue.splice(0));
    await storeEach(context, members, durability, error);
  }
}

type AddStores = Pick<Stores, 'tasks'> & Partial<Pick<Stores, 'payloads'>>;

/** A transaction of adds, over the payloads only if one of them is small enough to go with its row. */
export function write(
  context: TransactContext,
  durability: Durability,
  withBody: boolean,
  body: (stores: AddStores) => void | Promise<void>,
): Promise<void> {
  const scope: readonly ('tasks' | 'payloads')[] = withBody ? ['tasks', 'payloads'] : ['tasks'];

  return transact(context, 'add', body, { durability, scope });
}

/** Whether a member's body may have been collected, or be gone with its database. */
function isLate({ ports }: TransactContext, { tasks }: AddStores, { body }: Member): boolean {
  return body !== undefined && (ports.clock.wall() - body.at > bodyPatience || tasks.transaction.db !== body.db);
}

/** After a group that failed: each member by itself, in order, so that one that can't be stored fails alone. */
async function storeEach(
  context: GroupContext,
  members: readonly Member[],
  durability: Durability,
  error: unknown,
): Promise<void> {
  for (const member of members) {
    const { task, resolve, reject } = member;
    const withBody = task.apart?.heavy === false;
    let late = false;
    const again = (): Promise<void> =>
      write(context, durability, withBody, (stores) => {
        late = isLate(context, stores, member);
        if (!late) place(stores, task, withBody);
      });
    const alone = members.length === 1 || error instanceof TaskbasketError;
    await (
      alone && isRefusal(error) ? Promise.reject(notStored(task.row, error)) : onceMore(context, [task], error, again)
    ).then(() => {
      if (late) return reject(tooLate);
      context.announce([task]);
      resolve();
    }, reject);
  }
}
