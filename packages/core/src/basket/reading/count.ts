import { cancelledMark } from '../../pure/key.js';
import type { Filter, Wanted } from '../../pure/query.js';
import { readFilter } from '../../pure/query.js';
import { readOn, startOf } from '../../store/find.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';

/** A number of tasks. */
export interface Count {
  /** At most 1,000. */
  readonly count: number;
  /** Whether there are more than `count`. */
  readonly more: boolean;
}

/** Counting ends here, because it reads the key of each task. */
const most = 1_000;

/** Counts the tasks that fit, up to 1,000. */
export async function count(context: BasketContext, filter: Filter = {}): Promise<Count> {
  return countWanted(context, readFilter(context, filter));
}

/** Counts the tasks that a checked filter wants. */
export async function countWanted(context: BasketContext, wanted: Wanted): Promise<Count> {
  let found = 0;
  let place = startOf(wanted);
  for (;;) {
    const from = place;
    const find = (stores: Pick<Stores, 'tasks'>) =>
      Promise.all([readOn(stores, wanted, from, most + 1), cancelledOnes(stores)]);
    const [{ seqs, next }, cancelled] = await read(context, find, ['tasks']);
    found += seqs.filter((seq) => !cancelled.has(seq)).length;
    if (next === undefined || found > most) return { count: Math.min(found, most), more: found > most };
    place = next;
  }
}

/** The keys of tasks that were cancelled while they run. Their rows look dead until their claims end. */
async function cancelledOnes({ tasks }: Pick<Stores, 'tasks'>): Promise<ReadonlySet<unknown>> {
  return new Set(await answer(tasks.index(marksIndex).getAllKeys(cancelledMark)));
}
