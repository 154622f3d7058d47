import { isPromiseLike } from '../../pure/codec.js';
import type { TaskRow } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import { dueAfter } from '../../pure/transitions.js';
import { behind, prefixesOf, rowsByState } from '../../store/by-state.js';
import type { StoredPayload } from '../../store/payloads.js';
import { readPayloads } from '../../store/payloads.js';
import { claimedRow } from '../../store/rows.js';
import { look } from '../../store/transact.js';
import { createBell } from '../term/bell.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';
import { momentOf } from '../term/leader.js';
import { mayRun } from '../term/memory.js';

/** So many of a route are tried at once; one that decodes brings the next. */
const triedAtOnce = 64;

interface Found {
  readonly row: TaskRow;
  readonly stored: StoredPayload;
}

/**
 * Tries again, at each start, what an earlier build could not decode: 64 rows of a route, and the next 64 as long as one
 * of them decodes. What decodes is due at once. Ends early if the runner was deposed or is `gone`.
 */
export async function tryUnreadable(leader: Leader, gone: AbortSignal): Promise<void> {
  const { context } = leader;
  const known = await look(context, (stores) => prefixesOf(stores, 'U'), ['tasks']);
  for (const { prefix, route } of known) {
    if (mayRun(context.registry, route)) await tryRoute(leader, prefix, gone);
  }
}

async function tryRoute(leader: Leader, prefix: string, gone: AbortSignal): Promise<void> {
  let from = 0;
  while (!leader.gone) {
    const found = await rowsFrom(leader, prefix, from);
    const readable = await decodableOf(leader, found, gone);
    if (readable.length === 0 || !(await bringBack(leader, readable))) return;

    from = found.at(-1)?.row.seq ?? from;
  }
}

async function rowsFrom({ context }: Leader, prefix: string, from: number): Promise<readonly Found[]> {
  const range = behind(prefix, from);
  const all = await look(context, (stores) => rowsByState(stores, range, triedAtOnce), ['tasks']);
  const rows = all.filter(({ strange }) => strange !== true);
  const found = await readPayloads(
    context,
    rows.flatMap(({ ref }) => ref ?? []),
  );

  return rows.map((row) => ({
    row,
    stored: row.ref === undefined ? { value: row.payload } : (found.get(row.ref) ?? { lost: true }),
  }));
}

/**
 * Decodes outside of any transaction: it is the app's code. What has not come to its end within the time of an attempt,
 * the longest of them all, stays unreadable, and the others are not held up by it.
 */
async function decodableOf(
  { context }: Leader,
  found: readonly Found[],
  gone: AbortSignal,
): Promise<readonly TaskRow[]> {
  if (gone.aborted) return [];

  const decodable: TaskRow[] = [];
  const bell = createBell();
  const decode = async ({ row, stored }: Found): Promise<void> => {
    try {
      if ('lost' in stored) return;
      const payload = findType(context.registry, row.type)?.codec.decode(stored.value);
      if (isPromiseLike(payload)) await payload;
      decodable.push(row);
    } catch {
      // Still unreadable, as it was: it stays, visible, for another build.
    }
  };
  const timeouts = found.map(({ row }) => row.timeout ?? findType(context.registry, row.type)?.timeout ?? 0);

  void Promise.all(found.map(decode)).then(bell.ring); // None of them rejects.
  gone.addEventListener('abort', bell.ring);
  await bell.rungWithin(context.ports.clock, Math.max(0, ...timeouts));
  gone.removeEventListener('abort', bell.ring);

  return [...decodable];
}

/** Resolves with false if the runner was deposed. */
async function bringBack(leader: Leader, readable: readonly TaskRow[]): Promise<boolean> {
  const done = await inFence(leader, 'audit', async ({ stores }) => {
    const rows = await Promise.all(readable.map((row) => claimedRow(stores, row)));
    for (const row of rows) {
      if (row !== undefined && row.strange !== true && row.ready.startsWith('U')) {
        stores.tasks.put(dueAfter(row, momentOf(leader), 0));
      }
    }
  });
  if (done !== undefined && readable.length > 0) leader.poke();

  return done !== undefined;
}
