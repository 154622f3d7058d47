import { readReady } from '../pure/key.js';
import { laneMark, letters } from '../pure/key.js';
import { isPromiseLike } from '../pure/codec.js';
import { TaskbasketError } from '../pure/errors.js';
import type { GateRow } from '../pure/gate.js';
import type { RunnerRow, TaskRow } from '../pure/record.js';
import { findType } from '../pure/registry.js';
import type { TaskView } from '../pure/view.js';
import { taskView } from '../pure/view.js';
import type { Stores } from '../store/requests.js';
import { answer } from '../store/requests.js';
import { gateRows, payloadOf, rowOfId, runnerRow } from '../store/rows.js';
import { marksIndex } from '../store/setup.js';
import { look } from '../store/transact.js';
import type { BasketContext } from './context.js';

/** What to list; all parts must fit. */
export interface Query<Name extends string = string> {
  readonly type?: Name | readonly Name[] | undefined;
  readonly state?: 'queued' | 'dead' | undefined;
  readonly lane?: string | undefined;
  /** Only those added after the one with this `seq`: the last of the page before. */
  readonly after?: number | undefined;
  /** How many at most. Default 100, at most 1,000. */
  readonly limit?: number | undefined;
}

/** How many tasks a page has if its query does not say. */
const pageSize = 100;

/** Rows are read in slices of so many until the page is full. */
const slice = 256;

/** A row with the stored payload that belongs to it, as read in one transaction. */
interface Loaded {
  readonly row: TaskRow;
  readonly stored: unknown;
  readonly lost: boolean;
}

/** One task, or `undefined`: it is done, cancelled, or never was. */
export async function get(context: BasketContext, id: string): Promise<TaskView | undefined> {
  return (
    await views(context, async (stores) => {
      const row = await rowOfId(stores, id);

      return row === undefined || row.cancelled === true ? [] : [row];
    })
  )[0];
}

/** The tasks that fit, in the order in which they were added. */
export async function list(context: BasketContext, query: Query = {}): Promise<readonly TaskView[]> {
  checkQuery(query);

  return views(context, (stores) => rowsOf(stores, query, query.limit ?? pageSize));
}

/** One page, and whether there is more. */
export async function page(
  context: BasketContext,
  query: Query,
): Promise<{ readonly tasks: readonly TaskView[]; readonly more: boolean }> {
  const { limit = pageSize } = query;
  const found = await views(context, (stores) => rowsOf(stores, query, limit + 1));

  return { tasks: found.slice(0, limit), more: found.length > limit };
}

/**
 * Refuses a query that can't be.
 *
 * @throws TaskbasketError `option`.
 */
export function checkQuery({ limit = pageSize, after = 0, state }: Query): void {
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
    throw wrong(`A query's limit is a whole number from 1 to 1,000; this one is ${String(limit)}.`);
  }
  if (!Number.isSafeInteger(after) || after < 0) {
    throw wrong(`A query's after is the seq of a task, a whole number; this one is ${String(after)}.`);
  }
  if (state !== undefined && state !== 'queued' && state !== 'dead') {
    throw wrong(`A query's state is "queued" or "dead"; this one is "${String(state)}".`);
  }
}

function wrong(message: string): TaskbasketError {
  return new TaskbasketError('option', message);
}

async function rowsOf(stores: Stores, query: Query, limit: number): Promise<readonly TaskRow[]> {
  const found: TaskRow[] = [];
  let after = query.after ?? 0;

  for (;;) {
    const rows = await sliceOf(stores, query, after);
    for (const row of rows) {
      if (fits(row, query)) found.push(row);
      if (found.length === limit) return found;
    }

    const last = rows.at(-1);
    if (last === undefined || rows.length < slice) return found;
    after = last.seq;
  }
}

async function sliceOf(stores: Stores, query: Query, after: number): Promise<readonly TaskRow[]> {
  if (query.lane === undefined) {
    return (await answer(stores.tasks.getAll(IDBKeyRange.lowerBound(after, true), slice))) as readonly TaskRow[];
  }

  const keys = await keysOfLane(stores.tasks.index(marksIndex), laneMark(null, query.lane), after);

  return Promise.all(keys.map((key) => answer(stores.tasks.get(key)) as Promise<TaskRow>));
}

/** A lane's rows are found by its mark, in the order of `seq`; a multi-entry index has no range behind one of them. */
async function keysOfLane(index: IDBIndex, lane: string, after: number): Promise<readonly number[]> {
  const keys: number[] = [];
  const request = index.openKeyCursor(lane);
  await new Promise<void>((resolve, reject) => {
    request.addEventListener('error', () => reject(request.error));
    request.addEventListener('success', () => {
      const cursor = request.result;
      if (cursor === null || keys.length === slice) {
        resolve();

        return;
      }

      const seq = cursor.primaryKey as number;
      if (seq <= after) {
        cursor.continuePrimaryKey(lane, after + 1);

        return;
      }
      keys.push(seq);
      cursor.continue();
    });
  });

  return keys;
}

function fits(row: TaskRow, query: Query): boolean {
  if (row.cancelled === true) return false;

  const types = query.type === undefined ? undefined : [query.type].flat();
  const dead = readReady(row.ready)?.letter === 'D';

  return (types?.includes(row.type) ?? true) && (query.state === undefined || (query.state === 'dead') === dead);
}

async function views(
  context: BasketContext,
  find: (stores: Stores) => Promise<readonly TaskRow[]>,
): Promise<readonly TaskView[]> {
  const { loaded, runner, gates } = await look(context, async (stores) => {
    const [rows, leads, closed] = await Promise.all([find(stores), runnerRow(stores), gateRows(stores)]);

    return { loaded: await Promise.all(rows.map((row) => load(stores, row))), runner: leads, gates: closed };
  });

  return Promise.all(loaded.map((one) => viewOf(context, one, runner, gates)));
}

async function load(stores: Stores, row: TaskRow): Promise<Loaded> {
  if (row.ref === undefined) return { row, stored: row.payload, lost: false };

  const found = await payloadOf(stores, row.ref);

  return 'lost' in found ? { row, stored: undefined, lost: true } : { row, stored: found.value, lost: false };
}

async function viewOf(
  context: BasketContext,
  loaded: Loaded,
  runner: RunnerRow | undefined,
  gates: ReadonlyMap<string, GateRow>,
): Promise<TaskView> {
  const { row } = loaded;

  const wall = context.ports.clock.wall();

  return taskView(row, { runner, gate: gates.get(row.gate), wall, read: await decoded(context, loaded) });
}

/** The payload, or nothing if this build can't read it; the task is kept in any case. */
async function decoded(
  context: BasketContext,
  { row, stored, lost }: Loaded,
): Promise<{ payload: unknown } | undefined> {
  const type = findType(context.registry, row.type);
  if (type === undefined || type.version !== row.version || lost || !isKnown(row)) return undefined;

  try {
    const payload = type.codec.decode(stored);

    return { payload: isPromiseLike(payload) ? await payload : payload };
  } catch {
    return undefined;
  }
}

function isKnown(row: TaskRow): boolean {
  return letters.some((letter) => row.ready.startsWith(letter));
}
