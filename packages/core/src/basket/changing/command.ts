import type { IsLater } from '../../ports/ids.js';
import { madeAfter } from '../../ports/ids.js';
import { TaskbasketError } from '../../pure/errors.js';
import { gateForward } from '../../pure/gate.js';
import { readReady } from '../../pure/key.js';
import { checkFlag, checkParts } from '../../pure/options.js';
import type { Filter, Wanted } from '../../pure/query.js';
import { fits, isOrdered, readCommand } from '../../pure/query.js';
import type { Claim, TaskRow } from '../../pure/record.js';
import { isClaimed, outcomeOf, stateKeys } from '../../pure/record.js';
import { cancelledWhileRunning, revived } from '../../pure/transitions.js';
import { deposeClaims } from '../../store/deposed.js';
import type { Found, Place } from '../../store/find.js';
import { readOn, startOf } from '../../store/find.js';
import { keepOutcome } from '../../store/outcomes.js';
import { allChildrenOf } from '../../store/parents.js';
import { forgetPauses } from '../../store/pauses.js';
import { freedBy, payAtOnce } from '../../store/pay.js';
import type { Stores } from '../../store/requests.js';
import { lastNumber } from '../../store/requests.js';
import { deleteTasks, gatesNamed, rowsAt, rowsOfIds } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { seenIn } from '../context/context.js';
import type { Hint } from '../context/messages.js';
import { toldOf } from '../context/messages.js';
import { edit } from './edit.js';
import { withoutReplaced } from './replace.js';

/** How many tasks of a query are changed in one transaction. */
const slice = 256;

/** Options of `cancel`. */
export interface CancelOptions {
  /**
   * Whether the children of the tasks are removed too, and the children of these, in the same transaction. Default:
   * they are dead, or run, as their `onParent` says.
   *
   * @example
   * await basket.cancel(id, { children: true }); // the note, and the photos that wait for it
   */
  readonly children?: boolean | undefined;
}

/**
 * Removes tasks. A running task is aborted, and its lane goes on when its handler has ended or lost its slot. Resolves
 * with how many were removed, once that is on disk.
 */
export function cancel(context: BasketContext, which: string | Filter, options: CancelOptions = {}): Promise<number> {
  const { children = false } = checkParts(options, 'The options of cancel', ['children']);
  checkFlag(children, 'children');

  return forEach(
    context,
    which,
    'newest first',
    async (stores, rows, claims, full) => {
      const wall = context.ports.clock.wall();
      // A strange row is never written, so it is deleted at once, also while it runs.
      const running = rows.filter((row) => row.strange !== true && isClaimed(row, claims));
      const others = rows.filter((row) => !running.includes(row));
      // Without an outcome, a child would run as if its parent had succeeded.
      if (full && !(await hasChildrenLeft(stores, rows))) deleteTasks(stores, running);
      else await markCancelled(stores, rows, running, wall);
      deleteTasks(stores, others);
      await forgetPauses(stores, rows);
      await payAtOnce(stores, freedBy(others), wall, claims);

      return rows.map((row) => ({ ...toldOf(row), event: 'settled', state: 'cancelled' }));
    },
    children ? withChildren(seenIn(context)) : undefined,
  );
}

/** Writes what is kept of cancelled tasks: an outcome of each, and a mark in the rows of those that run. */
async function markCancelled(
  stores: Stores,
  rows: readonly TaskRow[],
  running: readonly TaskRow[],
  wall: number,
): Promise<void> {
  await Promise.all(rows.map((row) => keepOutcome(stores, outcomeOf(row, 'cancelled', wall))));
  for (const row of running) stores.tasks.put(cancelledWhileRunning(row));
  await deposeClaims(stores, running);
}

/**
 * Lets tasks run again at once that are dead or wait for their backoff: their counters, but not `attempts`, are set to
 * 0. Brings the probes of their gates forward. Resolves with how many tasks fit, once that is on disk.
 */
export function retry(context: BasketContext, which: string | Filter): Promise<number> {
  return forEach(context, which, 'oldest first', async (stores, rows, claims) => {
    for (const row of rows) if (!isClaimed(row, claims) && waitsForRetry(row)) stores.tasks.put(revived(row));

    const names = rows.map(({ gate }) => gate);
    for (const [name, gate] of await gatesNamed(stores, names)) {
      stores.state.put(gateForward(gate, context.ports.clock.wall()), stateKeys.gate(name));
    }

    return [];
  });
}

/** Whether a task is dead, backs off, or waits for a date of its handler. The date of an add is not changed. */
function waitsForRetry(row: TaskRow): boolean {
  const letter = row.strange === true ? undefined : readReady(row.ready)?.letter;

  return letter === '@' || letter === 'D' || (letter === '!' && row.attempts > 0);
}

type Find = (stores: Stores) => Promise<readonly TaskRow[]>;
/** `full`: the browser has no room, so only deletions are committed. */
type Change = (
  stores: Stores,
  rows: readonly TaskRow[],
  claims: readonly Claim[],
  full: boolean,
) => Promise<readonly Hint[]>;
/** Adds other tasks to those that were found. */
type Add = (stores: Stores, rows: readonly TaskRow[]) => Promise<readonly TaskRow[]>;

/**
 * Adds the children of rows, and the children of these. A task of nobody may have children of several owners; those are
 * left out that this context does not see.
 */
