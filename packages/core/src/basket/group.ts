import { messageOf, nameOf, TaskbasketError } from '../pure/errors.js';
import { rowOfId } from '../store/rows.js';
import type { Stores } from '../store/requests.js';
import type { TransactContext } from '../store/transact.js';
import { look, transact } from '../store/transact.js';
import type { Prepared } from './place.js';
import { place } from './place.js';

/** A transaction takes adds for so long, in milliseconds; then the page has its turn. */
const slice = 25;

/** The row of a heavy body comes at the latest so long after it, in milliseconds: later, the body may have been collected. */
const bodyPatience = 60_000;

export type Durability = 'strict' | 'relaxed';

/** A task that waits for its transaction. */
interface Member {
  readonly task: Prepared;
  /** When its body was committed, if that went ahead. By the wall clock, in milliseconds. */
  readonly bodyAt: number | undefined;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** Told to a member whose body was committed too long ago. */
const tooLate = Symbol('too late');

/**
 * Stores tasks, those that are added at the same time in one transaction. Resolves when the task is committed.
 *
 * Small ones name the store of tasks alone, so that they wait for no body that is being written. A heavy body goes ahead
 * in a transaction of its own, and its row follows: if the page ends in between, the body is collected later. Tasks of
 * one lane keep the order of their calls, whatever they weigh.
 */
export function createGroups(
  context: TransactContext & { readonly leaving: Set<() => void> },
): (task: Prepared, durability?: Durability) => Promise<void> {
  // A page that closes: Chromium commits what is placed now, unless it has to wait for another transaction.
  context.leaving.add(() => {
    for (const [queue, members] of queues) void placed(context, members, durabilityOf(queue), Number.POSITIVE_INFINITY);
  });
  const queues = new Map<string, Member[]>();
  const lanes = new Map<string, { readonly queue: string; readonly stored: Promise<void> }>();

  function join(queue: string, task: Prepared, durability: Durability, bodyAt?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const member = { task, bodyAt, resolve, reject };
      const waiting = queues.get(queue);
      if (waiting !== undefined) {
        waiting.push(member);

        return;
      }

      const members = [member];
      queues.set(queue, members);
      void flush(members, durability, () => queues.delete(queue)); // It never rejects.
    });
  }

  async function flush(queue: Member[], durability: Durability, end: () => void): Promise<void> {
    // What the app adds in the same run of its code joins.
    await Promise.resolve();
    while (queue.length > 0) {
      await placed(context, queue, durability, slice);
      if (queue.length > 0) await context.ports.clock.turnOfTheLoop();
    }
    end();
  }

  async function heavy(queue: string, task: Prepared, durability: Durability): Promise<void> {
    for (;;) {
      await putBody(context, task, durability);
      try {
        await join(queue, task, durability, context.ports.clock.wall());

        return;
      } catch (error) {
        if (error === tooLate) continue;
        // Nothing was stored: its body need not wait to be collected.
        if (isRefusal(error)) void dropBody(context, task).catch(() => undefined);
        throw error;
      }
    }
  }

  return (task, durability = 'strict') => {
    const isHeavy = task.apart?.heavy === true;
    const queue = isHeavy || task.apart === undefined ? durability : `${durability} with body`;
    const store = (): Promise<void> => (isHeavy ? heavy(queue, task, durability) : join(queue, task, durability));

    const { lane } = task.row;
    if (lane === undefined) return store();

    const before = lanes.get(lane);
    const kind = isHeavy ? task.id : queue;
    const stored = before === undefined || before.queue === kind ? store() : before.stored.then(store, store);
    const last = { queue: kind, stored };
    lanes.set(lane, last);
    const forget = (): void => {
      if (lanes.get(lane) === last) lanes.delete(lane);
    };
    stored.then(forget, forget);

    return stored;
  };
}

/** The durability is the first word of a queue's name. */
function durabilityOf(queue: string): Durability {
  return queue.startsWith('relaxed') ? 'relaxed' : 'strict';
}

