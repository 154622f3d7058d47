import { checkId } from '../../pure/options.js';
import type { Reason } from '../../pure/reasons.js';
import { rowsOfIds } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import { isLed } from '../context/context.js';
import { factsOf } from './facts.js';

/** How many tasks are explained in one transaction. */
const slice = 256;

type Explained = ReadonlyMap<string, readonly Reason[]>;

/** Makes `explain`. The calls of one run of the app's code are answered together. */
export function createExplain(context: BasketContext): (id: string) => Promise<readonly Reason[]> {
  let asked: string[] = [];
  let next: Promise<Explained> | undefined;

  async function explainNext(): Promise<Explained> {
    const led = await isLed(context);
    const ids = asked;
    asked = [];
    next = undefined;
    const explained = new Map<string, readonly Reason[]>();
    for (let place = 0; place < ids.length; place += slice) {
      const { rows, reasonsOf } = await read(
        context,
        async (stores) => factsOf(context, stores, await rowsOfIds(stores, ids.slice(place, place + slice)), led),
        ['tasks', 'state'],
      );
      for (const row of rows) explained.set(row.id, reasonsOf?.(row) ?? []);
    }

    return explained;
  }

  return async (id) => {
    checkId(id);
    asked.push(id);

    return (await (next ??= explainNext())).get(id) ?? [{ reason: 'gone' }];
  };
}
