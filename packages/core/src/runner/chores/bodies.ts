import { idMarkOfBody } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import { stateKeys } from '../../pure/record.js';
import { deletePayload } from '../../store/payloads.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { numbersOf } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';

/** How many bodies are checked in one transaction. */
const bodiesAtOnce = 256;

/** A body without a row is deleted after so many milliseconds. A row follows within 12 hours. */
export const orphansKeptFor: number = 24 * 60 * 60_000;

/**
 * Deletes heavy bodies without a row: a page was closed before it wrote the row, or before it deleted the body. One
 * check proves nothing: a body is deleted if it had no row a day ago, and has none now.
 */
export async function* collectBodies(leader: Leader): AsyncGenerator<void, void, undefined> {
  const orphans: string[] = [];
  let from: string | undefined = '';
  while (from !== undefined) {
    const keys = await bodiesFrom(leader, from);
    // The runner may have stopped while it waited for a large body.
    yield;
    orphans.push(...(await read(leader.context, (stores) => withoutRow(stores, keys), ['tasks'])));
    from = keys.length < bodiesAtOnce ? undefined : keys.at(-1);
    yield;
  }

  const now = leader.context.ports.clock.wall();

  await inFence(leader, 'audit', async ({ stores }) => {
    // The time at which each body was first found without a row, by the wall clock.
    const before = await numbersOf(stores, stateKeys.bodies);
    const found = Object.fromEntries(orphans.map((key) => [key, Math.min(before[key] ?? now, now)]));
    const old = orphans.filter((key) => now - (found[key] ?? now) > orphansKeptFor);
    for (const key of await withoutRow(stores, old)) {
      delete found[key];
      deletePayload(stores, { ref: key });
    }
    if (Object.keys(found).length > 0) stores.state.put(found, stateKeys.bodies);
    else if (Object.keys(before).length > 0) stores.state.delete(stateKeys.bodies);
  });
}

/** The keys of the next heavy bodies. */
async function bodiesFrom({ context }: Leader, from: string): Promise<readonly string[]> {
  const range = IDBKeyRange.lowerBound(from, true);

  return read(context, ({ bodies }) => answer(bodies.getAllKeys(range, bodiesAtOnce)), ['bodies']) as Promise<string[]>;
}

/** Those of the bodies that belong to no row. A claimed task has its row, and an attempt reads its body once. */
async function withoutRow({ tasks }: Pick<Stores, 'tasks'>, keys: readonly string[]): Promise<readonly string[]> {
  const index = tasks.index(marksIndex);
  const rows = await Promise.all(
    keys.map((key) => answer(index.get(idMarkOfBody(key)) as IDBRequest<TaskRow | undefined>)),
  );

  return keys.filter((key, place) => rows[place]?.ref !== key);
}
