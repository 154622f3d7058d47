import type { GateRow } from '../pure/gate.js';
import { cancelledMark, idMark } from '../pure/key.js';
import type { Owner } from '../pure/owner.js';
import type { Claim, OutcomeRow, RunnerRow, TaskRow } from '../pure/record.js';
import { stateKeys } from '../pure/record.js';
import { isPresent } from '../pure/state.js';
import { gatesOf, numbersIn, outcomeIn, ownerIn, rowOf, runnerOf } from '../pure/stored.js';
import { deletePayload, readable } from './payloads.js';
import type { Stores } from './requests.js';
import { answer, keysFrom } from './requests.js';
import { marksIndex } from './setup.js';

/** Reads the row of a task by its id. `undefined`: there is none, or the task was cancelled. */
export async function rowOfId(stores: Pick<Stores, 'tasks'>, id: string): Promise<TaskRow | undefined> {
  const row = await firstWith(stores, idMark(id));

  return isPresent(row) ? row : undefined;
}

/** Reads the rows of tasks by their ids. Rows that are not there are left out. */
export async function rowsOfIds(stores: Pick<Stores, 'tasks'>, ids: readonly string[]): Promise<readonly TaskRow[]> {
  return (await Promise.all(ids.map((id) => rowOfId(stores, id)))).filter(isPresent);
}

/** The rows among values, without those of cancelled tasks. */
export function rowsIn(values: readonly unknown[]): readonly TaskRow[] {
  return values.map(rowOf).filter(isPresent);
}

/** Reads at most `most` rows after a `seq`, in order, also those of tasks that were cancelled while they run. */
export async function rowsAfter(
  { tasks }: Pick<Stores, 'tasks'>,
  seq: number,
  most: number,
): Promise<readonly TaskRow[]> {
  const values = await answer(tasks.getAll(IDBKeyRange.bound(seq, Number.POSITIVE_INFINITY, true), most));

  return values.map(rowOf).filter((row) => row !== undefined);
}

/** Reads the rows of tasks that were cancelled while they run. */
export async function cancelledRows({ tasks }: Pick<Stores, 'tasks'>): Promise<readonly TaskRow[]> {
  const values = await answer(tasks.index(marksIndex).getAll(cancelledMark));

  return values.map(rowOf).filter((row) => row !== undefined);
}

/** Reads the rows of these `seq`, in order. Rows that are not there are left out. */
export async function rowsAt({ tasks }: Pick<Stores, 'tasks'>, seqs: readonly number[]): Promise<readonly TaskRow[]> {
  const runs = runsOf(seqs).map(({ first, last }) => answer(tasks.getAll(IDBKeyRange.bound(first, last))));

  return (await Promise.all(runs)).flatMap(rowsIn);
}

/** The part of an outcome that is told. */
export type StoredOutcome = Pick<OutcomeRow, 'owner' | 'state' | 'result' | 'unstorable' | 'by' | 'seq'>;

/**
 * Reads the outcome of a task. If the browser can no longer read it, the outcome had a result: nothing else in an
 * outcome is so large that the browser keeps it in a file of its own.
 */
export async function outcomeOfId(stores: Pick<Stores, 'outcomes'>, id: string): Promise<StoredOutcome | undefined> {
  const index = stores.outcomes.index(marksIndex);
  const mark = idMark(id);
  const found = await readable(index.get(mark));
  if ('value' in found) return outcomeIn(found.value);

  // If its key cannot be read either, this rejects, because more than one value is lost.
  const key = await answer(index.getKey(mark));

  return key === undefined
    ? undefined
    : { owner: null, state: 'done', unstorable: 'The browser can no longer read it.' };
}

/** Reads the row of a claim as it is now, also if its task was cancelled meanwhile. `undefined`: there is none. */
export async function claimedRow(
  stores: Pick<Stores, 'tasks'>,
  claim: { readonly seq: number; readonly id: string },
): Promise<TaskRow | undefined> {
  const row = rowOf(await answer(stores.tasks.get(claim.seq)));

  return row?.id === claim.id ? row : undefined;
}

