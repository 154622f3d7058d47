import { parentMark } from '../../pure/key.js';
import { outcomesKept } from '../../store/outcomes.js';
import { hasChildren } from '../../store/parents.js';
import { readable } from '../../store/payloads.js';
import type { Stores } from '../../store/requests.js';
import { answer, lastNumber } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';

/** How many outcomes are read in one transaction. */
const outcomesASlice = 256;

/** How long outcomes are kept, in milliseconds. */
const outcomesKeptFor = 30 * 24 * 60 * 60_000;

/** Deletes outcomes that are older than 30 days, and all but the last 10,000, unless a child still needs them. */
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
  const oldest = leader.context.ports.clock.wall() - outcomesKeptFor;
  const first = (await lastNumber(stores.outcomes)) - outcomesKept;
  const range = IDBKeyRange.lowerBound(from, true);
  const keys = (await answer(stores.outcomes.getAllKeys(range, outcomesASlice))) as readonly number[];
  const slice = await Promise.all(keys.map((n) => readOutcome(stores, n)));
  const old = slice.filter(({ n, at }) => n <= first || at < oldest);
  const index = stores.outcomes.index(marksIndex);
  for (const { n, id } of old) {
    // A child that names a replaced task finds its parent from outcome to outcome, so all of these stay with the first.
    const [replaced, isParent] = await Promise.all([answer(index.getKey(parentMark(id))), hasChildren(stores, id)]);
    if (replaced === undefined && !isParent) stores.outcomes.delete(n);
  }
  const last = slice.at(-1);

  return keys.length < outcomesASlice || old.at(-1) !== last ? undefined : last?.n;
}

/**
 * Which task ended, and when. An outcome that the browser can no longer read counts as new, and is deleted only by its
 * number.
 */
async function readOutcome(
  { outcomes }: Stores,
  n: number,
): Promise<{ readonly n: number; readonly id: string; readonly at: number }> {
  const stored = await readable(outcomes.get(n));
  if ('lost' in stored) return { n, id: '', at: Number.POSITIVE_INFINITY };
  const { id, at } = stored.value as { readonly id: unknown; readonly at: number };

  return { n, id: typeof id === 'string' ? id : '', at };
}
