import type { IsLater } from '../../ports/ids.js';
import type { Claim, NewTaskRow, TaskRow } from '../../pure/record.js';
import { keyMarkOf, laneMarkOf } from '../../pure/record.js';
import { payAtOnce } from '../../store/pay.js';
import type { Replacing } from '../../store/replace.js';
import { findReplaced, replaceEarlier } from '../../store/replace.js';
import type { Stores } from '../../store/requests.js';
import { answer } from '../../store/requests.js';
import { claimsNow } from '../../store/rows.js';
import { marksIndex } from '../../store/setup.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';
import type { Hint } from '../context/messages.js';
import { replacedHint } from '../context/messages.js';
import { edit } from './edit.js';

/** How many keys are checked in one transaction. */
const slice = 256;

/** The rows that a command changes. */
interface Remaining {
  /** Those that no later task has replaced, as they are now. The others were deleted. */
  readonly found: readonly TaskRow[];
  readonly hints: readonly Hint[];
  readonly claims: readonly Claim[];
}

/**
 * Deletes first, among the rows that a command has found and the rows of their keys, those that were replaced. What was
 * added after the call of the command takes no place yet.
 *
 * If the browser has no room (`full`), nothing is replaced: a row that a later one would replace is removed together with
 * the later one, and is left alone otherwise.
 */
export async function withoutReplaced(
  context: BasketContext,
  stores: Stores,
  rows: readonly TaskRow[],
  isLater: IsLater,
  full = false,
): Promise<Remaining> {
  if (rows.length === 0) return { found: rows, hints: [], claims: [] };
  const claims = await claimsNow(stores);
  if (full) {
    const { ports, registry } = context;
    const links = await findReplaced(stores, registry, keyMarksOf(rows), claims, ports.clock.wall(), isLater);
    const standing = rows.filter(({ seq }) => !links.replaced.some(({ row }) => row.seq === seq));
    const earlier = links.replaced.filter(({ by }) => standing.some(({ seq }) => seq === by.seq));

    return { found: [...earlier.map(({ row }) => row), ...standing], hints: [], claims };
  }
  const { replaced, written } = await replaceAll(context, stores, keyMarksOf(rows), claims, isLater);
  const gone = new Set(replaced.map(({ row }) => row.seq));
  const found = rows.filter(({ seq }) => !gone.has(seq)).map((row) => written.get(row.seq) ?? row);

  return { found, hints: replaced.map(replacedHint), claims };
}

/**
 * Deletes the tasks that new tasks have replaced, so that they take no room and are not shown. If this fails, or the
 * page is closed before, the runner does it before it would start them. Never rejects.
 */
export async function tidy(context: BasketContext, added: readonly { readonly row: NewTaskRow }[]): Promise<void> {
  // Work that begins in the back/forward cache would evict the page.
  const keys = context.hub.away() ? [] : keyMarksOf(added.map(({ row }) => row));
  try {
    for (let place = 0; place < keys.length; place += slice) {
      const several = await keysOfSeveral(context, keys.slice(place, place + slice));
      if (several.length === 0) continue;
      const replace = async (stores: Stores): Promise<Pick<Remaining, 'found' | 'hints'>> => {
        const claims = await claimsNow(stores);

        const { replaced } = await replaceAll(context, stores, several, claims);

        return { found: [], hints: replaced.map(replacedHint) };
      };
      // After the edits that were called before: they are about the tasks as they were.
      await context.edits(undefined, () => edit(context, replace, 'tidy'));
    }
  } catch {
    // The database cannot be written now.
  }
}

/** Those of some keys that more than one task has. */
async function keysOfSeveral(context: BasketContext, keys: readonly string[]): Promise<readonly string[]> {
  const counts = await read(
    context,
    ({ tasks }) => Promise.all(keys.map((key) => answer(tasks.index(marksIndex).count(key)))),
    ['tasks'],
  );

  return keys.filter((_, place) => (counts[place] ?? 0) > 1);
}

async function replaceAll(
  { ports, registry }: BasketContext,
  stores: Stores,
  keys: readonly string[],
  claims: readonly Claim[],
  isLater?: IsLater,
): Promise<Replacing> {
  const wall = ports.clock.wall();
  const done = await replaceEarlier(stores, registry, keys, claims, wall, isLater);
  const lanes = done.replaced.map(({ row }) => laneMarkOf(row));
  await payAtOnce(stores, { lanes, ids: [] }, wall, claims);

  return done;
}

function keyMarksOf(rows: readonly (NewTaskRow | TaskRow)[]): readonly string[] {
  return [...new Set(rows.map(keyMarkOf))].filter((key) => key !== undefined);
}
