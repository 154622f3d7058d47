import { checkId } from '../../pure/options.js';
import type { Reason } from '../../pure/reasons.js';
import type { TaskRow } from '../../pure/record.js';
import { rowsOfIds } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { isLed, seenIn } from '../context/context.js';
import type { Facts, FactStores } from './facts.js';
import { factsOf, factStores } from './facts.js';

/** How many tasks are explained in one transaction. */
const slice = 256;

/** A task that was found, with every reason why it is not running now. */
interface ExplainedRow {
  readonly row: TaskRow;
  readonly reasons: readonly Reason[];
}

/** Makes `explain`. The calls of one run of the app's code are answered together. */
export function createExplain(context: BasketContext): (id: string) => Promise<readonly Reason[]> {
  let asked: string[] = [];
  let next: Promise<ReadonlyMap<string, ExplainedRow>> | undefined;

  async function explainNext(): Promise<ReadonlyMap<string, ExplainedRow>> {
    const led = await isLed(context);
    const ids = asked;
    asked = [];
    next = undefined;
    const explained = new Map<string, ExplainedRow>();
    for (let place = 0; place < ids.length; place += slice) {
      const find = async (stores: FactStores): Promise<Facts> =>
        factsOf(context, stores, await rowsOfIds(stores, ids.slice(place, place + slice)), led);
      const { rows, reasonsOf } = await read(context, find, factStores);
      for (const row of rows) explained.set(row.id, { row, reasons: reasonsOf?.(row) ?? [] });
    }

    return explained;
  }

  return async (id) => {
    checkId(id);
    const isSeen = seenIn(context);
    asked.push(id);
    const found = (await (next ??= explainNext())).get(id);

    return found !== undefined && isSeen(found.row) ? found.reasons : [{ reason: 'gone' }];
  };
}
