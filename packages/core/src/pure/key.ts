import { defined } from './parts.js';

/**
 * A row's state, said so that it can be found: its `ready` key and its `marks`.
 *
 * `ready` = letter, route, priority, and for a timed row when. It is never absent. All rows of one letter, route and
 * priority share a *prefix*, so that one range reads them, and whatever cannot run is stepped over whole. This is the
 * stored layout, for good: what is changed here must still read what older versions wrote.
 */

/**
 * The first character of `ready`.
 *
 * - `F` fresh: added and not looked at yet; written by an add alone.
 * - `@` timed by the runner's clock; `!` timed by a date.
 * - `H` held: something of its own is in the way, or it was timed and is not its lane's head.
 * - `U` unreadable by the build that tried; it holds its lane.
 * - `D` dead: waits for a decision.
 */
export type Letter = 'F' | '@' | '!' | 'H' | 'U' | 'D';

/** Every letter that this version writes. A row under another one was written by a later version and is left alone. */
export const letters: readonly Letter[] = ['F', '@', '!', 'H', 'U', 'D'];

/** What decides whether rows may run at all: they are read, or stepped over, together. */
export interface Route {
  readonly owner: string | null;
  readonly type: string;
  readonly version: number;
  readonly gate: string;
}

/** The digit in the key: high, normal, low. */
export type Priority = 0 | 1 | 2;

/** The rank of a row that must run alone (three interruptions in a row). No reader of ordinary rows meets it. */
export const alone = 3;

/** When a row is read, before or after others: its priority, or `alone`. */
export type Rank = Priority | typeof alone;

/** A part of a key, so that no two lists of parts give one string: `|` and `%` are escaped. */
export function escaped(part: string): string {
  return part.replace(/[%|]/g, (sign) => (sign === '%' ? '%25' : '%7C'));
}

export function unescaped(part: string): string {
  return part.replace(/%7C/g, '|').replace(/%25/g, '%');
}

/** An owner's part: empty for none. (An owner that is named is never the empty string.) */
function ownerPart(owner: string | null): string {
  return owner === null ? '' : escaped(owner);
}

/** What the keys of all rows of one letter, route and rank begin with; of a row that is not timed, the whole key. */
export function readyPrefix(letter: Letter, route: Route, rank: Rank): string {
  return `${letter}${routeKey(route)}|${rank}`;
}

/** A route as one string; also the part of `ready` between the letter and the rank. */
export function routeKey(route: Route): string {
  return [ownerPart(route.owner), escaped(route.type), String(route.version), escaped(route.gate)].join('|');
}

/** The key of a timed row: due at `when`, in milliseconds of the runner's clock (`@`) or of the wall clock (`!`). */
export function timedKey(letter: '@' | '!', route: Route, rank: Rank, when: number): string {
  return `${readyPrefix(letter, route, rank)}|${timePart(when)}`;
}

/** Nine digits to the base of 36 reach the year 5188 and sort as the numbers do. Earlier than 1970 is 0. */
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
  /** Letter, route and rank: what a position and a range belong to. */
  readonly prefix: string;
  /** When it is due, in milliseconds; there if it is timed. */
  readonly when?: number;
}

/**
 * Reads a `ready` key. `undefined`: the key does not have the form that this version writes. The rows of such a key are
 * strange, and are left alone.
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
  // Another escape, one more part, a version that is no number: written again, each of these gives another text.
  const sound = whole === ready && Number.isSafeInteger(route.version) && /^[0-3]$/.test(rank);
  if (!sound || timed !== (due !== undefined)) return undefined;

  return { letter, route, rank: Number(rank), prefix, ...defined({ when: due }) };
}

/** The least string that is above every string that begins with `start` and a `|`. */
export function beyond(start: string): string {
  return `${start}}`;
}

/** The least string above every string that begins with `start`, whose last character is not U+FFFF. */
export function above(start: string): string {
  return start.slice(0, -1) + String.fromCharCode(start.charCodeAt(start.length - 1) + 1);
}

/** The parts of a key as they are written, escapes and all. A strange key may lack some. */
export interface RawParts {
  readonly letter: string;
  readonly owner: string;
  /** There if a version follows. */
  readonly type: string | undefined;
  readonly version: string;
  /** There if a rank follows. */
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

/** The mark that finds a row by its id. A mark and not a unique index: a blind add must never abort the app's transaction. */
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

/** The mark that finds a lane's rows in order; one over all types of its owner. */
export function laneMark(owner: string | null, lane: string): string {
  return `L${ownerPart(owner)}|${escaped(lane)}`;
}

/** The mark of a task that has left its lane because it is dead, and the lane went on without it. */
export function skippedMark(owner: string | null, lane: string): string {
  return `S${laneMark(owner, lane).slice(1)}`;
}

/** The mark that finds what a task with a `key` may supersede. No lane and a named one never give the same mark. */
export function keyMark(owner: string | null, type: string, lane: string | undefined, key: string): string {
  const lanePart = lane === undefined ? '' : `L${escaped(lane)}`;

  return `K${ownerPart(owner)}|${escaped(type)}|${lanePart}|${escaped(key)}`;
}

/** The mark that finds the tasks that were cancelled while they run. */
export const cancelledMark = 'C';

/** The mark that finds the children of a task: what waits for it. */
export function waitMark(parent: string): string {
  return `W${escaped(parent)}`;
}

/** The key of a payload that lies beside its row. */
export function payloadKey(id: string): string {
  return escaped(id);
}

/**
 * The key of a heavy body. The owner comes first, so that all bodies of a person are one range. Each write has a key of its
 * own, told apart by `nonce`: a body is never overwritten, because its row is written later.
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
