import { everyName } from './aliases.js';
import { TaskbasketError } from './errors.js';
import { above, beyond, escaped, rawParts } from './key.js';
import { checkOneOf, checkParts, checkWhole, must } from './options.js';
import type { TaskRow } from './record.js';
import type { AnyRegistry } from './registry.js';
import { isPresent } from './state.js';

/** Says which tasks are meant. A task must fit each part that is given. */
export interface Filter<Name extends string = string> {
  readonly type?: Name | readonly Name[] | undefined;
  readonly state?: 'queued' | 'dead' | undefined;
  readonly lane?: string | undefined;
  readonly gate?: string | undefined;
}

/** Asks for one page of the tasks that fit, in the order in which they were added. */
export interface Query<Name extends string = string> extends Filter<Name> {
  /**
   * The `seq` of the last task of the page before. This page begins with the next task. Default: with the first.
   *
   * @example
   * const first = await basket.list({ limit: 20 });
   * const second = await basket.list({ limit: 20, cursor: first.at(-1)?.seq });
   */
  readonly cursor?: number | undefined;
  /** The most tasks that the page may have, from 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

/** A filter that was checked and copied. */
export interface Wanted {
  /** The names, each once and in order. `undefined`: all. */
  readonly types: readonly string[] | undefined;
  readonly state: 'queued' | 'dead' | undefined;
  readonly lane: string | undefined;
  readonly gate: string | undefined;
}

/** A query that was checked and copied. */
export interface WantedPage {
  readonly wanted: Wanted;
  readonly cursor: number;
  readonly limit: number;
  /** Equal queries have the same key; different queries have different keys. */
  readonly key: string;
}

const filterParts = ['type', 'state', 'lane', 'gate'];

/**
 * Checks and copies the filter of `count`.
 *
 * @throws TaskbasketError `option`.
 */
export function readFilter(registry: AnyRegistry, given: Filter): Wanted {
  return wantedOf(registry, checkParts(given, 'The query of a count', filterParts));
}

/**
 * Checks and copies the filter of `cancel` or `retry`. Refuses a part that is undefined, because it would mean all
 * tasks, and a cancelled task does not come back.
 *
 * @throws TaskbasketError `option`.
 */
export function readCommand(registry: AnyRegistry, given: Filter): Wanted {
  const parts = checkParts(given, 'Give an id or a query ({}: all tasks). A query', filterParts);
  const [missing] = Object.entries(parts).find(([, value]) => value === undefined) ?? [];
  if (missing === undefined) return wantedOf(registry, parts);

  const why = `The query's ${missing} is undefined, which would mean all tasks`;
  throw new TaskbasketError('option', `${why}. Leave the part out if that is meant.`);
}

/**
 * Checks and copies the query of `list` or `watch`.
 *
 * @throws TaskbasketError `option`.
 */
export function readQuery(registry: AnyRegistry, given: Query): WantedPage {
  const parts = checkParts(given, 'A query', [...filterParts, 'cursor', 'limit']);
  const { limit = 100, cursor = Number.NEGATIVE_INFINITY } = parts;
  const isLimit = Number.isSafeInteger(limit) && limit >= 1 && limit <= 1_000;
  must(isLimit, "A query's limit", 'a whole number from 1 to 1,000', limit);
  if (parts.cursor !== undefined) checkWhole(cursor, "A query's cursor, the seq of a task,", 0);
  const wanted = wantedOf(registry, parts);
  const { types, state, lane, gate } = wanted;

  return { wanted, cursor, limit, key: JSON.stringify([types ?? null, state, lane, gate, cursor, limit]) };
}

function wantedOf(registry: AnyRegistry, { type, state, lane, gate }: Filter): Wanted {
  const given: readonly string[] = [type ?? []].flat();
  const areNames = given.every((name: unknown) => typeof name === 'string');
  must(areNames, "A query's type", 'a name, or a list of names', type);
  // A task may have been added under an earlier name of its type.
  const names = given.flatMap((name) => everyName(registry, name));
  const types = type === undefined ? undefined : [...new Set(names)].sort();
  if (state !== undefined) checkOneOf(state, "A query's state", ['queued', 'dead']);
  for (const [part, value] of Object.entries({ lane, gate })) {
    must(value === undefined || typeof value === 'string', `A query's ${part}`, 'a string', value);
  }

  return { types, state, lane, gate };
}

/**
 * Whether a row fits a filter. Its key decides, so that `count`, which reads only keys, agrees. A strange row may name
 * another type than its key.
 */
export function fits(row: TaskRow, wanted: Wanted): boolean {
  const { lane } = wanted;
  if (!isPresent(row) || (lane !== undefined && lane !== row.lane)) return false;

  return asksForNoKey(wanted) || stepAt(row.ready, wanted).from !== undefined;
}

/** Whether the tasks of a filter are found in the order of their `seq`. So are the tasks of one lane, and all tasks. */
export function isOrdered(wanted: Wanted): boolean {
  return wanted.lane !== undefined || asksForNoKey(wanted);
}

function asksForNoKey({ types, state, gate }: Wanted): boolean {
  return types === undefined && state === undefined && gate === undefined;
}

/** What a reader does at a `ready` key. */
export interface Step {
  /** All rows from this key up to `next` fit. Absent: none of these rows fits. */
  readonly from?: string;
  /** The key at which the reader goes on. */
  readonly next: string;
}

/**
 * Says what a reader does at a `ready` key, for a filter without a lane. The reader skips as many keys that cannot fit
 * as the order of the keys allows, so that its work depends on the number of rows that fit.
 */
export function stepAt(ready: string, { types, state, gate }: Wanted): Step {
  const parts = rawParts(ready);
  const { letter } = parts;
  const nextKey = `${ready}\u0000`;
  // A row whose key is not a string is not in the index.
  if (ready === '') return { next: nextKey };
  // No character comes after U+FFFF.
  const nextLetter = letter === '\uffff' ? nextKey : above(letter);
  if (state !== undefined && (state === 'dead') !== (letter === 'D')) return { next: nextLetter };
  if (types === undefined && gate === undefined) return { from: ready, next: nextLetter };
  if (parts.type === undefined || (gate !== undefined && parts.gate === undefined)) return { next: nextKey };

  const ofOwner = `${letter}${parts.owner}`;
  const ofType = `${ofOwner}|${parts.type}`;
  const ofVersion = `${ofType}|${parts.version}`;
  const next =
    (types && seek(ready, ofOwner, types, parts.type)) ??
    (gate === undefined ? undefined : seek(ready, ofVersion, [gate], parts.gate));
  if (next !== undefined) return { next };

  return { from: ready, next: beyond(gate === undefined ? ofType : `${ofVersion}|${parts.gate}`) };
}

/** The key at which to go on, if the part of the key after `start` is not wanted; `undefined` if it is wanted. */
function seek(ready: string, start: string, wanted: readonly string[], part: string | undefined): string | undefined {
  const parts = wanted.map(escaped);
  if (part === undefined || parts.includes(part)) return undefined;
  const [next = beyond(start)] = parts
    .map((one) => `${start}|${one}|`)
    .filter((key) => key > ready)
    .sort();

  return next;
}
