import { messageOf, nameOf, TaskbasketError } from '../pure/errors.js';
import { rowOfId } from '../store/rows.js';
import type { Stores } from '../store/requests.js';
import type { TransactContext } from '../store/transact.js';
import { look, transact } from '../store/transact.js';
import { createPace } from './pace.js';
import type { Prepared } from './place.js';
import { place } from './place.js';
import { notStorable } from './prepare.js';

/** A transaction takes adds for so long, in milliseconds, so that none of them waits long for its end. */
const groupTime = 250;

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

/** Those that share their transactions: of one durability, with the payloads or without. */
interface Queue {
  readonly durability: Durability;
  readonly members: Member[];
}

/** The tasks of one lane that are being added, so that they keep the order of their calls. */
interface Line {
  /** What kind those are that have gone on and have not ended, and how many. Others wait for their end. */
  kind: string;
  open: number;
  readonly waiting: Waiting[];
}

interface Waiting {
  /** Absent while its codec is at work. */
  task?: Prepared;
  readonly durability: Durability;
  readonly resolve: (task: Prepared) => void;
  readonly reject: (error: unknown) => void;
}

/** Stores a task, with what else is added now. Resolves with it when it is committed. */
export type Store = (
  lane: string | undefined,
  ready: Prepared | Promise<Prepared>,
  durability?: Durability,
) => Promise<Prepared>;

/** Told to a member whose body was committed too long ago. */
const tooLate = Symbol('too late');

/**
 * Stores tasks, those that are added at the same time in one transaction.
 *
 * Small ones name the store of tasks alone, so that they wait for no body that is being written. A heavy body goes ahead
 * in a transaction of its own, and its row follows: if the page ends in between, the body is collected later. Tasks of
 * one lane keep the order of their calls, whatever they weigh and however long their codecs take.
 */
export function createGroups(context: TransactContext & { readonly leaving: Set<() => boolean> }): Store {
  const queues = new Map<string, Queue>();
  const lines = new Map<string | undefined, Line>();

  // A page that closes: Chromium commits what is placed now, unless it has to wait for another transaction.
  context.leaving.add(() => {
    for (const queue of queues.values()) void storeGroup(context, queue, true); // It never rejects.

    return queues.size > 0;
  });

  function join(name: string, durability: Durability, task: Prepared, bodyAt?: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const member = { task, bodyAt, resolve, reject };
      const waiting = queues.get(name);
      if (waiting === undefined) {
        const queue = { durability, members: [member] };
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
      await putBody(context, task, durability);
      try {
        await join(durability, durability, task, context.ports.clock.wall());

        return;
      } catch (error) {
        if (error === tooLate) continue;
        // Nothing was stored: its body need not wait to be collected.
        if (isRefusal(error)) void dropBody(context, task).catch(() => undefined);
        throw error;
      }
    }
  }

  /** Lets go on what stands in front of a line, together with others of its kind. */
  function advance(lane: string | undefined, line: Line): void {
    for (;;) {
      const [next] = line.waiting;
      if (next?.task === undefined) break;
      const { task, durability, resolve, reject } = next;
      const kind = task.apart === undefined ? durability : task.apart.heavy ? task.id : `${durability} with body`;
      if (line.open > 0 && line.kind !== kind) return;

      line.waiting.shift();
      line.kind = kind;
      line.open += 1;
      const stored = task.apart?.heavy === true ? storeHeavy(task, durability) : join(kind, durability, task);
      void stored
        .then(() => resolve(task), reject)
        .then(() => {
          line.open -= 1;
          advance(lane, line);
        });
    }
    if (line.open === 0 && line.waiting.length === 0) lines.delete(lane);
  }

  return (lane, ready, durability = 'strict') =>
    new Promise((resolve, reject) => {
      const line = lines.get(lane) ?? { kind: '', open: 0, waiting: [] };
      if (lane !== undefined) lines.set(lane, line);
      const one: Waiting = { durability, resolve, reject };
      line.waiting.push(one);

      const goOn = (task: Prepared): void => {
        one.task = task;
        advance(lane, line);
      };
      if ('id' in ready) {
        goOn(ready);

        return;
      }
      ready.then(goOn, (error: unknown) => {
        reject(error);
        line.waiting.splice(line.waiting.indexOf(one), 1);
        advance(lane, line);
      });
    });
}

