import { endedWithin } from '../../ports/wait.js';
import { isPromiseLike } from '../../pure/codec.js';
import type { TaskRow } from '../../pure/record.js';
import { findType } from '../../pure/registry.js';
import type { StoredPayload } from '../../store/payloads.js';
import { readPayloads } from '../../store/payloads.js';
import { claimedRow } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';

/** A payload that was decoded, or could not be. `undefined`: its decoder has not ended yet. */
export type Decoded = { readonly payload: unknown } | 'unreadable' | undefined;

/** A row with what its payload is. */
export interface Read {
  readonly row: TaskRow;
  readonly decoded: Decoded;
}

/** What was read before, by `payloadKeyOf`. */
export type Known = Map<string, Exclude<Decoded, undefined>>;

/** Reads and decodes the payloads of rows. */
export interface Payloads {
  /**
   * Gives the rows with their payloads, those of `known` without reading them. Waits up to so many milliseconds for
   * decoders that are asynchronous. Leaves out a task that ended meanwhile.
   */
  readonly read: (rows: readonly TaskRow[], known: Known, patience: number) => Promise<readonly Read[]>;
  /** Resolves when a decoder of these rows has ended, or is given up; `undefined`: none of them is under way. */
  readonly ended: (rows: readonly TaskRow[]) => Promise<void> | undefined;
}

/** A decoder that takes longer, in milliseconds, is given up: the payload counts as unreadable until it ends. */
export const longestDecoding = 10_000;

/** Decoders are called for so long, in milliseconds; then the page has its turn. */
const slice = 10;

/** A decoder that has not ended. It is asked once for a payload, however often that is shown. */
interface Underway {
  readonly since: number;
  readonly end: Promise<Exclude<Decoded, undefined>>;
}

/** The same for the same payload of a task. */
function payloadKeyOf({ seq, id, version, revision = 0 }: TaskRow): string {
  return JSON.stringify([seq, id, version, revision]);
}

/** A reader of payloads, which all calls and watches of a context share. */
export function createPayloads(context: BasketContext): Payloads {
  const { clock } = context.ports;
  const underway = new Map<string, Underway>();

  function decode({ row, stored }: Loaded, known: Known): void {
    const key = payloadKeyOf(row);
    const type = findType(context.registry, row.type);
    if (type === undefined || type.version !== row.version || 'lost' in stored || row.strange === true) {
      known.set(key, 'unreadable');

      return;
    }
    try {
      const payload = type.codec.decode(stored.value);
      if (!isPromiseLike(payload)) {
        known.set(key, { payload });

        return;
      }
      const end = Promise.resolve(payload).then(
        (value) => ({ payload: value }),
        () => 'unreadable' as const,
      );
      underway.set(key, { since: clock.monotonic(), end });
      void end.then(() => underway.delete(key)); // It never rejects.
    } catch {
      known.set(key, 'unreadable');
    }
  }

  function underwayOf(rows: readonly TaskRow[]): readonly Underway[] {
    return rows.flatMap((row) => underway.get(payloadKeyOf(row)) ?? []);
  }

  return {
    async read(rows, known, patience) {
      const unread = rows.filter((row) => !known.has(payloadKeyOf(row)) && !underway.has(payloadKeyOf(row)));
      const loaded = await load(context, unread);
      let began = clock.monotonic();
      for (const one of loaded) {
        decode(one, known);
        if (clock.monotonic() - began < slice) continue;
        await clock.turnOfTheLoop();
        began = clock.monotonic();
      }

      const now = new Map(loaded.map(({ row }) => [row.seq, row]));
      const gone = new Set(unread.filter(({ seq }) => !now.has(seq)));
      const there = rows.filter((row) => !gone.has(row)).map((row) => now.get(row.seq) ?? row);
      for (const row of there) {
        void underway.get(payloadKeyOf(row))?.end.then((decoded) => known.set(payloadKeyOf(row), decoded)); // It never rejects.
      }
      // What left the page is forgotten.
      const shown = new Set(there.map(payloadKeyOf));
      for (const key of known.keys()) if (!shown.has(key)) known.delete(key);

      const waited = underwayOf(there);
      const wait = Math.max(...waited.map(({ since }) => since + patience - clock.monotonic()));
      if (wait > 0)
        await endedWithin(
          clock,
          waited.map(({ end }) => end),
          wait,
        );

      return there.map((row) => {
        const { since } = underway.get(payloadKeyOf(row)) ?? {};
        const late = since !== undefined && clock.monotonic() - since >= longestDecoding;

        return { row, decoded: known.get(payloadKeyOf(row)) ?? (late ? 'unreadable' : undefined) };
      });
    },

    ended(rows) {
      const waited = underwayOf(rows).filter(({ since }) => clock.monotonic() - since < longestDecoding);
      if (waited.length === 0) return undefined;
      const oldest = Math.min(...waited.map(({ since }) => since));

      return endedWithin(
        clock,
        [Promise.race(waited.map(({ end }) => end))],
        oldest + longestDecoding - clock.monotonic(),
      );
    },
  };
}

/** A row with the stored payload that belongs to it. */
interface Loaded {
  readonly row: TaskRow;
  readonly stored: StoredPayload;
}

/**
 * The payloads of rows. Those that lie apart are read by themselves, so that nothing waits for a large one that is being
 * written. What has no payload then is looked at again: left out if its task has ended meanwhile, and lost only if its
 * row says that it should be there.
 */
async function load(context: BasketContext, rows: readonly TaskRow[]): Promise<readonly Loaded[]> {
  const inline = (row: TaskRow): Loaded => ({ row, stored: { value: row.payload } });
  if (rows.every(({ ref }) => ref === undefined)) return rows.map(inline);

  const found = await readPayloads(
    context,
    rows.flatMap(({ ref }) => ref ?? []),
  );
  const loaded = rows.map((row): Loaded =>
    row.ref === undefined ? inline(row) : { row, stored: found.get(row.ref) ?? { lost: true } },
  );
  const certain = loaded.map(async (one): Promise<readonly Loaded[]> => {
    if (!('lost' in one.stored)) return [one];
    const row = await read(context, (stores) => claimedRow(stores, one.row), ['tasks']);
    if (row === undefined) return [];

    return row.ref === one.row.ref ? [one] : load(context, [row]);
  });

  return (await Promise.all(certain)).flat();
}
