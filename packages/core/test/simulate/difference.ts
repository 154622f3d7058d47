import { isDeepStrictEqual } from 'node:util';
import type { OutcomeRow, TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';

/** A row before and after a commit. */
export interface Change {
  readonly from: TaskRow;
  readonly to: TaskRow;
}

/** What a commit changed. */
export interface Difference {
  readonly added: readonly TaskRow[];
  readonly removed: readonly TaskRow[];
  readonly changed: readonly Change[];
  readonly outcomes: readonly OutcomeRow[];
  /** The keys of the state store that were put or deleted. */
  readonly state: readonly string[];
  readonly payloadsPut: readonly string[];
  readonly payloadsDeleted: readonly string[];
  readonly any: boolean;
}

const nothing: Difference = {
  added: [],
  removed: [],
  changed: [],
  outcomes: [],
  state: [],
  payloadsPut: [],
  payloadsDeleted: [],
  any: false,
};

/** What lies between two instants; a value counts as changed when it was written. */
export function differenceOf(before: Contents, after: Contents): Difference {
  if (before === after) return nothing;
  const added: TaskRow[] = [];
  const changed: Change[] = [];
  for (const [seq, to] of after.tasks) {
    const from = before.tasks.get(seq);
    if (from === undefined) added.push(to);
    else if (from !== to) changed.push({ from, to });
  }
  const removed = [...before.tasks.values()].filter((row) => !after.tasks.has(row.seq));
  const outcomes = [...after.outcomes].flatMap(([n, row]) => (before.outcomes.has(n) ? [] : [row]));
  const forgotten = [...before.outcomes.keys()].filter((n) => !after.outcomes.has(n));
  const state = written(before.state, after.state);
  const payloads = written(before.payloads, after.payloads);

  return {
    added,
    removed,
    changed,
    outcomes,
    state,
    payloadsPut: payloads.filter((key) => after.payloads.has(key)),
    payloadsDeleted: payloads.filter((key) => !after.payloads.has(key)),
    any: [added, removed, changed, outcomes, forgotten, state, payloads].some((part) => part.length > 0),
  };
}

function written(before: ReadonlyMap<string, unknown>, after: ReadonlyMap<string, unknown>): readonly string[] {
  const put = [...after].flatMap(([key, value]) => (before.get(key) === value && before.has(key) ? [] : [key]));

  return [...put, ...[...before.keys()].filter((key) => !after.has(key))];
}

/** The names of the fields in which a row differs. */
export function fieldsOf({ from, to }: Change): readonly string[] {
  const names = new Set([...Object.keys(from), ...Object.keys(to)]);

  return [...names].filter((name) =>
    name === 'marks'
      ? !isDeepStrictEqual(withoutWaits(from), withoutWaits(to))
      : !isDeepStrictEqual(from[name as keyof TaskRow], to[name as keyof TaskRow]),
  );
}

/** The marks by which it is found as a child may grow: each row that is written is judged for those that it may have. */
function withoutWaits({ marks }: TaskRow): readonly string[] {
  return marks.filter((mark) => !mark.startsWith('W'));
}

/** Whether only these fields differ. */
export function onlyDiffersIn(change: Change, allowed: readonly string[]): boolean {
  return fieldsOf(change).every((name) => allowed.includes(name));
}
