import { TaskbasketError } from './errors.js';
import { above, beyond, escaped, rawParts } from './key.js';
import { checkOneOf, checkParts, checkWhole, wrongOption } from './options.js';
import type { TaskRow } from './record.js';
import { isPresent } from './state.js';

/** Which tasks; all parts must fit. */
export interface Filter<Name extends string = string> {
  readonly type?: Name | readonly Name[] | undefined;
  readonly state?: 'queued' | 'dead' | undefined;
  readonly lane?: string | undefined;
  readonly gate?: string | undefined;
}

/** One page of the tasks that fit, in the order in which they were added. */
export interface Query<Name extends string = string> extends Filter<Name> {
  /** Begins behind the task with this `seq`: the last one of the page before. */
  readonly cursor?: number | undefined;
  /** How many at most, from 1 to 1,000. Default 100. */
  readonly limit?: number | undefined;
}

/** A filter that was read: a copy, which nothing changes any more. */
export interface Wanted {
  /** The names, each once and in order. `undefined`: all. */
  readonly types: readonly string[] | undefined;
  readonly state: 'queued' | 'dead' | undefined;
  readonly lane: string | undefined;
  readonly gate: string | undefined;
}

/** A page's query that was read. */
export interface WantedPage {
  readonly wanted: Wanted;
  readonly cursor: number;
  readonly limit: number;
  /** The same for equal queries, and for them alone. */
  readonly key: string;
}

const filterParts = ['type', 'state', 'lane', 'gate'];

/**
 * Reads what `count` was given.
 *
 * @throws TaskbasketError `option`.
 */
export function readFilter(given: Filter): Wanted {
  return wantedOf(checkParts(given, 'The query of a count', filterParts));
}

/**
 * Reads what `cancel` or `retry` was given. A part that is undefined is refused: it would mean all tasks, and what is
 * cancelled does not come back.
 *
 * @throws TaskbasketError `option`.
 */
export function readCommand(given: Filter): Wanted {
  const parts = checkParts(given, 'What is not an id is a query ({}: all tasks), which', filterParts);
  const [missing] = Object.entries(parts).find(([, value]) => value === undefined) ?? [];
  if (missing === undefined) return wantedOf(parts);

  const why = `The query's ${missing} is undefined, which would mean all tasks`;
  throw new TaskbasketError('option', `${why}. Leave the part out if that is meant.`);
}

/**
 * Reads what `list` or `watch` was given.
 *
 * @throws TaskbasketError `option`.
 */
export function readQuery(given: Query): WantedPage {
  const parts = checkParts(given, 'A query', [...filterParts, 'cursor', 'limit']);
  const { limit = 100, cursor = Number.NEGATIVE_INFINITY } = parts;
  if (!Number.isSafeInteger(limit) || limit < 1 || limit > 1_000) {
    throw wrongOption("A query's limit", 'a whole number from 1 to 1,000', limit);
  }
  if (parts.cursor !== undefined) checkWhole(cursor, "A query's cursor, the seq of a task,", 0);
  const wanted = wantedOf(parts);
  const { types, state, lane, gate } = wanted;

  return { wanted, cursor, limit, key: JSON.stringify([types ?? null, state, lane, gate, cursor, limit]) };
}

function wantedOf({ type, state, lane, gate }: Filter): Wanted {
  const types = type === undefined ? undefined : [...new Set([type].flat())].sort();
  if (types?.some((name: unknown) => typeof name !== 'string') === true)
    throw wrongOption("A query's type", 'a name, or a list of names', types);
  if (state !== undefined) checkOneOf(state, "A query's state", ['queued', 'dead']);
  for (const [part, value] of Object.entries({ lane, gate })) {
    if (value !== undefined && typeof value !== 'string') throw wrongOption(`A query's ${part}`, 'a string', value);
  }

  return { types, state, lane, gate };
}

/**
 * Whether a row is one of those that are wanted. Its key decides, as for whoever reads keys alone: a strange row may say
 * another type than its key.
 */
export function fits(row: TaskRow, wanted: Wanted): boolean {
  const { lane } = wanted;
  if (!isPresent(row) || (lane !== undefined && lane !== row.lane)) return false;

  return asksForNoKey(wanted) || stepAt(row.ready, wanted).from !== undefined;
}

/** Whether the tasks of a filter are found in the order of their `seq`: those of a lane, and all. */
export function isOrdered(wanted: Wanted): boolean {
  return wanted.lane !== undefined || asksForNoKey(wanted);
}

function asksForNoKey({ types, state, gate }: Wanted): boolean {
  return types === undefined && state === undefined && gate === undefined;
}

/** What to do at a `ready` key. */
export interface Step {
  /** From this key on, up to `next`, all rows fit. Absent: none do. */
  readonly from?: string;
  /** Where to go on. */
  readonly next: string;
}

/**
 * What a filter without a lane makes of a `ready` key at which a reader stands. Keys that cannot fit are stepped over as
 * far as the order of the keys allows, so that the work follows the number of rows that fit.
 */
export function stepAt(ready: string, { types, state, gate }: Wanted): Step {
  const parts = rawParts(ready);
  const { letter } = parts;
  const nextKey = `${ready}\u0000`;
  // A row without a text as its key is in no index.
  if (ready === '') return { next: nextKey };
  // Nothing begins with more than U+FFFF.
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

/** Where to go on if the part of a key that follows `start` is none of those wanted; `undefined`: it is one of them. */
function seek(ready: string, start: string, wanted: readonly string[], part: string | undefined): string | undefined {
  const parts = wanted.map(escaped);
  if (part === undefined || parts.includes(part)) return undefined;
  const [next = beyond(start)] = parts
    .map((one) => `${start}|${one}|`)
    .filter((key) => key > ready)
    .sort();

  return next;
}
