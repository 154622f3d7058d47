import { allNames, namesEver } from './aliases.js';
import { TaskbasketError } from './errors.js';
import { above, beyond, escaped, ownerPart, parentMark, rawParts } from './key.js';
import { checkFlag, checkOneOf, checkParts, checkText, checkWhole, must } from './options.js';
import type { Owner, OwnerHere } from './owner.js';
import { isForAll } from './owner.js';
import type { TaskRow } from './record.js';
import type { AnyRegistry } from './registry.js';
import { isPresent } from './state.js';

/** Says whose tasks are meant. Default: those of who is signed in, and those of types with `owner: 'none'`. */
export interface OfOwner {
  /** The tasks of this owner, whoever is signed in. */
  readonly owner?: string | undefined;
  /** The tasks of every owner, and those without one. */
  readonly everyOwner?: boolean | undefined;
}

/** Says which tasks are meant, whatever their state. A task must fit each part that is given. */
export interface Scope<Name extends string = string> extends OfOwner {
  /** The name of a task type, or several names. Default: all types. */
  readonly type?: Name | readonly Name[] | undefined;
  /** The name of a lane. Default: all tasks, also those without a lane. */
  readonly lane?: string | undefined;
  /** The name of a destination. Default: all. */
  readonly gate?: string | undefined;
}

/** Says which tasks are meant. A task must fit each part that is given. */
export interface Filter<Name extends string = string> extends Scope<Name> {
  /** `queued`: the task waits or runs. `dead`: it waits for a decision. Default: both. */
  readonly state?: 'queued' | 'dead' | undefined;
  /** The id of a task: its children, which name it in their option `after`. */
  readonly parent?: string | undefined;
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
  /**
   * The id of a task: that task alone, for as long as it is there.
   *
   * @example
   * const stop = basket.watch({ id }).subscribe(({ tasks: [task] }) => show(task?.state));
   */
  readonly id?: string | undefined;
}

/** Whose tasks a filter wants, and of which types. */
export interface WantedOwner {
  readonly owner: Owner;
  /** The names, each once and in order. `undefined`: all. */
  readonly types: readonly string[] | undefined;
}

/** A filter that was checked and copied. */
export interface Wanted {
  /** `undefined`: everybody's. */
  readonly owners: readonly WantedOwner[] | undefined;
  /** The names, each once and in order. `undefined`: all. */
  readonly types: readonly string[] | undefined;
  readonly state?: 'queued' | 'dead' | undefined;
  readonly lane?: string | undefined;
  readonly gate?: string | undefined;
  readonly parent?: string | undefined;
  readonly id?: string | undefined;
}

/** A query that was checked and copied. */
export interface WantedPage {
  readonly wanted: Wanted;
  readonly cursor: number;
  readonly limit: number;
  /** Equal queries have the same key; different queries have different keys. */
  readonly key: string;
  /** Whether it wants the tasks of who is signed in. */
  readonly follows: boolean;
  /** The query as it is read now, if it `follows` who is signed in. */
  readonly again: () => WantedPage;
}

/** Where a query is asked: what its registry declares, and who is signed in there. */
export interface Asker {
  readonly registry: Pick<AnyRegistry, 'types' | 'aliases' | 'session'>;
  readonly here: { readonly owner: OwnerHere };
}

/** The parts that say whose tasks are meant. */
export const ownerParts: readonly string[] = ['owner', 'everyOwner'];

const scopeParts = ['type', 'lane', 'gate', ...ownerParts];
const filterParts = [...scopeParts, 'state', 'parent'];

/**
 * Checks and copies the filter of `count`.
 *
 * @throws TaskbasketError `option`.
 */
export function readFilter(asker: Asker, given: Filter): Wanted {
  return wantedOf(asker, checkParts(given, 'The query of a count', filterParts));
}

/**
 * Checks and copies the scope of `whenIdle`. It means the tasks that are not dead.
 *
 * @throws TaskbasketError `option`, `signed-out`.
 */
export function readScope(asker: Asker, given: Scope): Wanted {
  return { ...scopeOf(asker, checkParts(given, 'The query of whenIdle', scopeParts)), state: 'queued' };
}

/**
 * Checks and copies the scope of `pause` or `resume`. `type` is as it was given.
 *
 * @throws TaskbasketError `option`, `signed-out`.
 */
