import type { IsLater } from '../ports/ids.js';
import { parentMark, skippedMark } from '../pure/key.js';
import type { Claim, TaskRow } from '../pure/record.js';
import { laneMarkOf, outcomeOf } from '../pure/record.js';
import { isMerged, withMerged } from '../pure/merge.js';
import type { AnyRegistry } from '../pure/registry.js';
import { isReplaceable } from '../pure/replaced.js';
import { seqsWith } from './find.js';
import { keepOutcome } from './outcomes.js';
import { allChildrenOf, moveChildren, seqOfId } from './parents.js';
import { forgetPauses } from './pauses.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import { deleteTasks, rowsIn } from './rows.js';
import { marksIndex } from './setup.js';

/** A task that was deleted, because another task took its place. */
export interface Replaced {
  readonly row: TaskRow;
  readonly by: TaskRow;
}

/** What a transaction replaced. */
export interface Replacing {
  readonly replaced: readonly Replaced[];
  /** The other rows that it wrote, as they are now, by `seq`. A row that was read before lacks the new payload or marks. */
  readonly written: ReadonlyMap<number, TaskRow>;
}

/**
 * Deletes the tasks of some keys that a later task of the key replaces, and stores how each ended. Several in a row are
 * replaced by the last of them, and their children wait for that one. If their type has a `merge`, the last one gets
 * the payload that is made of all of them, in the same transaction. A task that `isLater` takes no place yet. The caller
 * pays their lanes, and tells of it.
 */
export async function replaceEarlier(
  stores: Stores,
  registry: AnyRegistry,
  keys: readonly string[],
  claims: readonly Claim[],
  at: number,
  isLater: IsLater = () => false,
): Promise<Replacing> {
  const { replaced, merged } = await findReplaced(stores, registry, keys, claims, at, isLater);
  for (const by of merged) stores.tasks.put(by);
  const ends = replaced.map(({ row, by }) => {
    const outcome = outcomeOf(row, 'replaced', at);

    // With this mark, `allChildrenOf` finds the children of this task as those of the task that took its place.
    return keepOutcome(stores, { ...outcome, marks: [...outcome.marks, parentMark(by.id)], by: by.id, seq: row.seq });
  });
  const rows = replaced.map(({ row }) => row);
  deleteTasks(stores, rows);
  // All at once: a child may have parents with different keys, and a second move would undo the first one.
  const [moved] = await Promise.all([moveChildren(stores, replaced), ...ends]);
  await forgetPauses(stores, rows);

  return { replaced, written: new Map([...merged, ...moved].map((row) => [row.seq, row])) };
}

/** The tasks that later ones replace, and the rows into which others are merged. */
interface Links {
  readonly replaced: readonly Replaced[];
  readonly merged: readonly TaskRow[];
}

/** Finds the tasks of some keys that a later task of the key replaces. Writes nothing. */
export async function findReplaced(
  stores: Stores,
  registry: AnyRegistry,
  keys: readonly string[],
  claims: readonly Claim[],
  at: number,
  isLater: IsLater,
): Promise<Links> {
  const links = await Promise.all(keys.map((key) => linksOf(stores, registry, key, claims, at, isLater)));

  return { replaced: links.flatMap((one) => one.replaced), merged: links.flatMap((one) => one.merged) };
}

/** Which tasks of a key are replaced, and the rows into which others are merged. */
async function linksOf(
  stores: Stores,
  registry: AnyRegistry,
  key: string,
  claims: readonly Claim[],
  at: number,
  isLater: IsLater,
): Promise<Links> {
  const all = rowsIn(await answer(stores.tasks.index(marksIndex).getAll(key)));
  const found = all.filter(({ id }) => !isLater(id));
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

  return { replaced, merged: [...new Set(replaced.map(({ by }) => by))].filter((by) => !found.includes(by)) };
}

/** Whether a task may take the place of the one before it. A task for which another one waits is not merged. */
async function isLink(stores: Stores, row: TaskRow, next: TaskRow, claims: readonly Claim[]): Promise<boolean> {
  if (!isReplaceable(row, next, claims) || (await isBetween(stores, row, next))) return false;

  return !isMerged(row, next) || (await allChildrenOf(stores, row.id)).length === 0;
}

/**
 * Whether another task of the lane is between two, also a dead one that has left the lane and may come back; or a parent
 * of both, for which only the later one waits: that parent may wait for the earlier one.
 */
async function isBetween(stores: Stores, row: TaskRow, next: TaskRow): Promise<boolean> {
  const index = stores.tasks.index(marksIndex);
  const lane = laneMarkOf(row);
  const marks = lane === undefined ? [] : [lane, skippedMark(row.owner, row.lane ?? '')];
  const inLane = marks.map((mark) => seqsWith(index, mark, row.seq, 1));
  const parents = (row.after ?? []).map((id) => seqOfId(stores, id));
  const found = await Promise.all([...inLane, ...parents]);

  return found.flat().some((seq) => seq > row.seq && seq < next.seq);
}
