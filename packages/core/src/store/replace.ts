import { skippedMark } from '../pure/key.js';
import type { Claim, TaskRow } from '../pure/record.js';
import { laneOf, outcomeOf } from '../pure/record.js';
import { isMerged, withMerged } from '../pure/merge.js';
import type { AnyRegistry } from '../pure/registry.js';
import { isReplaceable } from '../pure/replaced.js';
import { seqsWith } from './find.js';
import { keepOutcome } from './outcomes.js';
import { hasChildren, moveChildren } from './parents.js';
import { forgetPauses } from './pauses.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import { deleteTasks, rowsIn } from './rows.js';
import { marksIndex } from './setup.js';

/** A task that was deleted, because another task took its place. */
export interface Replaced {
  readonly row: TaskRow;
  /** The row of that other task as it is now: it may have a merged payload. */
  readonly by: TaskRow;
}

/**
 * Deletes the tasks of a key that a later task of the key replaces, and stores how each ended. Several in a row are
 * replaced by the last of them, and their children wait for that one. If their type has a `merge`, the last one gets
 * the payload that is made of all of them, in the same transaction. The caller pays their lanes, and tells of it.
 */
export async function replaceEarlier(
  stores: Stores,
  registry: AnyRegistry,
  key: string,
  claims: readonly Claim[],
  at: number,
): Promise<readonly Replaced[]> {
  const found = rowsIn(await answer(stores.tasks.index(marksIndex).getAll(key)));
  const rows = [...found];
  const isLinked: boolean[] = [];
  for (const [place, next] of found.slice(1).entries()) {
    // The row as it is now: what was merged into it decides what may take its place.
    const row = rows[place] as TaskRow;
    const follows = await isLink(stores, row, next, claims);
    const by = follows && isMerged(row, next) ? withMerged(registry, row, next, at) : next;
    isLinked.push(follows && by !== undefined);
    rows[place + 1] = by ?? next;
  }
  const replaced = rows.flatMap((row, place) => {
    if (isLinked[place] !== true) return [];
    const last = isLinked.indexOf(false, place);

    return { row, by: rows.at(last) as TaskRow };
  });
  for (const by of new Set(replaced.map((one) => one.by))) if (!found.includes(by)) stores.tasks.put(by);
  const ends = replaced.map(({ row, by }) => keepOutcome(stores, { ...outcomeOf(row, 'replaced', at), by: by.id }));
  deleteTasks(
    stores,
    replaced.map(({ row }) => row),
  );
  await Promise.all([...ends, moveChildren(stores, replaced)]);
  await forgetPauses(
    stores,
    replaced.map(({ row }) => row),
  );

  return replaced;
}

/** Whether a task may take the place of the one before it. A task for which another one waits is not merged. */
async function isLink(stores: Stores, row: TaskRow, next: TaskRow, claims: readonly Claim[]): Promise<boolean> {
  if (!isReplaceable(row, next, claims) || (await isBetween(stores, row, next))) return false;

  return !isMerged(row, next) || !(await hasChildren(stores, row.id));
}

/** Whether another task of the lane is between two, also a dead one that has left the lane and may come back. */
async function isBetween({ tasks }: Pick<Stores, 'tasks'>, row: TaskRow, next: TaskRow): Promise<boolean> {
  const lane = laneOf(row);
  if (lane === undefined) return false;
  const index = tasks.index(marksIndex);
  const marks = [lane, skippedMark(row.owner, row.lane ?? '')];
  const [inLane = [], skipped = []] = await Promise.all(marks.map((mark) => seqsWith(index, mark, row.seq, 1)));

  return [...inLane, ...skipped].some((seq) => seq < next.seq);
}
