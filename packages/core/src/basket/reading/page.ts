import type { GateRow } from '../../pure/gate.js';
import type { Wanted, WantedPage } from '../../pure/query.js';
import { fits, isOrdered } from '../../pure/query.js';
import type { Reason } from '../../pure/reasons.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';
import type { Place } from '../../store/find.js';
import { readOn, startOf } from '../../store/find.js';
import type { Stores } from '../../store/requests.js';
import { gatesNamed, rowsAfter, rowsAt, runnerRow } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';

/** Rows, and what a view of them is made of, as read in one transaction. */
export interface Facts {
  readonly rows: readonly TaskRow[];
  readonly runner: RunnerRow | undefined;
  /** The records of the gates of these rows. */
  readonly gates: ReadonlyMap<string, GateRow>;
  /** Gives the reasons of one of these rows, if they were asked for; `led`: somebody holds the runner's lock. */
  readonly reasonsOf?: (row: TaskRow, led: boolean) => readonly Reason[];
}

/** The stores from which rows and their facts are read. */
export type PageStores = Pick<Stores, 'tasks' | 'state'>;

/** So many keys, or rows, are read in one transaction, so that no add waits for long. */
const keysAtOnce = 1_024;
const rowsAtOnce = 256;

/** The facts of rows. */
export async function withFacts(stores: Pick<Stores, 'state'>, rows: readonly TaskRow[]): Promise<Facts> {
  const [runner, gates] = await Promise.all([
    runnerRow(stores),
    gatesNamed(
      stores,
      rows.map(({ gate }) => gate),
    ),
  ]);

  return { rows, runner, gates };
}

/**
 * The first tasks of a page, in the order of `seq`, so many at most. Few keys are read in one transaction, and the rows in
 * the last one.
 */
export async function pageOf(
  context: BasketContext,
  { wanted, cursor }: WantedPage,
  most: number,
  factsOf: (stores: PageStores, rows: readonly TaskRow[]) => Promise<Facts>,
): Promise<Facts> {
  const ordered = isOrdered(wanted);
  const rows: TaskRow[] = [];
  const keys: number[] = [];
  let place: Place | undefined = startOf(wanted, cursor);
  let first = true;
  const slice = async (stores: PageStores): Promise<Facts | undefined> => {
    const left = most - rows.length;
    const from = place ?? cursor;
    const { seqs, next } = await readOn(stores, wanted, from, ordered ? Math.min(left, keysAtOnce) : keysAtOnce);
    if (!ordered) keys.push(...seqs.filter((seq) => seq > cursor));

    if (ordered || next === undefined) {
      const behind = ordered ? seqs : keys.sort((one, other) => one - other);
      rows.push(...(await rowsThatFit(stores, wanted, behind, left)));
    } else if (first) {
      // So many fit that the first rows of all may be a whole page. Else the key of each that fits must be read.
      const common = (await rowsAfter(stores, cursor, rowsAtOnce)).filter((row) => fits(row, wanted));
      if (common.length >= most) rows.push(...common.slice(0, most));
    }
    first = false;
    place = next;

    return next === undefined || rows.length >= most ? factsOf(stores, rows) : undefined;
  };
  for (;;) {
    const facts = await read(context, slice, ['tasks', 'state']);
    if (facts !== undefined) return facts;
  }
}

async function rowsThatFit(
  stores: PageStores,
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