function withChildren(isSeen: (row: TaskRow) => boolean): Add {
  return async (stores, rows) => {
    const all = new Map(rows.map((row) => [row.seq, row]));
    for (let next = rows; next.length > 0;) {
      const families = await Promise.all(
        next.map(async ({ id, owner }) => {
          const children = await allChildrenOf(stores, id);

          return children.filter((row) => row.owner === owner || (owner === null && isSeen(row)));
        }),
      );
      next = families.flat().filter(({ seq }) => !all.has(seq));
      for (const row of next) all.set(row.seq, row);
    }

    return [...all.values()];
  };
}

/** Whether one of these tasks has a child that is none of them. */
async function hasChildrenLeft(stores: Stores, rows: readonly TaskRow[]): Promise<boolean> {
  const seqs = new Set(rows.map(({ seq }) => seq));
  const children = await Promise.all(rows.map(({ id }) => allChildrenOf(stores, id)));

  return children.flat().some(({ seq }) => !seqs.has(seq));
}

/** Changes one task by its id, or all that fit a filter, slice by slice. Each slice is durable by itself. */
async function forEach(
  context: BasketContext,
  which: string | Filter,
  order: Order,
  change: Change,
  add?: Add,
): Promise<number> {
  // The call may wait for others. What this context adds meanwhile is left alone.
  const isLater = madeAfter(context.newId());
  if (typeof which !== 'string') {
    const wanted = readCommand(context, which);

    return context.edits(undefined, () => changeAll(context, wanted, order, isLater, change, add));
  }
  const isSeen = seenIn(context);
  const find: Find = async (stores) => (await rowsOfIds(stores, [which])).filter(isSeen);
  // If it may change more than one task, it keeps the order of all edits.
  const id = add === undefined ? which : undefined;

  return context.edits(id, async () => (await changeSome(context, find, isLater, change, add)).length);
}

/**
 * Where a command begins that needs several transactions. A command that removes tasks begins with the newest. So the
 * tasks behind a head, and the children of a parent, are removed before it, and none of them starts meanwhile.
 */
type Order = 'oldest first' | 'newest first';

/**
 * Changes up to 256 tasks in one transaction. If more fit, all are read first, and then changed slice by slice. A task may
 * move between two readings to a key that was already read. So the keys are read again until no new task is found. Tasks
 * that are added meanwhile are not changed, nor those that this context has added since the call.
 */
export async function changeAll(
  context: BasketContext,
  wanted: Wanted,
  order: Order,
  isLater: IsLater,
  change: Change,
  add?: Add,
): Promise<number> {
  const done = new Set<number>();
  let newest: number | undefined;
  let first: IDBDatabase | undefined;
  const changeThese = async (find: (stores: Stores) => Promise<readonly number[]>): Promise<void> => {
    const next: Find = async (stores) => {
      const { db } = stores.tasks.transaction;
      // In a database that was deleted and made anew, the same numbers are those of other tasks.
      if (db !== (first ??= db)) throw closedMeanwhile();
      const rows = await rowsAt(stores, await find(stores));

      return rows.filter((row) => fits(row, wanted) && !done.has(row.seq) && !isLater(row.id));
    };
    for (const { seq } of await changeSome(context, next, isLater, change, add)) done.add(seq);
  };
  await changeThese(async (stores) => {
    const { seqs, next } = await readOn(stores, wanted, startOf(wanted), slice);
    newest = next === undefined ? undefined : await lastNumber(stores.tasks);

    return next === undefined ? seqs : [];
  });
  if (newest === undefined) return done.size;

  let before: number;
  do {
    before = done.size;
    const all = await seqsUpTo(context, wanted, newest);
    const sorted = all.filter((seq) => !done.has(seq)).sort((a, b) => (order === 'oldest first' ? a - b : b - a));
    for (let from = 0; from < sorted.length; from += slice)
      await changeThese(() => Promise.resolve(sorted.slice(from, from + slice)));
  } while (!isOrdered(wanted) && done.size > before);

  return done.size;
}

function closedMeanwhile(): TaskbasketError {
  const why = 'The database was closed, and maybe deleted, during the call, so some tasks may not be changed.';

  return new TaskbasketError('not-stored', `${why} Call it again for those.`);
}

/** The tasks that fit, each once, without those that were added later. */
async function seqsUpTo(context: BasketContext, wanted: Wanted, newest: number): Promise<readonly number[]> {
  const all = new Set<number>();
  for (let place: Place | undefined = startOf(wanted); place !== undefined;) {
    const from: Place = place;
    const found: Found = await read(context, ({ tasks }) => readOn({ tasks }, wanted, from, slice), ['tasks']);
    for (const seq of found.seqs) if (seq <= newest) all.add(seq);
    place = found.next;
  }

  return [...all];
}

/** Changes the rows that are found, in one transaction. */
function changeSome(
  context: BasketContext,
  find: Find,
  isLater: IsLater,
  change: Change,
  add?: Add,
): Promise<readonly TaskRow[]> {
  return edit(context, async (stores, full) => {
    let remaining = await withoutReplaced(context, stores, await find(stores), isLater, full);
    const hints = [...remaining.hints];
    if (add !== undefined) {
      const all = (await add(stores, remaining.found)).filter(({ id }) => !isLater(id));
      remaining = await withoutReplaced(context, stores, all, isLater, full);
      hints.push(...remaining.hints);
    }
    const { found, claims } = remaining;
    if (found.length > 0) hints.push(...(await change(stores, found, claims, full)));

    return { found, hints };
  });
}
