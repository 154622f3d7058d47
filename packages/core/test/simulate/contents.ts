import type { GateRow } from '../../src/pure/gate.js';
import type { Ready } from '../../src/pure/key.js';
import { readReady } from '../../src/pure/key.js';
import type { OutcomeRow, RunnerRow, TaskRow } from '../../src/pure/record.js';

/** Everything that is stored, at one instant. Values are shared between instants: the same object means unchanged. */
export interface Contents {
  readonly tasks: ReadonlyMap<number, TaskRow>;
  /** Those of both stores: no key of one is a key of the other. */
  readonly payloads: ReadonlyMap<string, unknown>;
  readonly outcomes: ReadonlyMap<number, OutcomeRow>;
  readonly state: ReadonlyMap<string, unknown>;
  readonly notes: ReadonlyMap<number, unknown>;
}

/** A database with nothing in it. */
export const nothing: Contents = {
  tasks: new Map(),
  payloads: new Map(),
  outcomes: new Map(),
  state: new Map(),
  notes: new Map(),
};

/** What is reached into of the in-memory IndexedDB: reading it is synchronous and takes no part in any transaction. */
interface Internals {
  readonly _rawDatabase: {
    readonly rawObjectStores: ReadonlyMap<
      string,
      { readonly records: { values(): Iterable<{ readonly key: unknown; readonly value: unknown }> } }
    >;
  };
}

/**
 * Reads what a transaction has committed. Only its own stores are read: in any other another transaction may be at work.
 */
export function readContents(
  before: Contents,
  { db, objectStoreNames }: IDBTransaction,
  stores: readonly string[],
  notes: string,
): Contents {
  const raw = (db as unknown as Internals)._rawDatabase.rawObjectStores;
  const read = (name: string | undefined, known: ReadonlyMap<unknown, unknown>): ReadonlyMap<never, never> => {
    if (name === undefined || !objectStoreNames.contains(name)) return known as ReadonlyMap<never, never>;
    const records = raw.get(name)?.records.values();

    return new Map([...(records ?? [])].map(({ key, value }) => [key as never, value as never]));
  };

  const part = (heavy: boolean): ReadonlyMap<string, unknown> =>
    new Map([...before.payloads].filter(([key]) => isBody(key) === heavy));

  return {
    tasks: read(stores[0], before.tasks),
    payloads: new Map([
      ...read(stores[1], part(false)),
      ...read(stores[1]?.replace(/payloads$/, 'bodies'), part(true)),
    ]),
    outcomes: read(stores[2], before.outcomes),
    state: read(stores[3], before.state),
    notes: read(notes, before.notes),
  };
}

/** Whether a payload's key is that of a heavy body. Written out here: what is checked must not check itself. */
export function isBody(key: string): boolean {
  return key.includes('|');
}

/** The id of a heavy body's task. */
export function idOfBody(key: string): string {
  return key.split('|')[1] ?? '';
}

/** The runner's row. */
export function runnerOf(contents: Contents): RunnerRow | undefined {
  return contents.state.get('runner') as RunnerRow | undefined;
}

/** The stored positions, by prefix. */
export function positionsOf(contents: Contents): Readonly<Record<string, number>> {
  return (contents.state.get('positions') ?? {}) as Readonly<Record<string, number>>;
}

/** The record of a gate. */
export function gateOf(contents: Contents, name: string): GateRow | undefined {
  return contents.state.get(`gate:${name}`) as GateRow | undefined;
}

const keys = new WeakMap<TaskRow, Ready>();

/** What a row's key says. Throws for a key that cannot be read. */
export function readyOf(row: TaskRow): Ready {
  const known = keys.get(row);
  if (known !== undefined) return known;

  const ready = readReady(row.ready);
  if (ready === undefined) throw new Error(`The key "${row.ready}" of ${row.id} cannot be read.`);
  keys.set(row, ready);

  return ready;
}

/** A part of a key. Written out here: what is checked must not check itself. */
export function partOf(name: string): string {
  return name.replaceAll('%', '%25').replaceAll('|', '%7C');
}

/** The mark of a row's lane. Written out here: what is checked must not check itself. */
export function laneMarkOf(row: TaskRow): string | undefined {
  return row.lane === undefined ? undefined : `L${partOf(row.owner ?? '')}|${partOf(row.lane)}`;
}

/** The heads of all lanes: the lowest `seq` that carries the mark. */
export function headsOf(contents: Contents): ReadonlyMap<string, TaskRow> {
  const heads = new Map<string, TaskRow>();
  for (const row of contents.tasks.values()) {
    for (const mark of row.marks) {
      if (!mark.startsWith('L')) continue;
      const head = heads.get(mark);
      if (head === undefined || row.seq < head.seq) heads.set(mark, row);
    }
  }

  return heads;
}
