import { isPromiseLike } from '../../pure/codec.js';
import type { TaskRow } from '../../pure/record.js';
import { stateKeys } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import { dueAfter } from '../../pure/transitions.js';
import { behind, prefixesOf, rowsByState } from '../../store/by-state.js';
import type { Stores } from '../../store/requests.js';
import type { StoredPayload } from '../../store/payloads.js';
import { readPayloads } from '../../store/payloads.js';
import { claimedRow, numbersOf } from '../../store/rows.js';
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
 * Tries again, at each start, what an earlier build could not decode: 64 of a route, from the stored place on and round
 * the end; each one that decodes brings the next, one round at most. So of many that this build can't read either, each
 * start tries the next 64. What decodes is due at once. Ends early if the runner was deposed or is `gone`.
 */
export async function tryUnreadable(leader: Leader, gone: AbortSignal): Promise<void> {
  const { context } = leader;
  const find = async (stores: Pick<Stores, 'tasks' | 'state'>): Promise<readonly Start[]> => {
    const places = await numbersOf(stores, stateKeys.unreadable);
    const known = (await prefixesOf(stores, 'U')).filter(({ route }) => mayRun(context.registry, route));

    return known.map(({ prefix }) => ({ prefix, place: places[prefix] ?? 0 }));
  };
  for (const start of await look(context, find, ['tasks', 'state'])) {
    if (!(await tryRoute(leader, start, gone))) return;
  }
}

/** A route of which there is something to try, and behind which `seq` that begins. */
interface Start {
  readonly prefix: string;
  readonly place: number;
}

/** Resolves with false if the runner was deposed. */
async function tryRoute(leader: Leader, start: Start, gone: AbortSignal): Promise<boolean> {
  const { prefix } = start;
  let { place } = start;
  let wrapped = false;
  while (!leader.gone) {
    const found = await rowsFrom(leader, prefix, place, wrapped ? start.place : Number.POSITIVE_INFINITY);
    const readable = await decodableOf(leader, found, gone);
    const last = found.at(-1)?.row.seq ?? 0;
    if (!(await bringBack(leader, prefix, readable, last))) return false;

    const more = found.length === triedAtOnce;
    if (more && readable.length > 0) {
      place = last;
    } else if (!more && !wrapped && start.place > 0) {
      wrapped = true;
      place = 0;
    } else {
      return true;
    }
  }

  return false;
}

async function rowsFrom({ context }: Leader, prefix: string, place: number, until: number): Promise<readonly Found[]> {
  if (place >= until) return [];

  const range = behind(prefix, place, until);
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

async function bringBack(
  leader: Leader,
  prefix: string,
  readable: readonly TaskRow[],
  place: number,
): Promise<boolean> {
  const done = await inFence(leader, 'audit', async ({ stores }) => {
    const rows = await Promise.all(readable.map((row) => claimedRow(stores, row)));
    for (const row of rows) {
      if (row !== undefined && row.strange !== true && row.ready.startsWith('U')) {
        stores.tasks.put(dueAfter(row, momentOf(leader), 0));
      }
    }
    stores.state.put({ ...(await numbersOf(stores, stateKeys.unreadable)), [prefix]: place }, stateKeys.unreadable);
  });
  if (done !== undefined && readable.length > 0) leader.poke();

  return done !== undefined;
}
