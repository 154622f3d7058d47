import { typePart } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { claimedRow, runnerRow } from '../../store/rows.js';
import { readyIndex } from '../../store/setup.js';
import { look } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { Query } from './query.js';
import { checkQuery, fits, rowsOf } from './query.js';

/** How many there are, as far as they were counted. */
export interface Count {
  readonly count: number;
  /** Whether there are more than that. */
  readonly more: boolean;
}

/** Counting reads every key that it counts, so it ends here. */
const most = 1_000;

/** How many tasks fit, counted up to `limit`: 1,000 unless the query says less. */
export async function count(context: BasketContext, query: Query = {}): Promise<Count> {
  checkQuery(query);
  const { limit = most } = query;
  const found = await look(context, (stores) => countIn(stores, query, limit + 1), ['tasks', 'state']);

  return { count: Math.min(found, limit), more: found > limit };
}

async function countIn(stores: Pick<Stores, 'tasks' | 'state'>, query: Query, limit: number): Promise<number> {
  // Neither lies together in an index: rows are read.
  if (query.lane !== undefined || query.after !== undefined) return (await rowsOf(stores, query, limit)).length;

  const gone = await cancelledOnes(stores, query);
  const index = stores.tasks.index(readyIndex);
  let keys = 0;
  for (const range of await rangesOf(index, query)) {
    keys += (await answer(index.getAllKeys(range, limit + gone - keys))).length;
    if (keys >= limit + gone) break;
  }

  return keys - gone;
}

/** Those that were cancelled while they run are gone, and have a dead key until their claim ends. */
async function cancelledOnes(stores: Pick<Stores, 'tasks' | 'state'>, query: Query): Promise<number> {
  if (query.state === 'queued') return 0;
  const runner = await runnerRow(stores);
  const rows = await Promise.all((runner?.running ?? []).map((claim) => claimedRow(stores, claim)));
  const counted = (row: TaskRow | undefined): boolean =>
    row?.cancelled === true && fits({ ...row, cancelled: undefined } as unknown as TaskRow, query);

  return rows.filter(counted).length;
}

/** The ranges of `ready` keys in which they lie, also under letters of a later version, which are neither dead. */
async function rangesOf(index: IDBIndex, { type, state }: Query): Promise<readonly IDBKeyRange[]> {
  const parts = type === undefined ? [''] : [...new Set([type].flat())].map(typePart);
  const ranges: IDBKeyRange[] = [];
  let from = '';
  for (;;) {
    const first = (await answer(index.get(IDBKeyRange.lowerBound([from])))) as TaskRow | undefined;
    if (first === undefined) return ranges;
    const letter = first.ready.charAt(0);
    from = `${letter}\uffff`;
    if (state !== undefined && (state === 'dead') !== (letter === 'D')) continue;
    for (const part of parts) ranges.push(IDBKeyRange.bound([letter + part], [`${letter}${part}\uffff`]));
  }
}
