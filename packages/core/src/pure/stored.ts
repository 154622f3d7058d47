/**
 * Checks what the stores contain, and turns it into rows and records. The stores are in the app's database, whose
 * migrations may change them, so nothing is used before it was checked here.
 *
 * A *strange* row is one that this version of the library would not have written. It is shown as unreadable, and stops
 * its lane as an unreadable row does. It is never claimed and never written; `cancel` removes it. A strange record
 * counts as absent.
 */

import type { GateRow } from './gate.js';
import {
  cancelledMark,
  idMark,
  isPayloadOf,
  letters,
  parentMark,
  rawParts,
  readMarks,
  readReady,
  unescaped,
} from './key.js';
import type { Owner } from './owner.js';
import { defined, partOf } from './parts.js';
import type { Pause } from './pause.js';
import { pauseKey } from './pause.js';
import type { Claim, Death, Epoch, OutcomeRow, RunnerRow, StoredError, TaskRow } from './record.js';
import { keyMarkOf, laneMarkOf, stateKeys } from './record.js';

type Predicate = (value: unknown) => boolean;

const text: Predicate = (value) => typeof value === 'string';
const isOwner: Predicate = (value) => value === null || text(value);
const finite: Predicate = Number.isFinite;
const whole: Predicate = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const above0: Predicate = (value) => finite(value) && (value as number) > 0;
const oneOf =
  (...values: readonly unknown[]): Predicate =>
  (value) =>
    values.includes(value);
const listOf =
  (predicate: Predicate): Predicate =>
  (value) =>
    Array.isArray(value) && value.every(predicate);
const absentOr =
  (predicate: Predicate): Predicate =>
  (value) =>
    value === undefined || predicate(value);

/** The fields of what is stored, at any depth. */
type Field =
  | keyof (TaskRow & StoredError & Death & Claim & Epoch & RunnerRow & GateRow & OutcomeRow & Pause)
  | keyof NonNullable<RunnerRow['alone']>
  | keyof NonNullable<RunnerRow['signedOut']>
  | keyof NonNullable<GateRow['slow']>;

/** Makes a predicate: the value is an object, and its field of each of these names passes `predicate`. */
function has(predicate: Predicate, ...names: readonly Field[]): Predicate {
  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    names.every((name) => predicate((value as Readonly<Record<string, unknown>>)[name]));
}

const all =
  (...predicates: readonly Predicate[]): Predicate =>
  (value) =>
    predicates.every((predicate) => predicate(value));

const isError = all(has(text, 'name', 'message'), has(finite, 'at'), has(absentOr(finite), 'status'));
const isDeath = all(has(text, 'reason'), has(finite, 'at'));

const isRow = all(
  has(text, 'id', 'type', 'gate', 'ready'),
  has(finite, 'seq', 'addedAt'),
  has(whole, 'version', 'attempts', 'failures', 'interruptions', 'blames'),
  has(listOf(text), 'marks'),
  has(oneOf(0, 1, 2), 'priority'),
  has(isOwner, 'owner'),
  has(absentOr(text), 'lane', 'key', 'ref'),
  has(absentOr(finite), 'runAt', 'expiresAt'),
  has(absentOr(whole), 'edition', 'revision'),
  has(absentOr(above0), 'timeout'),
  has(absentOr(listOf(text)), 'given', 'after'),
  has(oneOf(undefined, 'block', 'skip'), 'onDead', 'onExpired'),
  has(oneOf(undefined, 'run'), 'onParent'),
  has(oneOf(undefined, true), 'recovered', 'cancelled', 'merges'),
  has(absentOr(isError), 'lastError'),
  has(absentOr(isDeath), 'dead'),
);

/** A row of the store of tasks, strange or not. `undefined`: there is none. */
export function rowOf(value: unknown): TaskRow | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const row = value as TaskRow;

  return isRow(row) && isFoundAsItIs(row) ? row : strangeRow(row);
}

/**
 * Whether key and marks agree with the fields: the key decides whether a row is claimed, and the fields what is run.
 */
function isFoundAsItIs(row: TaskRow): boolean {
  const ready = readReady(row.ready);
  if (ready === undefined || !letters.some((letter) => letter === ready.letter)) return false;
  const { route, letter } = ready;
  const { owner, after = [], marks, cancelled } = row;
  const sameRoute =
    route.owner === owner && route.type === row.type && route.version === row.version && route.gate === row.gate;
  const marked = (sign: string, mark = ''): boolean => marks.filter((one) => one.startsWith(sign)).join() === mark;
  // A dead row may have left its lane.
  const inLane = letter === 'D' || marked('L', laneMarkOf(row));
  const findable = cancelled === undefined || (letter === 'D' && marks.includes(cancelledMark));

  const named = [idMark(row.id), ...after.map(parentMark)].every((mark) => marks.includes(mark));

  return sameRoute && inLane && marked('K', keyMarkOf(row)) && findable && named;
}

