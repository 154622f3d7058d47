import type { Ready } from '../pure/key.js';
import { above, beyond, readReady } from '../pure/key.js';
import type { TaskRow } from '../pure/record.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';
import { rowsIn } from './rows.js';
import { readyIndex } from './setup.js';

type Tasks = Pick<Stores, 'tasks'>;

/** Reads the rows of a range, in the order of `ready`, then `seq`; at most `most`. */
export async function rowsByState({ tasks }: Tasks, range: IDBKeyRange, most?: number): Promise<readonly TaskRow[]> {
  return rowsIn(await answer(tasks.index(readyIndex).getAll(range, most)));
}

/** The range of the rows of a prefix that is not timed: those after one `seq`, up to another. */
export function rangeAfter(prefix: string, after: number, upTo: number = Number.POSITIVE_INFINITY): IDBKeyRange {
  return IDBKeyRange.bound([prefix, after + 1], [prefix, upTo]);
}

/** The prefixes of a letter that have rows, at most `most`. Each takes one request, however many rows it has. */
export async function prefixesOf(
  { tasks }: Tasks,
  letter: string,
  most: number = Number.POSITIVE_INFINITY,
): Promise<readonly Ready[]> {
  const index = tasks.index(readyIndex);
  const found: Ready[] = [];
  let from = letter;
  while (found.length < most) {
    const row = (await answer(index.get(IDBKeyRange.bound([from], [above(letter)], false, true)))) as
      | TaskRow
      | undefined;
    if (row === undefined) break;
    const ready = readReady(row.ready);
    if (ready !== undefined) found.push(ready);
    from = ready === undefined ? `${row.ready}\u0000` : beyond(ready.prefix);
  }

  return found;
}
