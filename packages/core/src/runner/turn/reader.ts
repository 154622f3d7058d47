import { readReady, timePart } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import type { Moment } from '../../pure/transitions.js';
import { rowsByState } from '../../store/by-state.js';
import type { Draft } from './draft.js';
import type { Heads } from './heads.js';
import type { Source } from '../term/memory.js';
import type { Claiming } from './room.js';
import { hasRouteRoom } from './room.js';

/** How many rows a reader reads at once: few at first, because a row may have 32 KB; more if it passes many. */
const firstBatch = 16;
const largestBatch = 64;

/** Reads the rows of one source that are due. */
export interface Reader {
  readonly source: Source;
  /** The next row to check. `undefined`: no other row is due. */
  readonly peek: () => TaskRow | undefined;
  /** Goes on to the row after the one that was checked. `left`: that row stays as it is, and is checked again later. */
  readonly take: (left: boolean) => void;
  /** Reads more rows if all have been checked. It must be awaited before the next `peek`. */
  readonly fill: () => Promise<void>;
  /** How late the next row is, in milliseconds. A fresh row counts as infinitely late. */
  readonly lateness: () => number;
  /** Leaves the other rows for a later turn, because the gate lets no more through now. */
  readonly stop: () => void;
  /** Writes into the draft's memory how far the reader has come. */
  readonly close: () => Promise<void>;
}

/** Makes readers for the sources of some ranks that may have rows due, and whose rows may start. */
export async function openReaders(claiming: Claiming, ranks: readonly number[]): Promise<readonly Reader[]> {
  const { draft, heads } = claiming;
  const isDue = (source: Source): boolean => source.from <= clockOf(source, draft.moment);
  const due = [...draft.memory.sources.values()].filter(
    (source) => ranks.includes(source.rank) && isDue(source) && hasRouteRoom(claiming, source.route),
  );
  const readers = due.map((source) => createReader(draft, source, heads));
  await Promise.all(readers.map((reader) => reader.fill()));

  return readers;
}

/** Makes a reader of a source. It reads fresh rows by `seq`, from the position on, and timed rows up to now. */
function createReader(draft: Draft, source: Source, heads: Heads): Reader {
  const { memory, moment, stores } = draft;
  const fresh = source.letter === 'F';
  const clock = clockOf(source, moment);

  const claimed = new Set([...draft.running.values()].map(({ claim }) => claim.seq));
  const readAhead = memory.readAhead.get(source.prefix);
  memory.readAhead.delete(source.prefix);
  let batch: readonly TaskRow[] = [];
  let place = 0;
  let size = readAhead?.size ?? firstBatch;
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

  /** Keeps rows that were read and not checked, so that a later turn need not read them again. */
  function keepAhead(): void {
    if (fresh) memory.readAhead.set(source.prefix, { rows: batch.slice(place), size });
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

      let kept = lower === undefined ? readAhead?.rows : undefined;
      while (place >= batch.length && !ended) {
        const rows = kept ?? (await rowsByState(stores, range(), size));
        const last = rows.at(-1);
        if (last !== undefined) lower = [last.ready, last.seq + 1];
        if (kept === undefined) {
          ended = rows.length < size;
          size = Math.min(size * 2, largestBatch);
        }
        kept = undefined;
        // A strange row is skipped here, so that strange rows do not use up the checks of a turn. A claimed row, which
        // is read again after an edit, must not be kept, because it may be deleted before a later turn checks it.
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
        // All rows were read. New rows come with a "look again", or are found within a minute.
        else if (!left) memory.sources.delete(source.prefix);

        return;
      }

      // Read after this turn's writes, because they may be under the same prefix. A row that is due at once was noted.
      const noted = memory.sources.get(source.prefix) !== source;
      const next = await nextTime(stores, source, clock);
      memory.sources.set(source.prefix, { ...source, from: left || unread || noted ? 0 : next, next });
    },
  };
}

/** Moves a position on. The prefix that was read last is the last one of the map. */
function moveOn({ positions }: Draft['memory'], prefix: string, seq: number): void {
  positions.delete(prefix);
  positions.set(prefix, seq);
}

/** The clock by which a source's times are read. */
export function clockOf(source: Source, moment: Moment): number {
  return source.letter === '!' ? moment.wall : moment.now;
}

/** The first time of a source that is in the future. */
async function nextTime(stores: Draft['stores'], source: Source, clock: number): Promise<number> {
  const lower = [`${source.prefix}|${timePart(clock + 1)}`, 0];
  const upper = [`${source.prefix}|~`];
  const [row] = await rowsByState(stores, IDBKeyRange.bound(lower, upper), 1);

  // If a strange row comes first, the time is found within a minute.
  return readReady(row?.ready ?? '')?.when ?? Number.POSITIVE_INFINITY;
}
