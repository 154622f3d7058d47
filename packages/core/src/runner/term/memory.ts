import type { GateRow } from '../../pure/gate.js';
import type { Route } from '../../pure/key.js';
import { readReady } from '../../pure/key.js';
import type { TaskRow } from '../../pure/record.js';
import type { AnyRegistry } from '../../pure/registry.js';
import { findType } from '../../pure/registry.js';

/** The letters under which a row can be a candidate. */
export type CandidateLetter = 'F' | '@' | '!';

/** Rows of one letter, route and rank, of which there may be some to claim. */
export interface Source {
  readonly prefix: string;
  readonly letter: CandidateLetter;
  readonly route: Route;
  readonly rank: number;
  /** Timed ones: nothing before this time is left to check. 0: something that is due had to wait. */
  readonly from: number;
  /** Timed ones: the first time still to come, as far as it is known. */
  readonly next: number;
}

/** Rows of a fresh prefix behind its position, and how many to read next. */
export interface Ahead {
  readonly rows: readonly TaskRow[];
  readonly size: number;
}

/** What a runner remembers between turns. All of it may be forgotten at any time: it is read again from the database. */
export interface Memory {
  /** The pages' stamp under which all of this was read. */
  readonly stamp: unknown;
  /** How far each fresh prefix has been read: what lies at or below is gone, claimed, not fresh, or behind its head. */
  readonly positions: Map<string, number>;
  readonly sources: Map<string, Source>;
  readonly gates: Map<string, GateRow>;
  /** Fresh rows that were read and not checked yet, by prefix. */
  readonly ahead: Map<string, Ahead>;
  /** The heads of lanes, by mark: without a page's edit only the end of a claim changes who leads. */
  readonly heads: ReadonlyMap<string, number>;
  /** The positions as they are stored. */
  readonly stored: ReadonlyMap<string, number>;
  /** Turns since they were stored. */
  readonly unstored: number;
}

/** A copy that a turn may change: the original stands if the transaction aborts. */
export function copyOf(memory: Memory): Memory {
  return {
    ...memory,
    positions: new Map(memory.positions),
    sources: new Map(memory.sources),
    gates: new Map(memory.gates),
    ahead: new Map(memory.ahead),
  };
}

/** Takes note that a row was written under a timed key, so that its range is read in time. */
export function note(memory: Memory, ready: string, registry: AnyRegistry): void {
  const key = readReady(ready);
  if (key?.when === undefined || (key.letter !== '@' && key.letter !== '!') || !mayRun(registry, key.route)) return;

  noteTimed(memory, key.letter, key.prefix, key.route, key.rank, key.when);
}

/** Takes note of a timed prefix whose first row is due at `when`. */
export function noteTimed(
  memory: Memory,
  letter: '@' | '!',
  prefix: string,
  route: Route,
  rank: number,
  when: number,
): void {
  const found = memory.sources.get(prefix);
  const from = Math.min(found?.from ?? when, when);
  const next = Math.min(found?.next ?? when, when);
  memory.sources.set(prefix, { prefix, letter, route, rank, from, next });
}

/** Takes note of a fresh prefix under which a row lies. */
export function noteFresh({ sources }: Memory, prefix: string, route: Route, rank: number): void {
  sources.set(prefix, { prefix, letter: 'F', route, rank, from: 0, next: 0 });
}

/**
 * Whether the reading is still to come to a row, so that it needs no timed key: fresh, and behind what was read of its
 * prefix. Takes note of its prefix.
 */
export function isToBeRead(memory: Memory, row: TaskRow, registry: AnyRegistry): boolean {
  const key = readReady(row.ready);
  if (key?.letter !== 'F' || row.strange === true || row.seq <= (memory.positions.get(key.prefix) ?? 0)) return false;
  if (mayRun(registry, key.route)) noteFresh(memory, key.prefix, key.route, key.rank);

  return true;
}

/** So many heads are remembered. */
const headsKept = 10_000;

/** The heads as they are after a turn that read, or changed, some of them. */
export function headsAfter(
  { heads }: Memory,
  changed: ReadonlyMap<string, number | undefined>,
): ReadonlyMap<string, number> {
  const known = (heads.size < headsKept ? heads : new Map()) as Map<string, number>;
  for (const [lane, head] of changed) {
    if (head === undefined) known.delete(lane);
    else known.set(lane, head);
  }

  return known;
}

/** Whether this build runs tasks of a route, whatever its gate says: it knows type and version, and nobody's owner is here. */
export function mayRun(registry: AnyRegistry, route: Route): boolean {
  return route.owner === null && findType(registry, route.type)?.version === route.version;
}
