import { above, beyond, idMark, laneMark, ownerOfLane, parentMark, skippedMark, unescaped } from '../pure/key.js';
import type { Owner } from '../pure/owner.js';
import type { Wanted } from '../pure/query.js';
import { fits, hasMarks, isOrdered, stepAt } from '../pure/query.js';
import type { Stores } from './requests.js';
import { answer, walk } from './requests.js';
import { rowsAt } from './rows.js';
import { marksIndex, readyIndex } from './setup.js';

/** How far a reader has come: to a `seq`, if tasks are found in that order, or else to a key of the index of states. */
export type Place = number | readonly [ready: string, seq?: number];

/** What a reader found. */
export interface Found {
  /** In the order of `seq` if the filter is ordered. `fits` says of each row whether it really fits. */
  readonly seqs: readonly number[];
  /** Where to read on. `undefined`: everything was read. */
  readonly next: Place | undefined;
}

/** How many steps from key to key one call makes at most, because each step is a request. */
const stepsAtOnce = 64;

type Tasks = Pick<Stores, 'tasks'>;

/** Where the reading of a filter's tasks begins. */
export function startOf(wanted: Wanted, cursor: number = Number.NEGATIVE_INFINITY): Place {
  return isOrdered(wanted) ? cursor : [''];
}

/** Reads on: at most `most` tasks of a filter, in a time that does not grow with the number of other tasks. */
export function readOn(stores: Tasks, wanted: Wanted, from: Place, most: number): Promise<Found> {
  if (typeof from !== 'number') return byState(stores, wanted, from, most);

  return hasMarks(wanted) ? byMarks(stores, wanted, from, most) : byOrder(stores, from, most);
}

async function byOrder({ tasks }: Tasks, from: number, most: number): Promise<Found> {
  const range = IDBKeyRange.bound(from, Number.POSITIVE_INFINITY, true);
  const seqs = (await answer(tasks.getAllKeys(range, most))) as number[];

  return { seqs, next: seqs.length < most ? undefined : seqs.at(-1) };
}

/** Finds the rows of an id, a parent or a lane by their marks. */
async function byMarks(stores: Tasks, wanted: Wanted, from: number, most: number): Promise<Found> {
  const index = stores.tasks.index(marksIndex);
  const marks = await marksOf(index, wanted);
  const found = (await Promise.all(marks.map((mark) => seqsWith(index, mark, from, most)))).flat();
  const seqs = [...new Set(found)].sort((one, other) => one - other).slice(0, most);
  const rows = await rowsAt(stores, seqs);

  return {
    seqs: rows.filter((row) => fits(row, wanted)).map(({ seq }) => seq),
    next: seqs.length < most ? undefined : seqs.at(-1),
  };
}

/** The marks that find the rows. Dead rows that have left a lane have another mark than those in it. */
async function marksOf(index: IDBIndex, { owners: asked, lane = '', parent, id }: Wanted): Promise<readonly string[]> {
  if (id !== undefined) return [idMark(id)];
  if (parent !== undefined) return [parentMark(parent)];
  const owners = asked?.map(({ owner }) => owner) ?? (await ownersWithLanes(index));

  return owners.flatMap((owner) => [laneMark(owner, lane), skippedMark(owner, lane)]);
}

/** Every owner who has a task in a lane, or one that has left its lane. Each takes one step. */
export async function ownersWithLanes(index: IDBIndex): Promise<readonly Owner[]> {
  const owners = new Set<string>();
  const ownersUnder = (letter: 'L' | 'S'): Promise<void> =>
    walk(index.openKeyCursor(IDBKeyRange.bound(letter, above(letter))), (cursor) => {
      const owner = ownerOfLane(cursor.key as string);
      owners.add(owner);
      cursor.continue(beyond(`${letter}${owner}`));

      return true;
    });
  await Promise.all([ownersUnder('L'), ownersUnder('S')]);

  return [...owners].map((owner) => (owner === '' ? null : unescaped(owner)));
}

/**
 * Finds the rows of a mark after a `seq`, in order, at most `most`. No range of a multi-entry index begins within a mark,
 * so a cursor goes from row to row. Numbers come first; a row whose key is no number is left out.
 */
export async function seqsWith(index: IDBIndex, mark: string, from: number, most: number): Promise<readonly number[]> {
  const seqs: number[] = [];
  await walk(index.openKeyCursor(mark), (cursor) => {
    const seq = cursor.primaryKey;
    if (typeof seq !== 'number') return false;
    if (seq > from) seqs.push(seq);
    if (seq < from) cursor.continuePrimaryKey(mark, from);
    else cursor.continue();

    return seqs.length < most;
  });

  return seqs;
}

/** Goes from key to key of the index of states, as `stepAt` says. */
async function byState({ tasks }: Tasks, wanted: Wanted, from: Place, most: number): Promise<Found> {
  const index = tasks.index(readyIndex);
  const seqs: number[] = [];
  let place = from;
  for (let steps = 0; steps < stepsAtOnce && seqs.length < most; steps += 1) {
    const cursor = await answer(index.openKeyCursor(IDBKeyRange.lowerBound(place, true)));
    const [ready] = (cursor?.key ?? []) as readonly unknown[];
    // All keys of the library are strings. A key that comes after all strings was not written by the library.
    if (typeof ready !== 'string') return { seqs, next: undefined };

    const step = stepAt(ready, wanted);
    place = [step.next];
    if (step.from === undefined) continue;
    const range = IDBKeyRange.bound((cursor as IDBCursor).key, [step.next], false, true);
    const left = most - seqs.length;
    const found = (await answer(index.getAllKeys(range, left))) as number[];
    seqs.push(...found.filter(Number.isFinite));
    if (found.length === left) place = await keyOfRow(tasks, found.at(-1));
  }

  return { seqs, next: place };
}

/** The key of a row in the index of states. */
async function keyOfRow(tasks: IDBObjectStore, seq: number | undefined): Promise<Place> {
  const row = (await answer(tasks.get(seq ?? 0))) as { readonly ready: string; readonly seq: number };

  return [row.ready, row.seq];
}
