import type { OutcomeRow } from '../../pure/record.js';
import { outcomesKept } from '../../store/outcomes.js';
import { readable } from '../../store/payloads.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';

/** How many outcomes are read in one transaction. */
const outcomesASlice = 256;

/** How long outcomes are kept, in milliseconds. */
const outcomesKeptFor = 30 * 24 * 60 * 60_000;

/** Deletes outcomes that are older than 30 days, and all but the last 10,000. */
export async function* pruneOutcomes(leader: Leader): AsyncGenerator<void, void, undefined> {
  let from: number | undefined = 0;
  while (from !== undefined) {
    const start: number = from;
    const done = await inFence(leader, 'audit', ({ stores }) => prunedFrom(leader, stores, start));
    from = done?.result;
    yield;
  }
}

/**
 * Deletes the old ones among the next outcomes. Resolves with where to go on; `undefined` if the last one is not old.
 */
async function prunedFrom(leader: Leader, stores: Stores, from: number): Promise<number | undefined> {
  const last = await answer(stores.outcomes.openKeyCursor(null, 'prev'));
  const oldest = leader.context.ports.clock.wall() - outcomesKeptFor;
  const first = Number(last?.primaryKey ?? 0) - outcomesKept;
  const range = IDBKeyRange.lowerBound(from, true);
  const keys = (await answer(stores.outcomes.getAllKeys(range, outcomesASlice))) as readonly number[];
  const times = await Promise.all(keys.map((n) => endedAt(stores, n)));
  const old = keys.filter((n, place) => n <= first || Number(times[place]) < oldest);
  for (const n of old) stores.outcomes.delete(n);
  const end = keys.at(-1);

  return keys.length < outcomesASlice || old.at(-1) !== end ? undefined : end;
}

/**
 * When a task ended. An outcome that the browser can no longer read counts as new, and is deleted only by its number.
 */
async function endedAt({ outcomes }: Stores, n: number): Promise<number> {
  const stored = await readable(outcomes.get(n));

  return 'lost' in stored ? Number.POSITIVE_INFINITY : (stored.value as OutcomeRow).at;
}
