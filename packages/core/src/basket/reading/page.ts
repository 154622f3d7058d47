import type { Wanted, WantedPage } from '../../pure/query.js';
import { fits, hasMarks, isOrdered } from '../../pure/query.js';
import type { TaskRow } from '../../pure/record.js';
import type { Place } from '../../store/find.js';
import { readOn, startOf } from '../../store/find.js';
import { rowsAfter, rowsAt } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { Facts, FactStores } from './facts.js';
import { factsOf, factStores } from './facts.js';

/** How many keys, or rows, are read in one transaction, so that no add waits for long. */
const keysAtOnce = 1_024;
const rowsAtOnce = 256;

/**
 * Reads the first tasks of a page, in the order of `seq`, at most `most`. Reads the keys in several short transactions,
 * and the rows with their facts in the last one. `led`: see `factsOf`.
 */
export async function pageOf(
  context: BasketContext,
  { wanted, cursor }: Pick<WantedPage, 'wanted' | 'cursor'>,
  most: number,
  led: boolean | undefined,
): Promise<Facts> {
  const ordered = isOrdered(wanted);
  const whole = ordered && !hasMarks(wanted) && cursor < 0;
  const rows: TaskRow[] = [];
  /** A row that moves from one slice to a later one is found twice. */
  const keys = new Set<number>();
  let place: Place | undefined = startOf(wanted, cursor);
  let first = true;
  const slice = async (stores: FactStores): Promise<Facts | undefined> => {
    const left = most - rows.length;
    const from = place ?? cursor;
    const { seqs, next } = await readOn(stores, wanted, from, ordered ? Math.min(left, keysAtOnce) : keysAtOnce);
    for (const seq of seqs) if (seq > cursor) keys.add(seq);

    if (ordered || next === undefined) {
      const inOrder = [...keys].sort((one, other) => one - other);
      keys.clear();
      rows.push(...(await rowsThatFit(stores, wanted, inOrder, left)));
    } else if (first) {
      // Many tasks fit. So the first rows may already be a whole page; otherwise the key of each task that fits is
      // read.
      const common = (await rowsAfter(stores, cursor, rowsAtOnce)).filter((row) => fits(row, wanted));
      if (common.length >= most) rows.push(...common.slice(0, most));
    }
    first = false;
    place = next;

    if (next !== undefined && rows.length < most) return undefined;
    if (whole && rows.length < most) context.lastListed.tasks = rows.length;
    // There are more tasks than this context knew of.
    else if (whole && rows.length > (context.lastListed.tasks ?? 0)) context.lastListed.tasks = undefined;

    return factsOf(context, stores, rows, led);
  };
  for (;;) {
    const facts = await read(context, slice, factStores);
    if (facts !== undefined) return facts;
  }
}

async function rowsThatFit(
  stores: FactStores,
  wanted: Wanted,
  seqs: readonly number[],
  most: number,
): Promise<readonly TaskRow[]> {
  const rows: TaskRow[] = [];
  for (let place = 0; place < seqs.length && rows.length < most; place += most) {
    const found = await rowsAt(stores, seqs.slice(place, place + most));
    rows.push(...found.filter((row) => fits(row, wanted)));
  }

  return rows.slice(0, most);
}
