/**
 * What the stores give, turned into rows and records. The stores lie in the app's own database, whose migrations may
 * touch them, so nothing is believed before it was checked here.
 *
 * A *strange* row is one that this version of the library would not have written. It is shown as unreadable, holds its
 * lane as an unreadable one does, is never claimed and never written; `cancel` removes it. A strange record counts as
 * none.
 */

import type { GateRow } from './gate.js';
import type { Priority } from './key.js';
import {
  cancelledMark,
  idMark,
  isPayloadOf,
  laneMark,
  letters,
  rawParts,
  readMarks,
  readReady,
  unescaped,
} from './key.js';
import { defined } from './parts.js';
import type { Claim, OutcomeRow, RunnerRow, TaskRow } from './record.js';
import { stateKeys } from './record.js';

type Check = (value: unknown) => boolean;
type Checks<Fields> = { readonly [Name in keyof Required<Fields>]: Check };

const text: Check = (value) => typeof value === 'string';
const finite: Check = Number.isFinite;
const whole: Check = (value) => Number.isSafeInteger(value) && (value as number) >= 0;
const above0: Check = (value) => finite(value) && (value as number) > 0;
const onlyTrue: Check = (value) => value === true;
const oneOf =
  (...values: readonly unknown[]): Check =>
  (value) =>
    values.includes(value);
const listOf =
  (check: Check): Check =>
  (value) =>
    Array.isArray(value) && value.every(check);
const optional =
  (check: Check): Check =>
  (value) =>
    value === undefined || check(value);

/** Whether a value is an object whose fields all pass their checks. */
function fits<Fields>(checks: Checks<Fields>): Check {
  const all = Object.entries<Check>(checks);

  return (value) =>
    typeof value === 'object' &&
    value !== null &&
    all.every(([name, check]) => check((value as Readonly<Record<string, unknown>>)[name]));
}

const isError = fits<NonNullable<TaskRow['lastError']>>({
  name: text,
  message: text,
  status: optional(finite),
  at: finite,
});
const isDeath = fits<NonNullable<TaskRow['dead']>>({ reason: text, at: finite });

const hasSoundFields = fits<Omit<TaskRow, 'payload' | 'strange'>>({
  seq: finite,
  id: text,
  type: text,
  version: whole,
  owner: (value) => value === null || text(value),
  gate: text,
  priority: oneOf(0, 1, 2),
  lane: optional(text),
  given: optional(listOf(text)),
  key: optional(text),
  after: optional(listOf(text)),
  runAt: optional(finite),
  expiresAt: optional(finite),
  timeout: optional(above0),
  onDead: optional(oneOf('block', 'skip')),
  addedAt: finite,
  ready: text,
  marks: listOf(text),
  ref: optional(text),
  attempts: whole,
  failures: whole,
  interruptions: whole,
  blames: whole,
  edition: optional(whole),
  revision: optional(whole),
  recovered: optional(onlyTrue),
  lastError: optional(isError),
  dead: optional(isDeath),
  cancelled: optional(onlyTrue),
});

/** A row of the store of tasks, strange or not. `undefined`: there is none. */
export function rowOf(value: unknown): TaskRow | undefined {
  if (typeof value !== 'object' || value === null) return undefined;
  const row = value as TaskRow;

  return hasSoundFields(row) && isFoundAsItIs(row) ? row : strangeRow(row);
}

/** Whether key and marks say what the row says. A claim is found by the route in the key, and runs what the row says. */
function isFoundAsItIs(row: TaskRow): boolean {
  const ready = readReady(row.ready);
  if (ready === undefined || !letters.some((letter) => letter === ready.letter)) return false;
  const { route, letter } = ready;
  const { owner, lane, marks, cancelled } = row;
  const sameRoute =
    route.owner === owner && route.type === row.type && route.version === row.version && route.gate === row.gate;
  const lanes = marks.filter((mark) => mark.startsWith('L'));
  // A dead row may have left its lane.
  const inLane = letter === 'D' || lanes.join() === (lane === undefined ? '' : laneMark(owner, lane));
  const findable = cancelled === undefined || (letter === 'D' && marks.includes(cancelledMark));

  return sameRoute && inLane && findable && marks.includes(idMark(row.id));
}