/** Stores what is there, and what comes while it is placed; resolves when each was told its end. `leaving`: at one go. */
async function storeGroup(
  context: TransactContext,
  { durability, members: queue }: Queue,
  leaving: boolean,
): Promise<void> {
  const { clock } = context.ports;
  const members: Member[] = [];
  const withBody = queue[0]?.task.apart?.heavy === false;

  const fill = async (stores: AddStores): Promise<void> => {
    const until = leaving ? Number.POSITIVE_INFINITY : clock.monotonic() + groupTime;
    const pace = createPace(stores.tasks, clock.monotonic);
    while (queue.length > 0 && (members.length === 0 || clock.monotonic() < until)) {
      const member = queue.shift() as Member;
      if (member.bodyAt !== undefined && clock.wall() - member.bodyAt > bodyPatience) {
        member.reject(tooLate);
        continue;
      }
      members.push(member); // First: if it can't be placed, it is told as well.
      place(stores, member.task, withBody);
      const turn = leaving ? undefined : pace();
      if (turn !== undefined) await turn;
    }
  };

  try {
    await write(context, durability, withBody, fill);
    for (const { resolve } of members) resolve();
  } catch (error) {
    // None could be placed: the database can't be opened.
    if (members.length === 0) members.push(...queue.splice(0));
    await storeEach(context, members, durability, error);
  }
}

type AddStores = Pick<Stores, 'tasks'> & Partial<Pick<Stores, 'payloads'>>;

/** A transaction of adds, over the payloads only if one of them is small enough to go with its row. */
function write(
  context: TransactContext,
  durability: Durability,
  withBody: boolean,
  body: (stores: AddStores) => void | Promise<void>,
): Promise<void> {
  const scope: readonly ('tasks' | 'payloads')[] = withBody ? ['tasks', 'payloads'] : ['tasks'];

  return transact(context, 'add', body, { durability, scope });
}

/** After a group that failed: each member by itself, in order, so that one that can't be stored fails alone. */
async function storeEach(
  context: TransactContext,
  members: readonly Member[],
  durability: Durability,
  error: unknown,
): Promise<void> {
  for (const { task, resolve, reject } of members) {
    const withBody = task.apart?.heavy === false;
    const again = (): Promise<void> => write(context, durability, withBody, (stores) => place(stores, task, withBody));
    const alone = members.length === 1 || error instanceof TaskbasketError;
    await (
      alone && isRefusal(error) ? Promise.reject(notStored(task.row, error)) : onceMore(context, task, error, again)
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
    if (isRefusal(second) || !(await isThere(context, task, second))) throw notStored(task.row, second);
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
]);

/** Whether an error says for sure that nothing was stored. */
export function isRefusal(error: unknown): boolean {
  return error instanceof TaskbasketError ? error.code !== 'unknown-outcome' : refusals.has(nameOf(error));
}

/** The error for a task that the browser did not store. */
export function notStored({ type }: { readonly type: string }, error: unknown): TaskbasketError {
  if (error instanceof TaskbasketError) return error;
  if (nameOf(error) === 'DataCloneError') return notStorable(type, error);
  if (nameOf(error) === 'QuotaExceededError') {
    const remedy = 'Free some space, or ask the user to; nothing else was lost.';

    return new TaskbasketError('quota', `There is no room for the task "${type}": ${remedy}`, error);
  }

  return new TaskbasketError('not-stored', `The task "${type}" was not stored: ${messageOf(error)}`, error);
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
    throw notStored(task.row, error);
  }
}

/** Takes a body back whose row was refused. */
export async function dropBody(context: TransactContext, { apart }: Prepared): Promise<void> {
  if (apart === undefined) return;
  await transact(context, 'body', ({ payloads }) => void payloads.delete(apart.ref), { scope: ['payloads'] });
}