/** Reads the first row with a mark, also if its task was cancelled while it runs. `undefined`: there is none. */
export async function firstWith({ tasks }: Pick<Stores, 'tasks'>, mark: string): Promise<TaskRow | undefined> {
  return rowOf(await answer(tasks.index(marksIndex).get(mark)));
}

/** Reads the head of a lane: the row with the lowest `seq` and the lane's mark. It may be cancelled while it runs. */
export async function headOfLane(
  stores: Pick<Stores, 'tasks'>,
  lane: string | undefined,
): Promise<TaskRow | undefined> {
  return lane === undefined ? undefined : firstWith(stores, lane);
}

/** Reads the runner's record. */
export async function runnerRow(stores: Pick<Stores, 'state'>): Promise<RunnerRow | undefined> {
  return runnerOf(await answer(stores.state.get(stateKeys.runner)));
}

/** Reads what the runner runs, or the last one ran. */
export async function claimsNow(stores: Pick<Stores, 'state'>): Promise<readonly Claim[]> {
  return (await runnerRow(stores))?.running ?? [];
}

/** Reads who is signed in, by the last call of any context. */
export async function storedOwner({ state }: Pick<Stores, 'state'>): Promise<Owner> {
  return ownerIn(await answer(state.get(stateKeys.session)));
}

/** Reads a record of numbers, each under a name; empty if it was never written. */
export async function numbersOf(
  { state }: Pick<Stores, 'state'>,
  key: string,
): Promise<Readonly<Record<string, number>>> {
  return numbersIn(await answer(state.get(key)));
}

/** Reads the records of all gates, by name. */
export async function gateRows(stores: Pick<Stores, 'state'>): Promise<ReadonlyMap<string, GateRow>> {
  return gatesOf(...(await recordsFrom(stores, stateKeys.gate(''))));
}

/** Reads the records whose keys begin with a text: the keys, and the values. */
export function recordsFrom({ state }: Pick<Stores, 'state'>, start: string): Promise<[IDBValidKey[], unknown[]]> {
  const range = keysFrom(start);

  return Promise.all([answer(state.getAllKeys(range)), answer(state.getAll(range) as IDBRequest<unknown[]>)]);
}

/** Reads the records of some gates, by name. A gate that is open has none. */
export async function gatesNamed(
  { state }: Pick<Stores, 'state'>,
  names: Iterable<string>,
): Promise<ReadonlyMap<string, GateRow>> {
  const keys = [...new Set(names)].map(stateKeys.gate);

  return gatesOf(keys, await Promise.all(keys.map((key) => answer(state.get(key)))));
}

/** Deletes rows and their payloads without reading them. Rows in sequence are one range, as fast as one row. */
export function deleteTasks(
  stores: Pick<Stores, 'tasks' | 'payloads'>,
  tasks: readonly { readonly seq: number; readonly ref?: string }[],
): void {
  for (const { first, last } of runsOf(tasks.map((task) => task.seq))) {
    stores.tasks.delete(IDBKeyRange.bound(first, last));
  }
  for (const task of tasks) deletePayload(stores, task);
}

/**
 * Ends a claim: writes the row that `next` makes of the claim's row, and resolves with it. If `next` gives `undefined`,
 * or the row is gone already, row and payload are deleted.
 */
export async function endClaim(
  stores: Pick<Stores, 'tasks' | 'payloads'>,
  claim: Claim,
  next: (row: TaskRow) => TaskRow | undefined,
): Promise<TaskRow | undefined> {
  const row = await claimedRow(stores, claim);
  const written = row && next(row);
  // A row that became strange meanwhile is not written; it may be deleted.
  if (written?.strange === true) return undefined;
  if (written !== undefined) stores.tasks.put(written);
  else if (row === undefined) deletePayload(stores, claim);
  else deleteTasks(stores, [row]);

  return written;
}

/** Numbers as runs of neighbours. */
function runsOf(numbers: readonly number[]): readonly { readonly first: number; readonly last: number }[] {
  const runs: { first: number; last: number }[] = [];
  for (const number of [...numbers].sort((a, b) => a - b)) {
    const run = runs.at(-1);
    if (run !== undefined && number === run.last + 1) run.last = number;
    else runs.push({ first: number, last: number });
  }

  return runs;
}