/** A strange row as the indexes find it: id and lane are those of its marks, the route is that of its key. */
function strangeRow(row: { readonly [Name in keyof TaskRow]?: unknown }): TaskRow {
  const ready = text(row.ready) ? (row.ready as string) : '';
  const marks = [row.marks].flat().filter((mark) => text(mark));
  const { owner, type, version, gate, rank } = rawParts(ready);
  const marked = readMarks(marks as string[]);
  const id = marked.id ?? or('', row.id, text);
  const number = (value: unknown): number => or(0, value, finite);

  return {
    seq: row.seq as number,
    id,
    type: type === undefined ? or('', row.type, text) : unescaped(type),
    version: number(type === undefined ? row.version : Number(version)),
    owner: owner === '' ? null : unescaped(owner),
    gate: gate === undefined ? or('', row.gate, text) : unescaped(gate),
    priority: or<Priority>(1, Number(rank), oneOf(0, 1, 2)),
    addedAt: number(row.addedAt),
    ready,
    marks: marks as string[],
    attempts: number(row.attempts),
    failures: number(row.failures),
    interruptions: number(row.interruptions),
    blames: number(row.blames),
    strange: true,
    ...defined({
      lane: marked.lane,
      // The payload of another task must not go with this row.
      ref: text(row.ref) && isPayloadOf(row.ref as string, id) ? (row.ref as string) : undefined,
      lastError: isError(row.lastError) ? (row.lastError as TaskRow['lastError']) : undefined,
      dead: isDeath(row.dead) ? (row.dead as TaskRow['dead']) : undefined,
    }),
  };
}

function or<Value>(otherwise: Value, value: unknown, check: Check): Value {
  return check(value) ? (value as Value) : otherwise;
}

const isClaim = fits<Claim>({ claim: whole, seq: finite, id: text, lane: optional(text), ref: optional(text) });

const isRunner = fits<RunnerRow>({
  epoch: fits<RunnerRow['epoch']>({ count: whole, nonce: text }),
  build: finite,
  running: listOf(isClaim),
  slots: optional(above0),
  types: optional((types) => typeof types === 'object' && types !== null && Object.values(types).every(whole)),
  alone: optional(fits<NonNullable<RunnerRow['alone']>>({ id: text, until: finite })),
  seen: finite,
  wall: finite,
});

/** The runner's record; `undefined`: there is none, or it is strange. */
export function runnerOf(value: unknown): RunnerRow | undefined {
  return isRunner(value) ? (value as RunnerRow) : undefined;
}

const isGate = fits<GateRow>({
  name: text,
  step: whole,
  until: finite,
  by: listOf(text),
  reason: text,
  status: optional(finite),
  slow: optional(fits<NonNullable<GateRow['slow']>>({ at: finite, width: above0 })),
  floor: optional(finite),
  wokenAt: optional(finite),
  triedAt: optional(finite),
});

/** The records of gates among the values that lie under some keys, by their names. */
export function gatesOf(keys: readonly IDBValidKey[], values: readonly unknown[]): ReadonlyMap<string, GateRow> {
  const gates = (values as readonly GateRow[]).filter(
    (gate, place) => isGate(gate) && stateKeys.gate(gate.name) === keys[place],
  );

  return new Map(gates.map((gate) => [gate.name, gate]));
}

/** A record that gives names a number, without those entries that have none. */
export function numbersIn(value: unknown): Readonly<Record<string, number>> {
  const entries = typeof value === 'object' && value !== null ? Object.entries(value) : [];

  return Object.fromEntries(entries.filter((entry): entry is [string, number] => whole(entry[1])));
}

const isOutcome = fits<Pick<OutcomeRow, 'state' | 'unstorable' | 'by'>>({
  state: oneOf('done', 'dead', 'cancelled', 'replaced', 'purged'),
  unstorable: optional(text),
  by: optional(text),
});

/** The end of a task, as it is stored; `undefined`: there is none, or it is strange. */
export function endOf(value: unknown): OutcomeRow | undefined {
  return isOutcome(value) ? (value as OutcomeRow) : undefined;
}
