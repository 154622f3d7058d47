import { skippedMark } from '../pure/key.js';
import type { Claim, TaskRow } from '../pure/record.js';
import { laneOf, outcomeOf } from '../pure/record.js';
import { isReplaceable } from '../pure/replaced.js';
import { seqsWith } from './find.js';
import { keepOutcome } from './outcomes.js';
import { moveChildren } from './parents.js';
import { forgetPauses } from './pauses.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import { deleteTasks, rowsIn } from './rows.js';
import { marksIndex } from './setup.js';

/** A task that was deleted, because the task with the id `by` took its place. */
export interface Replaced {
  readonly row: TaskRow;
  readonly by: string;
}

/**
 * Deletes the tasks of a key that a later task of the key replaces, and stores how each ended. Several in a row are
 * replaced by the last of them, and their children wait for that one. The caller pays their lanes, and tells of it.
 */
export async function replaceEarlier(
  stores: Stores,
  key: string,
  claims: readonly Claim[],
  at: number,
): Promise<readonly Replaced[]> {
  const rows = rowsIn(await answer(stores.tasks.index(marksIndex).getAll(key)));
  const links = rows.slice(0, -1).map(async (row, place): Promise<boolean> => {
    const next = rows[place + 1] as TaskRow;

    return isReplaceable(row, next, claims) && !(await isBetween(stores, row, next));
  });
  const isLinked = await Promise.all(links);
  const replaced = rows.flatMap((row, place) => {
    if (isLinked[place] !== true) return [];
    const last = isLinked.indexOf(false, place);

    return { row, by: (rows.at(last) as TaskRow).id };
  });
  const ends = replaced.map(({ row, by }) => keepOutcome(stores, { ...outcomeOf(row, 'replaced', at), by }));
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

/** Whether another task of the lane is between two, also a dead one that has left the lane and may come back. */
async function isBetween({ tasks }: Pick<Stores, 'tasks'>, row: TaskRow, next: TaskRow): Promise<boolean> {
  const lane = laneOf(row);
  if (lane === undefined) return false;
  const index = tasks.index(marksIndex);
  const marks = [lane, skippedMark(row.owner, row.lane ?? '')];
  const [inLane = [], skipped = []] = await Promise.all(marks.map((mark) => seqsWith(index, mark, row.seq, 1)));

  return [...inLane, ...skipped].some((seq) => seq < next.seq);
}