export function readPaused(asker: Asker, given: Scope): Pick<Scope, 'type'> & { readonly wanted: Wanted } {
  const parts = checkCommand(given, scopeParts);

  return { type: parts.type, wanted: scopeOf(asker, parts) };
}

/** A scope that does not say whose tasks it means needs an owner here, unless its types belong to nobody. */
function scopeOf(asker: Asker, scope: Scope): Wanted {
  const { registry, here } = asker;
  const wanted = wantedOf(asker, scope);
  const names = scope.owner !== undefined || wanted.owners === undefined;
  if (names || typeof here.owner === 'string' || isNobodys(registry, wanted)) return wanted;

  const remedy = 'Call basket.signIn first, or say whose tasks you mean: with owner, or everyOwner.';
  throw new TaskbasketError('signed-out', `Nobody is signed in here. ${remedy}`);
}

/** Whether a filter names only types whose tasks belong to nobody. */
export function isNobodys(registry: Asker['registry'], { types }: Pick<Wanted, 'types'>): boolean {
  return types?.every((name) => isForAll(registry, name)) === true;
}

/**
 * Checks and copies the filter of `cancel` or `retry`.
 *
 * @throws TaskbasketError `option`.
 */
export function readCommand(asker: Asker, given: Filter): Wanted {
  return wantedOf(asker, checkCommand(given, filterParts));
}

/**
 * Refuses a part of a command's query that is undefined, because it would mean all tasks, and a cancelled task does not
 * come back.
 */
function checkCommand<Given extends Scope>(given: Given, names: readonly string[]): Given {
  const parts = checkParts(given, 'Give an id or a query ({}: all tasks). A query', names);
  const [missing] = Object.entries(parts).find(([, value]) => value === undefined) ?? [];
  if (missing === undefined) return parts;

  const why = `The query's ${missing} is undefined, which would mean all tasks`;
  throw new TaskbasketError('option', `${why}. Leave the part out if that is meant.`);
}

/**
 * Checks and copies the query of `list` or `watch`.
 *
 * @throws TaskbasketError `option`.
 */
export function readQuery(asker: Asker, given: Query): WantedPage {
  const parts = checkParts(given, 'A query', [...filterParts, 'cursor', 'limit', 'id']);
  const { limit = 100, cursor = Number.NEGATIVE_INFINITY } = parts;
  const isLimit = Number.isSafeInteger(limit) && limit >= 1 && limit <= 1_000;
  must(isLimit, "A query's limit", 'a whole number from 1 to 1,000', limit);
  if (parts.cursor !== undefined) checkWhole(cursor, "A query's cursor, the seq of a task,", 0);
  const { owner, everyOwner = false } = parts;
  const follows = asker.registry.session !== undefined && owner === undefined && !everyOwner;
  const { types, state, lane, gate, parent, id } = wantedOf(asker, parts);
  const key = JSON.stringify([types ?? null, state, lane, gate, parent, id, cursor, limit, owner, everyOwner]);
  const again = (): WantedPage => ({ wanted: wantedOf(asker, parts), cursor, limit, key, follows, again });

  return again();
}

/** A filter as this build reads it, checked. */
function wantedOf(asker: Asker, { type, state, lane, gate, parent, id, ...whose }: Query): Wanted {
  const given: readonly string[] = [type ?? []].flat();
  const areNames = given.every((name: unknown) => typeof name === 'string');
  must(areNames, "A query's type", 'a name, or a list of names', type);
  const types = type === undefined ? undefined : namesEver(asker.registry, given);
  if (state !== undefined) checkOneOf(state, "A query's state", ['queued', 'dead']);
  for (const [part, value] of Object.entries({ lane, gate, parent, id })) {
    must(value === undefined || typeof value === 'string', `A query's ${part}`, 'a string', value);
  }

  return { owners: ownersOf(asker, whose, types), types, state, lane, gate, parent, id };
}

/**
 * Whose tasks are meant; `undefined`: everybody's.
 *
 * @throws TaskbasketError `option`.
 */
export function ownersOf({ registry, here }: Asker, whose: OfOwner, types?: readonly string[]): Wanted['owners'] {
  const { owner, everyOwner = false } = whose;
  checkFlag(everyOwner, 'everyOwner');
  if (owner !== undefined) {
    checkText(owner, "A query's owner");
    must(
      registry.session !== undefined,
      "A query's owner",
      'left out, because the registry declares no session',
      owner,
    );
    must(!everyOwner, "A query's owner", 'left out if everyOwner is true', owner);

    return [{ owner, types }];
  }
  if (everyOwner || registry.session === undefined) return undefined;

  const forAll = { owner: null, types: (types ?? allNames(registry)).filter((name) => isForAll(registry, name)) };

  return typeof here.owner === 'string' ? [forAll, { owner: here.owner, types }] : [forAll];
}