/** Places as many as a slice holds; resolves when they are placed, which is not yet their end. */
function placed(context: TransactContext, queue: Member[], durability: Durability, budget: number): Promise<void> {
  const { clock } = context.ports;
  const members: Member[] = [];
  const withBody = queue[0]?.task.apart?.heavy === false;

  return new Promise((onward) => {
    const fill = (stores: Pick<Stores, 'tasks' | 'payloads'>): void => {
      const until = clock.monotonic() + budget;
      while (queue.length > 0 && (members.length === 0 || clock.monotonic() < until)) {
        const [member] = queue.splice(0, 1) as [Member];
        if (member.bodyAt !== undefined && clock.wall() - member.bodyAt > bodyPatience) {
          member.reject(tooLate);
        } else {
          place(stores, member.task, withBody);
          members.push(member);
        }
      }
      onward();
    };

    transact(context, 'add', fill, { durability, scope: withBody ? ['tasks', 'payloads'] : ['tasks'] } as const).then(
      () => {
        for (const { resolve } of members) resolve();
      },
      (error: unknown) => {
        // None could be placed: the database can't be opened.
        if (members.length === 0) members.push(...queue.splice(0));
        onward();
        void storeEach(context, members, durability, error); // It never rejects.
      },
    );
  });
}

/** After a group that failed: each member by itself, in order, so that one that can't be stored fails alone. */
async function storeEach(
  context: TransactContext,
  members: readonly Member[],
  durability: Durability,
  error: unknown,
): Promise<void> {
  for (const { task, resolve, reject } of members) {
    if (error instanceof TaskbasketError) {
      reject(error);
      continue;
    }

    const again = (): Promise<void> =>
      transact(context, 'add', (stores) => place(stores, task, task.apart?.heavy === false), { durability });
    await (
      members.length === 1 && isRefusal(error)
        ? Promise.reject(notStored(task, error))
        : onceMore(context, task, error, again)
    ).then(resolve, reject);
  }
}

/**
 * After a transaction of which it is not known whether it committed: looks for the task by its id, and tries once more
 * if it is not there.
 *
 * @throws TaskbasketError `quota`, `not-stored`: there is no such task. `unknown-outcome`: it could not be looked for.
 */
export async function onceMore(
  context: TransactContext,
  task: Prepared,
  error: unknown,
  again: () => Promise<void>,
): Promise<void> {
  if (!isRefusal(error) && (await isThere(context, task, error))) return;

  try {
    await again();
  } catch (second) {
    if (isRefusal(second) || !(await isThere(context, task, second))) throw notStored(task, second);
  }
}

async function isThere(context: TransactContext, { id, row }: Prepared, cause: unknown): Promise<boolean> {
  try {
    return (await look(context, (stores) => rowOfId(stores, id), ['tasks'])) !== undefined;
  } catch {
    throw new TaskbasketError(
      'unknown-outcome',
      `Whether the task "${row.type}" was stored is not known: ${messageOf(cause)} Look for its id with get, later.`,
      cause,
      id,
    );
  }
}

/** What the browser says if it stored nothing; after any other failure the transaction may have been committed. */
const refusals: ReadonlySet<string> = new Set([
  'QuotaExceededError',
  'DataCloneError',
  'DataError',
  'ConstraintError',
  'InvalidStateError',
  'TaskbasketError',
]);

/** Whether an error says for sure that nothing was stored. */
export function isRefusal(error: unknown): boolean {
  return refusals.has(nameOf(error));
}

/** The error for a task that the browser did not store. */
export function notStored({ row }: Prepared, error: unknown): TaskbasketError {
  if (error instanceof TaskbasketError) return error;
  if (nameOf(error) === 'QuotaExceededError') {
    const remedy = 'Free some space, or ask the user to; nothing else was lost.';

    return new TaskbasketError('quota', `There is no room for the task "${row.type}": ${remedy}`, error);
  }

  return new TaskbasketError('not-stored', `The task "${row.type}" was not stored: ${messageOf(error)}`, error);
}

/** Commits a heavy body ahead of its row. */
export async function putBody(context: TransactContext, task: Prepared, durability: Durability): Promise<void> {
  const { apart } = task;
  if (apart === undefined) return;
  try {
    await transact(context, 'body', ({ payloads }) => void payloads.put(apart.value, apart.ref), {
      durability,
      scope: ['payloads'],
    });
  } catch (error) {
    throw notStored(task, error);
  }
}

async function dropBody(context: TransactContext, { apart }: Prepared): Promise<void> {
  if (apart === undefined) return;
  await transact(context, 'body', ({ payloads }) => void payloads.delete(apart.ref), { scope: ['payloads'] });
}
