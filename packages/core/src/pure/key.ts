import { defined } from './parts.js';

/**
 * The state of a row in a form by which indexes find it: its `ready` key and its `marks`.
 *
 * `ready` is the letter, the route and the rank, and for a timed row the time. It is never absent. All rows of one
 * letter, route and rank share a *prefix*. So one range reads them, and rows that cannot run are skipped together. The
 * form of the keys is stored, so it stays for good: a changed version must still read what older versions wrote.
 */

/**
 * The first character of `ready`.
 *
 * - `F` fresh: added, and not checked yet. Only an add writes it.
 * - `@` timed by the runner's clock.
 * - `!` timed by a date.
 * - `H` held: it was timed and is not the head of its lane, or it waits for a parent.
 * - `U` unreadable by the build that tried. It stops its lane.
 * - `D` dead: it waits for a decision.
 */
export type Letter = 'F' | '@' | '!' | 'H' | 'U' | 'D';

/** The letters that this version writes. A row with another letter is of a later version, and is strange. */
export const letters: readonly Letter[] = ['F', '@', '!', 'H', 'U', 'D'];

/** What decides whether rows may run at all. Rows of one route are read, or skipped, together. */
export interface Route {
  readonly owner: string | null;
  readonly type: string;
  readonly version: number;
  readonly gate: string;
}

/** The digit in the key: high, normal, low. */
export type Priority = 0 | 1 | 2;

/** The rank of a row that must run alone (after three interruptions in a row). It has readers of its own. */
export const aloneRank = 3;

/** The order in which rows are read: the priority, or `aloneRank`. */
export type Rank = Priority | typeof aloneRank;

/** Escapes `|` and `%` in a part of a key, so that no two lists of parts give the same key. */
export function escaped(part: string): string {
  return part.replace(/[%|]/g, (sign) => (sign === '%' ? '%25' : '%7C'));
}

export function unescaped(part: string): string {
  return part.replace(/%7C/g, '|').replace(/%25/g, '%');
}

/** The part of an owner; empty if there is none. (No owner is the empty string.) */
export function ownerPart(owner: string | null): string {
  return owner === null ? '' : escaped(owner);
}

/** The prefix of all rows of one letter, route and rank. It is the whole key of a row that is not timed. */
export function readyPrefix(letter: Letter, route: Route, rank: Rank): string {
  return `${letter}${routeKey(route)}|${rank}`;
}

/** A route as one string: the part of `ready` between the letter and the rank. */
export function routeKey(route: Route): string {
  return [ownerPart(route.owner), escaped(route.type), String(route.version), escaped(route.gate)].join('|');
}

/** The key of a timed row: due at `when`, in milliseconds of the runner's clock (`@`) or of the wall clock (`!`). */
export function timedKey(letter: '@' | '!', route: Route, rank: Rank, when: number): string {
  return `${readyPrefix(letter, route, rank)}|${timePart(when)}`;
}

/**
 * A time as nine digits to the base of 36, which sort as the numbers do. Times from 1970 to the year 5188 are exact.
 */
export function timePart(when: number): string {
  const latest = 36 ** 9 - 1;

  return Math.trunc(Math.min(latest, Math.max(0, when)))
    .toString(36)
    .padStart(9, '0');
}

/** What a `ready` key says. */
export interface Ready {
  readonly letter: string;
  readonly route: Route;
  readonly rank: number;
  /** Letter, route and rank. */
  readonly prefix: string;
  /** When a timed row is due, in milliseconds. */
  readonly when?: number;
}

/**
 * Reads a `ready` key. `undefined`: the key does not have the form that this version writes, and its rows are strange.
 */
export function readReady(ready: string): Ready | undefined {
  const letter = ready.charAt(0);
  const [owner = '', type = '', version = '', gate = '', rank = '', when] = ready.slice(1).split('|');
  const route = {
    owner: owner === '' ? null : unescaped(owner),
    type: unescaped(type),
    version: Number(version),
    gate: unescaped(gate),
  };
  const prefix = `${letter}${routeKey(route)}|${rank}`;
  // A later version's letter may be timed or not.
  const timed = letter === '@' || letter === '!' || (when !== undefined && !letters.includes(letter as Letter));
  const due = when === undefined ? undefined : Number.parseInt(when, 36);
  const whole = due === undefined ? prefix : `${prefix}|${timePart(due)}`;
  // A wrong escape, a part too many, or a version that is no number would be written differently.
  const sound = whole === ready && Number.isSafeInteger(route.version) && /^[0-3]$/.test(rank);
  if (!sound || timed !== (due !== undefined)) return undefined;

  return { letter, route, rank: Number(rank), prefix, ...defined({ when: due }) };
}

/** The least string above every string that begins with `start` and a `|`. */
export function beyond(start: string): string {
  return `${start}}`;
}