/** Whether the tasks of an owner and a type are meant. */
export function isMeant(owners: Wanted['owners'], of: { readonly owner: Owner; readonly type: string }): boolean {
  return owners?.some(({ owner, types }) => owner === of.owner && (types?.includes(of.type) ?? true)) ?? true;
}

/**
 * Whether a row fits a filter. Its key decides, so that `count`, which reads only keys, agrees. A strange row may name
 * another type than its key.
 */
export function fits(row: TaskRow, wanted: Wanted): boolean {
  const { lane, parent } = wanted;
  if (!isPresent(row) || (lane !== undefined && lane !== row.lane)) return false;
  if (parent !== undefined && !row.marks.includes(parentMark(parent))) return false;

  return asksForNoKey(wanted) || stepAt(row.ready, wanted).from !== undefined;
}

/** Whether the tasks of a filter are found by their marks: those of one lane or one parent, and one task by its id. */
export function hasMarks({ lane, parent, id }: Wanted): boolean {
  return (lane ?? parent ?? id) !== undefined;
}

/** Whether the tasks of a filter are found in the order of their `seq`. So are those with marks, and all tasks. */
export function isOrdered(wanted: Wanted): boolean {
  return hasMarks(wanted) || asksForNoKey(wanted);
}

function asksForNoKey({ owners, types, state, gate }: Wanted): boolean {
  return owners === undefined && types === undefined && state === undefined && gate === undefined;
}

/** What a reader does at a `ready` key. */
export interface Step {
  /** All rows from this key up to `next` fit. Absent: none of these rows fits. */
  readonly from?: string;
  /** The key at which the reader goes on. */
  readonly next: string;
}

/**
 * Says what a reader does at a `ready` key, for a filter without marks. The reader skips as many keys that cannot fit
 * as the order of the keys allows, so that its work depends on the number of rows that fit.
 */
export function stepAt(ready: string, { owners, types: all, state, gate }: Wanted): Step {
  const parts = rawParts(ready);
  const { letter, owner } = parts;
  const nextKey = `${ready}\u0000`;
  // A row whose key is not a string is not in the index.
  if (ready === '') return { next: nextKey };
  // No character comes after U+FFFF.
  const nextLetter = letter === '\uffff' ? nextKey : above(letter);
  if (state !== undefined && (state === 'dead') !== (letter === 'D')) return { next: nextLetter };
  if (all === undefined && gate === undefined && owners === undefined) return { from: ready, next: nextLetter };

  const named = owners?.map((one) => ownerPart(one.owner));
  const nextOwner = named && seek(ready, letter, named, owner, nextLetter);
  if (nextOwner !== undefined) return { next: nextOwner };

  const ofOwner = `${letter}${owner}|`;
  const types = owners === undefined ? all : owners[named?.indexOf(owner) ?? 0]?.types;
  if (types === undefined && gate === undefined) return { from: ready, next: beyond(`${letter}${owner}`) };
  if (parts.type === undefined || (gate !== undefined && parts.gate === undefined)) return { next: nextKey };

  const ofVersion = `${ofOwner}${parts.type}|${parts.version}|`;
  const next =
    (types && seek(ready, ofOwner, types.map(escaped), parts.type)) ??
    (gate === undefined ? undefined : seek(ready, ofVersion, [escaped(gate)], parts.gate));
  if (next !== undefined) return { next };

  return { from: ready, next: beyond(gate === undefined ? `${ofOwner}${parts.type}` : `${ofVersion}${parts.gate}`) };
}

/**
 * The key at which to go on, if the part of the key after `start` is none of those that are wanted; `undefined` if it is
 * one. `otherwise`: the key if no wanted part comes later.
 */
function seek(
  ready: string,
  start: string,
  wanted: readonly string[],
  part: string | undefined,
  otherwise: string = beyond(start.slice(0, -1)),
): string | undefined {
  if (part === undefined || wanted.includes(part)) return undefined;
  const [next = otherwise] = wanted
    .map((one) => `${start}${one}|`)
    .filter((key) => key > ready)
    .sort();

  return next;
}
