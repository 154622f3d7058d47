import type { GateRow } from '../../pure/gate.js';
import { readsVersion } from '../../pure/evolution.js';
import type { Ready, Route } from '../../pure/key.js';
import { readReady } from '../../pure/key.js';
import { runsFor } from '../../pure/owner.js';
import type { Pauses } from '../../pure/pause.js';
import { isRoutePaused } from '../../pure/pause.js';
import type { TaskRow } from '../../pure/record.js';
import type { AnyRegistry } from '../../pure/registry.js';
import { findType } from '../../pure/find-type.js';
import type { SignedIn } from './values.js';
import { waitsForValues } from './values.js';

/** A prefix under which there may be rows to claim: a fresh one (`F`) or a timed one (`@`, `!`). */
export interface Source extends Omit<Ready, 'when'> {
  /** Of a timed prefix: no row before this time is left to check. 0: a row that is due had to wait. */
  readonly from: number;
  /** Of a timed prefix: the first time in the future, as far as it is known. */
  readonly next: number;
}

/** The rows of a fresh prefix that were read ahead, and how many to read next. */
export interface ReadAhead {
  readonly rows: readonly TaskRow[];
  readonly size: number;
}

/** What a runner remembers between turns. It may be forgotten at any time, because the database has all of it. */
export interface Memory {
  /** The stamps of the pages' edits when all of this was read. */
  readonly stamp: unknown;
  /** Who is signed in, with what is known of the values. A sign-in puts a stamp. */
  readonly signedIn: SignedIn;
  /** How far each fresh prefix was read. A row up to there is gone, claimed, not fresh, or not the head of its lane. */
  readonly positions: Map<string, number>;
  readonly sources: Map<string, Source>;
  readonly gates: Map<string, GateRow>;
  /** The first time at which a task expires, by the wall clock, as far as it is known. 0: it was not read yet. */
  expires: number;
  readonly pauses: Pauses;
  /** Fresh rows that were read and not checked yet, by prefix. */
  readonly readAhead: Map<string, ReadAhead>;
  /** The heads of lanes, by mark. They stay right until a page edits or a claim ends. */
  readonly heads: ReadonlyMap<string, number>;
  /** Whether a row may be held for a parent. Only a runner holds rows, so no request need ask for that in each turn. */
  children: boolean;
  /** The positions as they are stored. */
  readonly stored: ReadonlyMap<string, number>;
  /** How many turns there were since then. */
  readonly unstored: number;
}

/** A copy that a turn may change. If its transaction aborts, the original is still right. */
export function copyOfMemory(memory: Memory): Memory {
  return {
    ...memory,
    positions: new Map(memory.positions),
    sources: new Map(memory.sources),
    gates: new Map(memory.gates),
    readAhead: new Map(memory.readAhead),
  };
}

/** Notes that a row was written with this key. If the key is timed, its prefix is read in time. */
export function note(memory: Memory, ready: string, registry: AnyRegistry): void {
  const key = readReady(ready);
  const isTimed = key?.letter === '@' || key?.letter === '!';
  if (isTimed && mayRun(registry, memory, key.route)) noteSource(memory, key);
}

/** Notes the prefix of a fresh row, or of a timed one, which is due at `when`. */
export function noteSource({ sources }: Memory, { letter, route, rank, prefix, when = 0 }: Ready): void {
  const found = sources.get(prefix);
  const from = Math.min(found?.from ?? when, when);
  const next = Math.min(found?.next ?? when, when);
  sources.set(prefix, { letter, route, rank, prefix, from, next });
}

/**
 * Whether the runner has not read a row yet, so that the row needs no timed key: it is fresh, and above the position of
 * its prefix. Notes its prefix.
 */
export function isToBeRead(memory: Memory, row: TaskRow, registry: AnyRegistry): boolean {
  const key = readReady(row.ready);
  if (key?.letter !== 'F' || row.strange === true || row.seq <= (memory.positions.get(key.prefix) ?? 0)) return false;
  if (mayRun(registry, memory, key.route)) noteSource(memory, key);

  return true;
}

/** How many heads are remembered. */
const headsKept = 10_000;

/** The heads after a turn that has read or changed some of them. */
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

/**
 * Whether tasks of a route run now, if its gate is open: this build has the type and reads the version, the owner is
 * here, and they are not all paused.
 */
export function mayRun(
  registry: AnyRegistry,
  { signedIn, pauses }: Pick<Memory, 'signedIn' | 'pauses'>,
  route: Route,
): boolean {
  const reads = readsVersion(findType(registry, route.type), route.version);
  if (!reads || !runsFor(registry, route, signedIn.owner) || isRoutePaused(route, pauses)) return false;

  return route.owner === null || !waitsForValues(signedIn, route.gate);
}
