import type { Pauses } from '../../pure/pause.js';
import type { Wanted } from '../../pure/query.js';
import { isMeant } from '../../pure/query.js';
import { rowsOfIds } from '../../store/rows.js';
import type { BasketContext } from '../context/context.js';
import { pausesNow } from '../../store/pauses.js';
import type { FactStores } from './facts.js';

/** Reads the pauses that hold tasks of some owners, by their keys. */
export async function pausesOfOwners(
  { registry }: Pick<BasketContext, 'registry'>,
  stores: FactStores,
  owners: Wanted['owners'],
): Promise<Pauses> {
  const all = [...(await pausesNow(registry, stores))];
  const ids = all.flatMap(([, { pause }]) => pause.id ?? []);
  const theirs = new Set((await rowsOfIds(stores, ids)).filter((row) => isMeant(owners, row)).map(({ id }) => id));

  return new Map(
    all.filter(([, { pause }]) => {
      if (pause.id !== undefined) return theirs.has(pause.id);

      return pause.owner === undefined || (owners?.some(({ owner }) => owner === pause.owner) ?? true);
    }),
  );
}
