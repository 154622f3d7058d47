import { heavyRef, idMark } from '../../pure/key.js';
import { stateKeys } from '../../pure/record.js';
import type { Stores } from '../../store/requests.js';
import { answer, everyStore, keysFrom, payloadsIn } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { numbersOf } from '../../store/rows.js';
import { look } from '../../store/transact.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';

/** So many bodies are looked at in one go. */
const slice = 256;

/** A heavy body may go ahead of its row for a minute; what has had none for so long, in milliseconds, never will. */
const patience = 24 * 60 * 60_000;

/**
 * Deletes heavy bodies whose row never came: their page ended between the two. Nothing is concluded from one look; a body
 * is deleted by an audit that finds it without a row a day after another did.
 */
export async function collectBodies(leader: Leader): Promise<void> {
  const orphans = await orphansOf(leader);
  const now = leader.context.ports.clock.wall();

  const done = await inFence(leader, 'audit', async ({ stores }) => {
    // When each was first found without a row, by the wall clock.
    const before = await numbersOf(stores, stateKeys.bodies);
    const found = Object.fromEntries(orphans.map((ref) => [ref, Math.min(before[ref] ?? now, now)]));
    const old = orphans.filter((ref) => now - (found[ref] ?? now) > patience);
    for (const ref of old) delete found[ref];
    if (Object.keys(found).length > 0) stores.state.put(found, stateKeys.bodies);
    else if (Object.keys(before).length > 0) stores.state.delete(stateKeys.bodies);

    return old;
  });

  const old = done?.result ?? [];
  if (old.length === 0) return;
  await inFence(
    leader,
    'audit',
    async ({ stores }) => {
      const alone = await withoutRow(stores, old);
      for (const ref of alone) payloadsIn(stores).delete(ref);
    },
    everyStore,
  );
}

/** Heavy bodies that belong to no row, and to no claim. Reads nothing more once the runner has stopped. */
async function orphansOf(leader: Leader): Promise<readonly string[]> {
  const { context } = leader;
  const claimed = new Set([...leader.running.values()].map(({ claim }) => claim.ref));
  const orphans: string[] = [];
  let from = heavyRef('');
  while (!leader.gone) {
    const range = IDBKeyRange.bound(from, keysFrom(heavyRef('')).upper, true);
    const refs = (await look(context, ({ payloads }) => answer(payloads.getAllKeys(range, slice)), [
      'payloads',
    ])) as string[];
    if (leader.gone) break;
    const alone = await look(context, (stores) => withoutRow(stores, refs), ['tasks']);
    orphans.push(...alone.filter((ref) => !claimed.has(ref)));
    const last = refs.at(-1);
    if (last === undefined || refs.length < slice) break;
    from = last;
  }

  return orphans;
}

async function withoutRow({ tasks }: Pick<Stores, 'tasks'>, refs: readonly string[]): Promise<readonly string[]> {
  const index = tasks.index(marksIndex);
  const rows = await Promise.all(refs.map((ref) => answer(index.getKey(idMark(ref.slice(heavyRef('').length))))));

  return refs.filter((_, place) => rows[place] === undefined);
}
