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

/** An id, and which rows the context could see at the call. */
interface Asked {
  readonly id: string;
  readonly isSeen: (row: TaskRow) => boolean;
}

type Explained = ReadonlyMap<string, readonly Reason[]>;

/** Makes `explain`. The calls of one run of the app's code are answered together. */
export function createExplain(context: BasketContext): (id: string) => Promise<readonly Reason[]> {
  let asked: Asked[] = [];
  let next: Promise<Explained> | undefined;

  async function explainNext(): Promise<Explained> {
    const led = await isLed(context);
    const all = asked;
    asked = [];
    next = undefined;
    const explained = new Map<string, readonly Reason[]>();
    for (let place = 0; place < all.length; place += slice) {
      const some = all.slice(place, place + slice);
      const find = async (stores: FactStores): Promise<Facts> => {
        const found = await rowsOfIds(
          stores,
          some.map(({ id }) => id),
        );

        return factsOf(
          context,
          stores,
          found.filter((row) => some.some(({ id, isSeen }) => id === row.id && isSeen(row))),
          led,
        );
      };
      const { rows, reasonsOf } = await read(context, find, factStores);
      for (const row of rows) explained.set(row.id, reasonsOf?.(row) ?? []);
    }

    return explained;
  }

  return async (id) => {
    checkId(id);
    asked.push({ id, isSeen: seenIn(context) });

    return (await (next ??= explainNext())).get(id) ?? [{ reason: 'gone' }];
  };
}
