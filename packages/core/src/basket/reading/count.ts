import { cancelledMark } from '../../pure/key.js';
import type { Filter } from '../../pure/query.js';
import { readFilter } from '../../pure/query.js';
import { readOn, startOf } from '../../store/find.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';

/** How many there are, as far as they were counted. */
export interface Count {
  readonly count: number;
  /** Whether there are more than that. */
  readonly more: boolean;
}

/** Counting reads the key of each task that it counts, so it ends here. */
const most = 1_000;

/** How many tasks fit, counted up to 1,000. */
export async function count(context: BasketContext, filter: Filter = {}): Promise<Count> {
  const wanted = readFilter(filter);
  const cancelled = await read(context, cancelledOnes, ['tasks']);
  let found = 0;
  let place = startOf(wanted);
  for (;;) {
    const from = place;
    const { seqs, next } = await read(context, (stores) => readOn(stores, wanted, from, most + 1), ['tasks']);
    found += seqs.filter((seq) => !cancelled.has(seq)).length;
    if (next === undefined || found > most) return { count: Math.min(found, most), more: found > most };
    place = next;
  }
}

/** The tasks that were cancelled while they run. Each has the key of a dead one until its claim ends. */
async function cancelledOnes({ tasks }: Pick<Stores, 'tasks'>): Promise<ReadonlySet<unknown>> {
  return new Set(await answer(tasks.index(marksIndex).getAllKeys(cancelledMark)));
}
