import { readReady, timePart } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import { laneOf } from '../../pure/record.js';
import type { Moment } from '../../pure/transitions.js';
import { rowsByState } from '../../store/by-state.js';
import { answer } from '../../store/requests.js';
import { marksIndex } from '../../store/setup.js';
import type { Draft } from './draft.js';
import type { Source } from '../term/memory.js';

/** Rows are read in batches of so many: small at first, larger where many are passed over. A row may hold 32 KB. */
const firstBatch = 16;
const largestBatch = 64;

/** Reads one source onward, as far as it is due. */
export interface Reader {
  readonly source: Source;
  /** The next row to check, or `undefined`: nothing more is due. */
  readonly peek: () => TaskRow | undefined;
  /** The row that was peeked has been checked. `left`: it stays where it is, and is checked again later. */
  readonly take: (left: boolean) => void;
  /** Reads on if the batch is used up; must be awaited before the next peek. */
  readonly fill: () => Promise<void>;
  /** How late the peeked row is, in milliseconds; fresh rows are as late as any. */
  readonly lateness: () => number;
  /** Leaves the rest where it is: its gate lets nothing more through now. */
  readonly stop: () => void;
  /** Writes into the draft's memory how far it came. */
  readonly close: () => Promise<void>;
}

/** The heads of the lanes that were met in this turn: read after its own deletes, so that no ghost leads. */
export interface Heads {
  readonly read: (rows: readonly TaskRow[]) => Promise<void>;
  readonly of: (row: TaskRow) => number | undefined;
}

/** The lanes' heads, each read once: no claim and no hold changes who leads. */
export function createHeads({ stores, heads, memory }: Draft): Heads {
  const index = stores.tasks.index(marksIndex);

  return {
    async read(rows) {
      const lanes = [...new Set(rows.map(laneOf))];
      const unknown = lanes.filter(
        (lane) => lane !== undefined && !heads.has(lane) && !memory.heads.has(lane),
      ) as readonly string[];
      const found = await Promise.all(unknown.map((lane) => answer(index.getKey(lane))));
      for (const [place, lane] of unknown.entries()) heads.set(lane, found[place] as number | undefined);
    },

    of(row) {
      const lane = laneOf(row) ?? '';

      return heads.has(lane) ? heads.get(lane) : memory.heads.get(lane);
    },
  };
}

/** Readers of the sources of a rank that may have something due, if they are `open`. */
export async function openReaders(
  draft: Draft,
  rank: number,
  heads: Heads,
  open: (source: Source) => boolean,
): Promise<readonly Reader[]> {
  const { memory, moment } = draft;
  const due = [...memory.sources.values()].filter(
    (source) => source.rank === rank && source.from <= clockOf(source, moment) && open(source),
  );
  const readers = due.map((source) => createReader(draft, source, heads));
  await Promise.all(readers.map((reader) => reader.fill()));

  return readers;
}

/** A reader of a source. Fresh rows go by `seq` from the position on, timed ones by their time up to now. */
function createReader(draft: Draft, source: Source, heads: Heads): Reader {
  const { memory, moment, stores } = draft;
  const fresh = source.letter === 'F';
  const clock = clockOf(source, moment);

  const claimed = new Set([...draft.running.values()].map(({ claim }) => claim.seq));
  const ahead = memory.ahead.get(source.prefix);
  memory.ahead.delete(source.prefix);
  let batch: readonly TaskRow[] = [];
  let place = 0;
  let size = ahead?.size ?? firstBatch;
  let ended = false;
  let left = false;
  let lower: [string, number] | undefined;

  function range(): IDBKeyRange {
    const upper = [fresh ? source.prefix : `${source.prefix}|${timePart(clock)}`, Number.POSITIVE_INFINITY];
    const first = fresh ? [source.prefix, (memory.positions.get(source.prefix) ?? 0) + 1] : [`${source.prefix}|`, 0];

    return IDBKeyRange.bound(lower ?? first, upper);
  }

  function peek(): TaskRow | undefined {
    return batch[place];
  }

  /** What was read and not checked is checked by a later turn, without being read again. */
  function keepAhead(): void {
    if (fresh) memory.ahead.set(source.prefix, { rows: batch.slice(place), size });
  }

  return {
    source,
    peek,

    take(stays) {
      const row = peek();
      if (row === undefined) return;

      place += 1;
      left ||= stays;
      if (fresh) moveOn(memory, source.prefix, row.seq);
    },

    async fill() {
      if (place < batch.length || ended) return;

      let kept = lower === undefined ? ahead?.rows : undefined;
      while (place >= batch.length && !ended) {
        const rows = kept ?? (await rowsByState(stores, range(), size));
        const last = rows.at(-1);
        if (last !== undefined) lower = [last.ready, last.seq + 1];
        if (kept === undefined) {
          ended = rows.length < size;
          size = Math.min(size * 2, largestBatch);
        }
        kept = undefined;
        // A strange row is skipped here, so that no number of them uses up the checks of a turn. A claimed one, which is
        // read again after an edit, must not be kept: it may end, and go, before a later turn comes to it.
        batch = rows.filter(({ strange, seq }) => strange !== true && !claimed.has(seq));
        place = 0;
      }
      await heads.read(batch);
    },

    lateness: () => (fresh ? Number.POSITIVE_INFINITY : clock - (readReady(peek()?.ready ?? '')?.when ?? clock)),

    stop() {
      left ||= peek() !== undefined || !ended;
      keepAhead();
      batch = [];
      place = 0;
      ended = true;
    },

    async close() {
      const unread = peek() !== undefined || !ended;
      if (fresh) {
        if (unread) keepAhead();
        // All read: new ones come with a "look again", or at the latest with the poll.
        else if (!left) memory.sources.delete(source.prefix);

        return;
      }

      // Read after this turn's own writes, so that those under the same prefix are in it.
      const next = await nextTime(stores, source, clock);
      memory.sources.set(source.prefix, { ...source, from: left || unread ? 0 : next, next });
    },
  };
}

/** The prefix that was read last comes last. */
function moveOn({ positions }: Draft['memory'], prefix: string, seq: number): void {
  positions.delete(prefix);
  positions.set(prefix, seq);
}

/** The clock by which a source's times are read. */
export function clockOf(source: Source, moment: Moment): number {
  return source.letter === '!' ? moment.wall : moment.now;
}

/** The first time of a source that is still to come. */
async function nextTime(stores: Draft['stores'], source: Source, clock: number): Promise<number> {
  const lower = [`${source.prefix}|${timePart(clock + 1)}`, 0];
  const upper = [`${source.prefix}|~`];
  const [row] = await rowsByState(stores, IDBKeyRange.bound(lower, upper), 1);

  // If a strange row hides the first time, the poll finds it.
  return readReady(row?.ready ?? '')?.when ?? Number.POSITIVE_INFINITY;
}
