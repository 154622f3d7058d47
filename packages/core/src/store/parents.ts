import { above, idMark, parentMark } from '../pure/key.js';
import type { Owner } from '../pure/owner.js';
import type { Parent } from '../pure/parents.js';
import type { Claim, TaskRow } from '../pure/record.js';
import { isPresent, stateOf } from '../pure/state.js';
import { outcomeIn } from '../pure/stored.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import { firstWith, outcomeOfId, rowsIn } from './rows.js';
import { marksIndex } from './setup.js';

/** Reads what has become of the parents of a row, in the order in which it names them. */
export function parentsOf(
  stores: Pick<Stores, 'tasks' | 'outcomes'>,
  row: TaskRow,
  claims: readonly Claim[],
): Promise<readonly Parent[]> {
  return Promise.all((row.after ?? []).map((id) => parentOf(stores, row, id, claims)));
}

/**
 * Reads one parent. A task of another owner is none. A child does not wait for a task that was added after it: every
 * task waits for earlier ones only, in its lane too, so no two can wait for each other. A parent may have been replaced
 * any number of times; strange outcomes may lead round in a circle.
 */
async function parentOf(
  stores: Pick<Stores, 'tasks' | 'outcomes'>,
  child: TaskRow,
  named: string,
  claims: readonly Claim[],
): Promise<Parent> {
  let id = named;
  for (const seen = new Set<string>(); !seen.has(id);) {
    seen.add(id);
    const row = await firstWith(stores, idMark(id));
    // A claim stands for its task until it ends, also if the task was cancelled, or its row is gone.
    const claim = claims.find((one) => one.id === id);
    const { seq = 0 } = row ?? claim ?? {};
    if (isOfOther(row, child) || (id === named && seq >= child.seq)) break;
    if (claim !== undefined) return { id, state: 'running' };
    if (isPresent(row)) return { id, state: stateAsParent(row) };

    const end = await outcomeOfId(stores, id);
    if (end === undefined || isOfOther(end, child) || (id === named && (end.seq ?? 0) >= child.seq)) break;
    if (end.state === 'done') return { id, state: 'ended', result: end.result };
    if (end.state !== 'replaced' || end.by === undefined) return { id, state: 'cancelled' };
    id = end.by;
  }

  return { id, state: 'ended' };
}

/** The number of a task that is there, or that was replaced; 0: of any other one. */
export async function seqOfId(stores: Pick<Stores, 'tasks' | 'outcomes'>, id: string): Promise<number> {
  const row = await firstWith(stores, idMark(id));

  return row?.seq ?? (await outcomeOfId(stores, id))?.seq ?? 0;
}

/** Whether it belongs to another owner than the child. What belongs to nobody may be anybody's parent. */
function isOfOther(one: { readonly owner: Owner } | undefined, child: TaskRow): boolean {
  return one !== undefined && one.owner !== null && one.owner !== child.owner;
}

function stateAsParent(row: TaskRow): Parent['state'] {
  const state = stateOf(row);

  return state === 'dead' || state === 'unreadable' ? state : 'queued';
}

/** Reads the children of these tasks. If no task waits for any, that takes one request. */
export async function childrenOf(stores: Pick<Stores, 'tasks'>, ids: readonly string[]): Promise<readonly TaskRow[]> {
  if (ids.length === 0 || !(await isAnyChild(stores))) return [];
  const index = stores.tasks.index(marksIndex);
  const found = await Promise.all(ids.map((id) => answer(index.getAll(parentMark(id)))));

  return found.flatMap(rowsIn);
}

/**
 * Reads the children of a task, also those that name a task of which it has taken the place: such a child may have been
 * added since, and not checked yet.
 */
export async function allChildrenOf(
  stores: Pick<Stores, 'tasks' | 'outcomes'>,
  id: string,
): Promise<readonly TaskRow[]> {
  if (!(await isAnyChild(stores))) return [];
  const ids = new Set([id]);
  for (const name of ids) {
    const replaced = await answer(stores.outcomes.index(marksIndex).getAll(parentMark(name)));
    for (const one of replaced.flatMap((row) => outcomeIn(row) ?? [])) ids.add(one.id);
  }

  return childrenOf(stores, [...ids]);
}

/**
 * Lets the children of tasks wait for the tasks that replaced these: the end of such a task then brings them back.
 * Resolves with their rows as they are now.
 */
export async function moveChildren(
  stores: Pick<Stores, 'tasks'>,
  replaced: readonly { readonly row: TaskRow; readonly by: TaskRow }[],
): Promise<readonly TaskRow[]> {
  const moves = new Map(replaced.map(({ row, by }) => [parentMark(row.id), parentMark(by.id)]));
  const children = await childrenOf(
    stores,
    replaced.map(({ row }) => row.id),
  );
  const moved = children
    .filter(({ strange }) => strange !== true)
    .map((child) => {
      const marks = new Set([...child.marks, ...child.marks.flatMap((mark) => moves.get(mark) ?? [])]);

      return { ...child, marks: [...marks] };
    });
  for (const child of moved) stores.tasks.put(child);

  return moved;
}

/** Whether any task has a parent. */
export async function isAnyChild({ tasks }: Pick<Stores, 'tasks'>): Promise<boolean> {
  const range = IDBKeyRange.bound('W', above('W'), false, true);

  return (await answer(tasks.index(marksIndex).getKey(range))) !== undefined;
}

/** Whether a task has children. */
export async function hasChildren({ tasks }: Pick<Stores, 'tasks'>, id: string): Promise<boolean> {
  return (await answer(tasks.index(marksIndex).getKey(parentMark(id)))) !== undefined;
}
