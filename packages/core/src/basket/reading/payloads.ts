import { endedWithin } from '../../ports/wait.js';
import { isPromiseLike } from '../../pure/codec.js';
import { decodedFrom, readsVersion } from '../../pure/evolution.js';
import type { TaskRow } from '../../pure/record.js';
import { findType } from '../../pure/find-type.js';
import { isPresent } from '../../pure/state.js';
import type { StoredPayload } from '../../store/payloads.js';
import { readPayloads } from '../../store/payloads.js';
import { claimedRow } from '../../store/rows.js';
import { read } from '../../store/transact.js';
import type { BasketContext } from '../context/context.js';

/** The state of a payload. If it has neither `end` nor `read`, the payload cannot be read. */
interface Decoding {
  /** When its decoder was called, by the monotonic clock. */
  readonly since: number;
  /** Resolves when the asynchronous decoder has ended; absent then. It never rejects. */
  end?: Promise<void>;
  read?: { readonly payload: unknown };
}

/** The payloads that were already read, by `payloadKeyOf`. */
export type Known = Map<string, Decoding>;

/** Rows with their payloads. */
export interface Read {
  readonly rows: readonly {
    readonly row: TaskRow;
    /** `undefined`: the payload cannot be read. `{ payload: undefined }`: its decoder is still running. */
    readonly payload: { readonly payload: unknown } | undefined;
  }[];
  /** Resolves when one of the running decoders has ended or is given up. `undefined`: no decoder is running. */
  readonly later: Promise<void> | undefined;
}

/**
 * Reads and decodes the payloads of rows that are not in `known`. Waits `patience` milliseconds at most for
 * asynchronous decoders. Leaves out a task that ended meanwhile.
 */
export type Payloads = (rows: readonly TaskRow[], known: Known, patience: number) => Promise<Read>;

/**
 * How long a decoder may take, in milliseconds. After that, the payload counts as unreadable until the decoder ends.
 */
export const longestDecoding = 10_000;

/** Decoders are called for at most so many milliseconds in a row; then the page can do other work. */
const slice = 10;

/** A text that is the same as long as a task has the same payload. */
function payloadKeyOf({ seq, id, version, revision = 0 }: TaskRow): string {
  return JSON.stringify([seq, id, version, revision]);
}

/** Makes a reader of payloads, which all calls and watches of a context share. */
export function createPayloads(context: BasketContext): Payloads {
  const { clock } = context.ports;
  /** Decoders that are running. A decoder is called once for a payload, however often the payload is shown. */
  const underway: Known = new Map();

  function decode({ row, stored }: Loaded): Decoding {
    const decoding: Decoding = { since: clock.monotonic() };
    const type = findType(context.registry, row.type);
    if (type === undefined || !readsVersion(type, row.version) || 'lost' in stored || row.strange === true)
      return decoding;
    try {
      const payload = decodedFrom(type, row.version, stored.value);
      if (isPromiseLike(payload)) attend(payloadKeyOf(row), decoding, payload);
      else decoding.read = { payload };
    } catch {
      // It cannot be read.
    }

    return decoding;
  }

  function attend(key: string, decoding: Decoding, answer: PromiseLike<unknown>): void {
    const end = (): void => {
      delete decoding.end;
      underway.delete(key);
    };
    underway.set(key, decoding);
    decoding.end = Promise.resolve(answer)
      .then((payload) => void (decoding.read = { payload }))
      .then(end, end);
  }

  return async (rows, known, patience) => {
    for (const key of rows.map(payloadKeyOf)) {
      const decoding = underway.get(key);
      if (decoding !== undefined) known.set(key, decoding);
    }
    const unread = new Set(rows.filter((row) => !known.has(payloadKeyOf(row))));
    const loaded = await load(context, [...unread]);
    let began = clock.monotonic();
    for (const one of loaded) {
      known.set(payloadKeyOf(one.row), decode(one));
      if (clock.monotonic() - began < slice) continue;
      await clock.turnOfTheLoop();
      began = clock.monotonic();
    }

    // A task whose payload was read just now may have ended meanwhile, or have another payload.
    const now = new Map(loaded.map(({ row }) => [row.seq, row]));
    const there = rows.flatMap((row) => (unread.has(row) ? (now.get(row.seq) ?? []) : row));
    const keys = new Set(there.map(payloadKeyOf));
    for (const key of known.keys()) if (!keys.has(key)) known.delete(key);

    const open = [...known.values()].filter(({ end }) => end !== undefined);
    const wait = Math.max(...open.map(({ since }) => since + patience - clock.monotonic()));
    if (wait > 0)
      await endedWithin(
        clock,
        open.flatMap(({ end }) => end ?? []),
        wait,
      );

    const late = clock.monotonic() - longestDecoding;
    const waited = open.filter(({ end, since }) => end !== undefined && since > late);
    const oldest = Math.min(...waited.map(({ since }) => since));
    const next = Promise.race(waited.flatMap(({ end }) => end ?? []));

    return {
      rows: there.map((row) => {
        const decoding = known.get(payloadKeyOf(row));
        const waits = waited.some((one) => one === decoding);

        return { row, payload: waits ? { payload: undefined } : decoding?.read };
      }),
      later: waited.length === 0 ? undefined : endedWithin(clock, [next], oldest - late),
    };
  };
}

/** A row with the stored payload that belongs to it. */
interface Loaded {
  readonly row: TaskRow;
  readonly stored: StoredPayload;
}

/**
 * Reads the payloads of rows. Payloads in other stores are read in transactions of their own, so that nothing waits
 * while a large one is written. If a payload is not found, its row is read again: the task may have ended meanwhile,
 * and the payload is lost only if the row still names it.
 */
async function load(context: BasketContext, rows: readonly TaskRow[]): Promise<readonly Loaded[]> {
  const refs = rows.flatMap(({ ref }) => ref ?? []);
  const found = await readPayloads(context, refs);
  const loaded = rows.map(async (row): Promise<readonly Loaded[]> => {
    const stored = row.ref === undefined ? { value: row.payload } : found.get(row.ref);
    if (stored !== undefined && 'value' in stored) return [{ row, stored }];
    const now = await read(context, (stores) => claimedRow(stores, row), ['tasks']);
    if (!isPresent(now)) return [];

    return now.ref === row.ref ? [{ row, stored: { lost: true } }] : load(context, [now]);
  });

  return (await Promise.all(loaded)).flat();
}
