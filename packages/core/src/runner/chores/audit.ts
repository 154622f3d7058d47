import { above, readReady } from '../../pure/key.js';
import { parentsSay } from '../../pure/parents.js';
import type { TaskRow } from '../../pure/record.js';
import type { Pauses } from '../../pure/pause.js';
import { pausesOf } from '../../pure/pause.js';
import { rowOf } from '../../pure/stored.js';
import { dueFrom } from '../../pure/transitions.js';
import type { Stores } from '../../store/requests.js';
import { rangeAfter, rowsByState } from '../../store/by-state.js';
import { parentsOf } from '../../store/parents.js';
import { pausesNow } from '../../store/pauses.js';
import { answer, walk } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import { inFence } from '../term/fence.js';
import type { Leader } from '../term/leader.js';
import { runs } from '../term/leader.js';

/** How many lanes, or rows, one transaction of an audit checks. */
const lanesASlice = 200;
const rowsASlice = 256;

/**
 * Searches for heads, and rows without a lane, that the runner would never read, and gives each a timed key. It reads
 * the head of each lane, then fresh rows that are not above their position, then held rows without a lane. Each slice
 * is a fenced transaction.
 */
export async function* audit(leader: Leader): AsyncGenerator<void, void, undefined> {
  for (const part of [lanesFrom, freshFrom, heldFrom]) {
    let from: SliceStart | undefined = { key: '', seq: 0 };
    while (from !== undefined) {
      const place: SliceStart = from;
      const done: { readonly result: Slice } | undefined = await inFence(leader, 'audit', async ({ stores }) => {
        const [slice, pauses] = await Promise.all([
          part(leader, stores, place),
          pausesNow(leader.context.registry, stores),
        ]);
        const unreachable = slice.unreachable.filter((row) => !isPaused(row, pauses));
        for (const row of unreachable) stores.tasks.put(dueFrom(row, leader.clock.now()));

        return { ...slice, unreachable };
      });
      if (done === undefined) return;

      const { unreachable, next } = done.result;
      // The rows now have timed keys, whose prefixes the runner may not know.
      if (unreachable.length > 0) leader.signals.poked = true;
      from = next;
      leader.onAudit(unreachable.length);
      yield;
    }
  }
}

/** The key at which a slice begins. */
interface SliceStart {
  readonly key: string;
  readonly seq: number;
}

interface Slice {
  readonly unreachable: readonly TaskRow[];
  readonly next: SliceStart | undefined;
}

/** The heads of up to 200 lanes. */
async function lanesFrom(leader: Leader, stores: Stores, from: SliceStart): Promise<Slice> {
  const index = stores.tasks.index(marksIndex);
  const heads: { readonly lane: string; readonly seq: number }[] = [];

  const start = from.key === '' ? 'L' : `${from.key}\u0000`;
  await walk(index.openKeyCursor(IDBKeyRange.bound(start, above('L'))), (cursor) => {
    const lane = cursor.key as string;
    heads.push({ lane, seq: cursor.primaryKey as number });
    cursor.continue(`${lane}\u0000`);

    return heads.length < lanesASlice;
  });

  const rows = await Promise.all(heads.map(async ({ seq }) => rowOf(await answer(stores.tasks.get(seq)))));
  const last = heads.at(-1);
  const taken = new Set([...leader.running.values()].map(({ claim }) => claim.lane));

  const free = rows.filter((row, place) => row !== undefined && !taken.has(heads[place]?.lane)) as TaskRow[];

  return {
    unreachable: await unreachableOf(leader, stores, free),
    next: heads.length < lanesASlice || last === undefined ? undefined : { key: last.lane, seq: 0 },
  };
}

/** Fresh rows without a lane that are not above the position of their prefix. */
async function freshFrom(leader: Leader, stores: Stores, from: SliceStart): Promise<Slice> {
  const positions = [...(leader.remembered.memory?.positions ?? [])].sort(([one], [other]) => (one < other ? -1 : 1));
  const current = positions.find(([prefix]) => prefix >= from.key && prefix.startsWith('F'));
  if (current === undefined) return { unreachable: [], next: undefined };

  const [prefix, position] = current;
  const seq = prefix === from.key ? from.seq : 0;
  const rows = seq < position ? await rowsByState(stores, rangeAfter(prefix, seq, position), rowsASlice) : [];
  const last = rows.at(-1);

  return {
    unreachable: await unreachableOf(leader, stores, withoutLane(rows)),
    next:
      last === undefined || rows.length < rowsASlice
        ? { key: `${prefix}\u0000`, seq: 0 }
        : { key: prefix, seq: last.seq },
  };
}

/** Held rows without a lane. Only a pause, or a parent, holds such a row. */
async function heldFrom(leader: Leader, stores: Stores, from: SliceStart): Promise<Slice> {
  const lower = from.key === '' ? ['H'] : [from.key, from.seq + 1];
  const rows = await rowsByState(stores, IDBKeyRange.bound(lower, [above('H')]), rowsASlice);
  const last = rows.at(-1);

  return {
    unreachable: await unreachableOf(leader, stores, withoutLane(rows)),
    next: last === undefined || rows.length < rowsASlice ? undefined : { key: last.ready, seq: last.seq },
  };
}

/** Whether a row is held because it is paused. */
function isPaused(row: TaskRow, pauses: Pauses): boolean {
  return row.ready.startsWith('H') && pausesOf(row, pauses).length > 0;
}

function withoutLane(rows: readonly TaskRow[]): readonly TaskRow[] {
  return rows.filter(({ lane }) => lane === undefined);
}

/** Which of these rows the runner would never read. Each is the head of its lane, or has none. */
async function unreachableOf(leader: Leader, stores: Stores, rows: readonly TaskRow[]): Promise<readonly TaskRow[]> {
  const unreachable = await Promise.all(rows.map((row) => isUnreachable(leader, stores, row)));

  return rows.filter((_, place) => unreachable[place]);
}

async function isUnreachable(leader: Leader, stores: Stores, row: TaskRow): Promise<boolean> {
  if (runs(leader.running, row)) return false;

  const ready = readReady(row.ready);
  // A strange row is left alone: if a later version of the library wrote it, only that version knows why it waits.
  if (ready === undefined || row.strange === true) return false;
  if (ready.letter === 'H') {
    const claims = [...leader.running.values()].map(({ claim }) => claim);

    return parentsSay(row, await parentsOf(stores, row, claims)) !== 'hold';
  }

  return ready.letter === 'F' && row.seq <= (leader.remembered.memory?.positions.get(ready.prefix) ?? 0);
}