/** The least string above every string that begins with `start`, whose last character is not U+FFFF. */
export function above(start: string): string {
  return start.slice(0, -1) + String.fromCharCode(start.charCodeAt(start.length - 1) + 1);
}

/** The parts of a key as they are written, with their escapes. A strange key may lack some. */
export interface RawParts {
  readonly letter: string;
  readonly owner: string;
  /** `undefined` if no version follows. */
  readonly type: string | undefined;
  readonly version: string;
  /** `undefined` if no rank follows. */
  readonly gate: string | undefined;
  readonly rank: string | undefined;
}

/** Splits a key, also a strange one. */
export function rawParts(ready: string): RawParts {
  const [owner = '', type, version, gate, rank] = ready.slice(1).split('|');
  const has = { type: version === undefined ? undefined : type, gate: rank === undefined ? undefined : gate };

  return { letter: ready.charAt(0), owner, ...has, version: version ?? '', rank };
}

/** The least `ready` key above the whole route of the given one, whatever its rank. */
export function beyondRoute(letter: string, route: Route): string {
  return beyond(`${letter}${routeKey(route)}`);
}

/** The least `ready` key above all rows of an owner and a letter. */
export function beyondOwner(letter: string, owner: string): string {
  return beyond(`${letter}${ownerPart(owner)}`);
}

/** The mark that finds a row by its id. A unique index would not do, because it could abort the app's transaction. */
export function idMark(id: string): string {
  return `I${escaped(id)}`;
}

/** The id and the lane that the marks of a row name. */
export function readMarks(marks: readonly string[]): { readonly id?: string; readonly lane?: string } {
  const partsOf = (sign: RegExp): readonly string[] =>
    marks
      .find((mark) => sign.test(mark))
      ?.slice(1)
      .split('|')
      .map(unescaped) ?? [];
  const [id] = partsOf(/^I/);
  const [, lane] = partsOf(/^[LS]/);

  return defined({ id, lane });
}

/** The mark that finds the rows of a lane, in order. A lane is the same for all task types of an owner. */
export function laneMark(owner: string | null, lane: string): string {
  return `L${ownerPart(owner)}|${escaped(lane)}`;
}

/** The mark of a dead task that has left its lane (`skip`). */
export function skippedMark(owner: string | null, lane: string): string {
  return `S${laneMark(owner, lane).slice(1)}`;
}

/** The mark that finds the tasks of one key, in order. A key belongs to an owner, a type and a lane, or to no lane. */
export function keyMark(owner: string | null, type: string, lane: string | undefined, key: string): string {
  const lanePart = lane === undefined ? '' : `L${escaped(lane)}`;

  return `K${[ownerPart(owner), escaped(type), lanePart, escaped(key)].join('|')}`;
}

/** The mark that finds a task by the time at which it expires, in the order of these times. */
export function expiryMark(when: number): string {
  return `X${timePart(when)}`;
}

/** The time that such a mark names. */
export function readExpiry(mark: string): number {
  return Number.parseInt(mark.slice(1), 36);
}

/** A mark that says nobody's lane or key, as it is for an owner. Any other mark stays as it is. */
export function markOf(owner: string, mark: string): string {
  return /^[LSK]\|/.test(mark) ? mark.charAt(0) + ownerPart(owner) + mark.slice(1) : mark;
}

/** The mark that finds the outcomes of an owner. */
export function ownerMark(owner: string): string {
  return `O${ownerPart(owner)}`;
}

/** The owner of the lane that a mark of a row names, as it is written. */
export function ownerOfLane(mark: string): string {
  return mark.slice(1).split('|')[0] ?? '';
}

/** The mark that finds the children of a task: those that wait for it, and those that have waited. */
export function parentMark(id: string): string {
  return `W${escaped(id)}`;
}

/** The mark that finds the tasks that were cancelled while they run. */
export const cancelledMark = 'C';

/** The key of a payload in the store of payloads. */
export function payloadKey(id: string): string {
  return escaped(id);
}

/**
 * The key of a heavy body. The owner comes first, so that all bodies of an owner are one range. The `nonce` gives each
 * write a key of its own, so that no body is overwritten before its row is written.
 */
export function bodyKey(owner: string | null, id: string, nonce: string): string {
  return `${ownerPart(owner)}|${escaped(id)}|${nonce}`;
}

/** Whether a `ref` is the key of a heavy body: only such a key has parts. */
export function isBodyKey(ref: string): boolean {
  return ref.includes('|');
}

/** The mark of the row to which a body belongs. */
export function idMarkOfBody(key: string): string {
  return `I${key.split('|')[1] ?? ''}`;
}

/** Whether a `ref` is the key of a payload of this task. */
export function isPayloadOf(ref: string, id: string): boolean {
  return isBodyKey(ref) ? idMarkOfBody(ref) === idMark(id) : ref === payloadKey(id);
}