/** A strange row as the indexes find it: with the id and the lane of its marks, and the route of its key. */
function strangeRow(row: { readonly [Name in keyof TaskRow]?: unknown }): TaskRow {
  const ready = textIn(row.ready);
  // An index also finds a row whose `marks` is one string, and not a list of strings.
  const marks = [row.marks].flat().filter(text) as string[];
  const { owner, type, version, gate, rank } = rawParts(ready);
  const { id = textIn(row.id), lane } = readMarks(marks);
  const ref = textIn(row.ref);

  return {
    seq: row.seq as number,
    id,
    type: type === undefined ? textIn(row.type) : unescaped(type),
    version: numberIn(type === undefined ? row.version : Number(version)),
    owner: owner === '' ? null : unescaped(owner),
    gate: gate === undefined ? textIn(row.gate) : unescaped(gate),
    priority: rank === '0' ? 0 : rank === '2' ? 2 : 1,
    addedAt: numberIn(row.addedAt),
    ready,
    marks,
    attempts: numberIn(row.attempts),
    failures: numberIn(row.failures),
    interruptions: numberIn(row.interruptions),
    blames: numberIn(row.blames),
    strange: true,
    ...defined({
      lane,
      // The payload of another task must not go with this row.
      ref: isPayloadOf(ref, id) ? ref : undefined,
      lastError: isError(row.lastError) ? (row.lastError as StoredError) : undefined,
      dead: isDeath(row.dead) ? (row.dead as Death) : undefined,
    }),
  };
}

function textIn(value: unknown): string {
  return typeof value === 'string' ? value : '';
}

function numberIn(value: unknown): number {
  return finite(value) ? (value as number) : 0;
}

const isClaim = all(has(whole, 'claim'), has(finite, 'seq'), has(text, 'id'), has(absentOr(text), 'lane', 'ref'));
const isEpoch = all(has(whole, 'count'), has(text, 'nonce'));
const isAlone = all(has(text, 'id'), has(finite, 'until'));
const isSignedOut = all(has(text, 'owner'), has(absentOr(listOf(text)), 'gates'));
const isVersions: Predicate = (types) => has(whole)(types) && Object.values(types as object).every(whole);

const isRunner = all(
  has(isEpoch, 'epoch'),
  has(finite, 'build', 'seen', 'wall'),
  has(listOf(isClaim), 'running'),
  has(absentOr(above0), 'slots'),
  has(absentOr(isVersions), 'types', 'oldest'),
  has(absentOr(isAlone), 'alone'),
  has(absentOr(isSignedOut), 'signedOut'),
);

/** The runner's record; `undefined`: there is none, or it is strange. */
export function runnerOf(value: unknown): RunnerRow | undefined {
  return isRunner(value) ? (value as RunnerRow) : undefined;
}

const isSlow = all(has(finite, 'at'), has(above0, 'width'));
const isGate = all(
  has(text, 'name', 'reason'),
  has(whole, 'step'),
  has(finite, 'until'),
  has(listOf(text), 'by'),
  has(absentOr(finite), 'status', 'silent', 'earlier', 'floor', 'wokenAt', 'triedAt'),
  has(absentOr(isSlow), 'slow'),
);

/** The records of gates, by name. Leaves out strange ones. */
export function gatesOf(keys: readonly IDBValidKey[], values: readonly unknown[]): ReadonlyMap<string, GateRow> {
  const gates = (values as readonly GateRow[]).filter(
    (gate, index) => isGate(gate) && stateKeys.gate(gate.name) === keys[index],
  );

  return new Map(gates.map((gate) => [gate.name, gate]));
}

/** Who is signed in, by its record. A strange record counts as a sign-out, so that nobody's tasks run. */
export function ownerIn(value: unknown): Owner {
  const owner = partOf(value, 'owner');

  return typeof owner === 'string' && owner !== '' ? owner : null;
}

/** Whether a runner asks a page for values of who is signed in. */
export function asksIn(value: unknown): boolean {
  return partOf(value, 'asks') === true;
}

const isPause = all(
  has(absentOr(text), 'id', 'lane', 'gate'),
  has(absentOr(listOf(text)), 'types', 'earlier'),
  has(absentOr(isOwner), 'owner'),
  has(oneOf(undefined, true), 'everyOwner'),
);

/** The stored pauses, without strange ones. */
export function pausesIn(keys: readonly IDBValidKey[], values: readonly unknown[]): readonly Pause[] {
  return (values as readonly Pause[]).filter((pause, place) => isPause(pause) && pauseKey(pause) === keys[place]);
}

/** The entries of a record that have a number; other entries are left out. */
export function numbersIn(value: unknown): Readonly<Record<string, number>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];

  return Object.fromEntries(entries.filter((entry): entry is [string, number] => whole(entry[1])));
}

const isOutcome = all(
  has(isOwner, 'owner'),
  has(oneOf('done', 'dead', 'cancelled', 'replaced', 'purged'), 'state'),
  has(absentOr(text), 'unstorable', 'by'),
);

/** A stored outcome. `undefined`: there is none, or it is strange. */
export function outcomeIn(value: unknown): OutcomeRow | undefined {
  return isOutcome(value) ? (value as OutcomeRow) : undefined;
}
