import { TaskbasketError } from '../../pure/errors.js';
import { laneMark, skippedMark } from '../../pure/key.js';
import { isDead, isPresent } from '../../pure/state.js';
import { checkOneOf, checkParts, checkWhole, wrongOption } from '../../pure/options.js';
import type { TaskRow } from '../../pure/record.js';
import { rowOf } from '../../pure/stored.js';
import type { Stores } from '../../store/requests.js';
import { behind, prefixesOf } from '../../store/by-state.js';
import { answer, walk } from '../../store/requests.js';
import { rowsAfter } from '../../store/rows.js';
import { marksIndex, readyIndex } from '../../store/setup.js';

/** Which tasks; all parts must fit. */
export interface Filter<Name extends string = string> {
  readonly type?: Name | readonly Name[] | undefined;
  readonly state?: 'queued' | 'dead' | undefined;
  readonly lane?: string | undefined;
}

/** What to list; all parts must fit. */
export interface Query<Name extends string = string> extends Filter<Name> {
  /** Only those added after the one with this `seq`: the last of the page before. */
  readonly after?: number | undefined;
  /** How many at most. Default 100, at most 1,000. */
  readonly limit?: number | undefined;
}

/** How many tasks a page has if its query does not say. */
export const pageSize = 100;

/** Rows are read in slices of so many until the page is full. */
const slice = 256;

type TaskStore = Pick<Stores, 'tasks'>;

const filters = ['type', 'state', 'lane'];

/**
 * Refuses a filter that can't be, and one of which a part is undefined: that would mean all, and what is cancelled does
 * not come back.
 *
 * @throws TaskbasketError `option`.
 */
export function checkFilter(which: Filter): void {
  checkParts(which, 'What is not an id is a query ({}: all tasks), which', filters);
  checkQuery(which);
  const [part] = Object.entries(which).find(([, value]) => value === undefined) ?? [];
  if (part === undefined) return;

  throw new TaskbasketError('option', `The query's ${part} is undefined, which would mean all. Leave it out for that.`);
}

/**
 * Refuses a query that can't be.
 *
 * @throws TaskbasketError `option`.
 */
export function checkQuery(query: Query): void {
  checkParts(query, 'A query', [...filters, 'after', 'limit']);
  const { limit = pageSize, after = 0, state, lane } = query;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
    throw wrongOption("A query's limit", 'a whole number from 1 to 1,000', limit);
  }
  checkWhole(after, "A query's after, the seq of a task,", 0);
  if (state !== undefined) checkOneOf(state, "A query's state", ['queued', 'dead']);
  if (lane !== undefined && typeof lane !== 'string') throw wrongOption("A query's lane", 'a string', lane);
  const types: readonly unknown[] = query.type === undefined ? [] : [query.type].flat();
  if (types.some((type) => typeof type !== 'string'))
    throw wrongOption("A query's type", 'a name, or a list of names', types);
}

/** The rows that fit, in the order of `seq`, after `query.after`; as many as `limit` at most. */
export async function rowsOf(stores: TaskStore, query: Query, limit: number): Promise<readonly TaskRow[]> {
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

async function sliceOf(stores: TaskStore, { lane, state }: Query, after: number): Promise<readonly TaskRow[]> {
  if (lane === undefined && state !== 'dead') return rowsAfter(stores, after, slice);

  const { tasks } = stores;
  const seqs = lane === undefined ? await deadOnes(stores, after) : await ofLane(tasks, lane, after);
  const first = [...new Set(seqs)].sort((one, other) => one - other).slice(0, slice);

  const values = await Promise.all(first.map((seq) => answer(tasks.get(seq))));

  return values.map(rowOf).filter((row) => row !== undefined);
}

/** The dead of each route, whose keys lie together in the order of `seq`: not one step over what is alive. */
async function deadOnes(stores: TaskStore, after: number): Promise<readonly number[]> {
  const index = stores.tasks.index(readyIndex);
  const prefixes = await prefixesOf(stores, 'D');
  const seqs = prefixes.map(({ prefix }) => answer(index.getAllKeys(behind(prefix, after), slice)));

  return (await Promise.all(seqs)).flat() as number[];
}

/** A lane's rows are found by its mark, in the order of `seq`, and those that left it dead by another. */
async function ofLane(tasks: IDBObjectStore, lane: string, after: number): Promise<readonly number[]> {
  const marks = [laneMark(null, lane), skippedMark(null, lane)];

  return (await Promise.all(marks.map((mark) => withMark(tasks.index(marksIndex), mark, after)))).flat();
}

/** A multi-entry index has no range behind one of a mark's rows: it is walked. */
async function withMark(index: IDBIndex, mark: string, after: number): Promise<readonly number[]> {
  const seqs: number[] = [];
  await walk(index.openKeyCursor(mark), (cursor) => {
    const seq = cursor.primaryKey as number;
    if (seq <= after) {
      cursor.continuePrimaryKey(mark, after + 1);

      return true;
    }
    seqs.push(seq);
    cursor.continue();

    return seqs.length < slice;
  });

  return seqs;
}

/** Whether a row is one of those asked for, whatever its place. */
export function fits(row: TaskRow, { type, state }: Filter): boolean {
  return (
    isPresent(row) &&
    (type === undefined || [type].flat().includes(row.type)) &&
    (state === undefined || (state === 'dead') === isDead(row))
  );
}
