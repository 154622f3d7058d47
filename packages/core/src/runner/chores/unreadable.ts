import { endedWithin } from '../../ports/wait.js';
import { readsVersion } from '../../pure/evolution.js';
import type { Route } from '../../pure/key.js';
import { runsFor } from '../../pure/owner.js';
import type { TaskRow } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import { dueFrom } from '../../pure/transitions.js';
import { prefixesOf, rangeAfter, rowsByState } from '../../store/by-state.js';
import type { StoredPayload } from '../../store/payloads.js';
import { readPayloads } from '../../store/payloads.js';
import { claimedRow } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import { decoded } from '../attempt/attempt.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';

/** How many rows of a route are tried at once. */
const triedAtOnce = 64;

/** How long the decoders of these rows may take, in milliseconds, whatever the timeouts of their types. */
const longestTry = 120_000;

interface UnreadableRow {
  readonly row: TaskRow;
  readonly stored: StoredPayload;
}

/**
 * Tries to decode the rows that an earlier build could not decode. Runs at the start of a term, after each sign-in,
 * because a sign-in may adopt such rows, and when the values of the session change. Of each route that may run now, it
 * tries all rows, 64 at a time. A row that decodes is due at once. Reading and decoding are separate slices, so that
 * neither begins after the end of the term.
 */
export async function* tryUnreadable(leader: Leader): AsyncGenerator<void, void, undefined> {
  const { context } = leader;
  const known = await read(context, (stores) => prefixesOf(stores, 'U'), ['tasks']);
  for (const { prefix, route } of known) {
    let from = isReadable(leader, route) ? 0 : undefined;
    while (from !== undefined) {
      yield;
      const { found, next } = await rowsFrom(leader, prefix, from);
      yield;
      await bringBack(leader, await decodableOf(leader, found));
      from = next;
    }
  }
}

/** Whether this build may read rows of a route, for who is signed in now. */
function isReadable({ context: { registry }, values }: Leader, route: Route): boolean {
  const reads = readsVersion(findType(registry, route.type), route.version);

  return reads && runsFor(registry, route, values.now().owner);
}

/** The next rows of a prefix. `next`: where to read on; `undefined`: these are the last. */
async function rowsFrom(
  { context }: Leader,
  prefix: string,
  from: number,
): Promise<{ readonly found: readonly UnreadableRow[]; readonly next: number | undefined }> {
  const range = rangeAfter(prefix, from);
  const all = await read(context, (stores) => rowsByState(stores, range, triedAtOnce), ['tasks']);
  const rows = all.filter(({ strange }) => strange !== true);
  const payloads = await readPayloads(
    context,
    rows.flatMap(({ ref }) => ref ?? []),
  );
  const found = rows.map((row) => ({
    row,
    stored: row.ref === undefined ? { value: row.payload } : (payloads.get(row.ref) ?? ({ lost: true } as const)),
  }));

  return { found, next: all.length < triedAtOnce ? undefined : all.at(-1)?.seq };
}

/**
 * Resolves with the rows whose payloads decode. Decodes outside of any transaction, because a decoder is the app's
 * code. A payload whose decoder takes longer than the longest timeout of these rows stays unreadable, and stops no
 * other.
 */
async function decodableOf({ context, signals }: Leader, found: readonly UnreadableRow[]): Promise<readonly TaskRow[]> {
  const decodable: TaskRow[] = [];
  const decode = async ({ row, stored }: UnreadableRow): Promise<void> => {
    try {
      const type = findType(context.registry, row.type);
      if (type !== undefined) await decoded(stored, { type, row });
      decodable.push(row);
    } catch {
      // It stays unreadable, and waits for another build.
    }
  };
  const timeouts = found.map(({ row }) => row.timeout ?? findType(context.registry, row.type)?.timeout ?? 0);
  const limit = Math.min(longestTry, Math.max(0, ...timeouts));
  await endedWithin(context.ports.clock, found.map(decode), limit, signals.gone);

  return [...decodable];
}

/** Makes the rows that decode due at once. */
async function bringBack(leader: Leader, readable: readonly TaskRow[]): Promise<void> {
  if (readable.length === 0) return;

  const done = await inFence(leader, 'audit', async ({ stores }) => {
    const rows = await Promise.all(readable.map((row) => claimedRow(stores, row)));
    for (const row of rows) {
      if (row !== undefined && row.strange !== true && row.ready.startsWith('U')) {
        stores.tasks.put(dueFrom(row, leader.clock.now()));
      }
    }
  });
  if (done !== undefined) leader.poke();
}
