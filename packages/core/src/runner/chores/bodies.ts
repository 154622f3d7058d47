import { idMarkOfBody } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import { stateKeys } from '../../pure/record.js';
import { deletePayload } from '../../store/payloads.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { numbersOf } from '../../store/rows.js';
import { look } from '../../store/transact.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';

/** So many bodies are checked in one transaction. */
const bodiesAtOnce = 256;

/** A body that has had no row for so long, in milliseconds, never gets one: a row comes within a minute, or from `prepare`. */
export const orphanPatience: number = 24 * 60 * 60_000;

/**
 * Deletes heavy bodies without a row: their page was closed before it wrote the row, or before it deleted the body.
 * Nothing is concluded from one check: a body is deleted by an audit that finds it without a row a day after another did.
 */
export async function collectBodies(leader: Leader, slice: number = bodiesAtOnce): Promise<void> {
  const orphans = await orphansOf(leader, slice);
  const now = leader.context.ports.clock.wall();

  await inFence(leader, 'audit', async ({ stores }) => {
    // When each was first found without a row, by the wall clock.
    const before = await numbersOf(stores, stateKeys.bodies);
    const found = Object.fromEntries(orphans.map((key) => [key, Math.min(before[key] ?? now, now)]));
    const old = orphans.filter((key) => now - (found[key] ?? now) > orphanPatience);
    for (const key of await withoutRow(stores, old)) {
      delete found[key];
      deletePayload(stores, { ref: key });
    }
    if (Object.keys(found).length > 0) stores.state.put(found, stateKeys.bodies);
    else if (Object.keys(before).length > 0) stores.state.delete(stateKeys.bodies);
  });
}

/** Heavy bodies that belong to no row, and to no claim. Reads nothing more once the runner has stopped. */
async function orphansOf(leader: Leader, slice: number): Promise<readonly string[]> {
  const { context } = leader;
  const claimed = new Set([...leader.running.values()].map(({ claim }) => claim.ref));
  const orphans: string[] = [];
  let from = '';
  while (!leader.gone) {
    const range = IDBKeyRange.lowerBound(from, true);
    const keys = (await look(context, ({ bodies }) => answer(bodies.getAllKeys(range, slice)), ['bodies'])) as string[];
    if (leader.gone) break;
    const alone = await look(context, (stores) => withoutRow(stores, keys), ['tasks']);
    orphans.push(...alone.filter((key) => !claimed.has(key)));
    const last = keys.at(-1);
    if (last === undefined || keys.length < slice) break;
    from = last;
  }

  return orphans;
}

async function withoutRow({ tasks }: Pick<Stores, 'tasks'>, keys: readonly string[]): Promise<readonly string[]> {
  const index = tasks.index(marksIndex);
  const rows = await Promise.all(
    keys.map((key) => answer(index.get(idMarkOfBody(key)) as IDBRequest<TaskRow | undefined>)),
  );

  return keys.filter((key, place) => rows[place]?.ref !== key);
}
