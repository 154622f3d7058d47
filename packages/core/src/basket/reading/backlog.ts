import type { GateRow } from '../../pure/gate.js';
import type { Ready } from '../../pure/key.js';
import { alone, beyond, timePart } from '../../pure/key.js';
import { aheadOf, reasonsOf } from '../../pure/reasons.js';
import type { RunnerRow, TaskRow } from '../../pure/record.js';
import { laneOf, stateKeys } from '../../pure/record.js';
import type { AnyRegistry } from '../../pure/registry.js';
import { findType } from '../../pure/registry.js';
import type { Stores } from '../../store/requests.js';
import { behind, prefixesOf, rowsByState } from '../../store/by-state.js';
import { answer } from '../../store/requests.js';
import { headOfLane, numbersOf, rowsAfter } from '../../store/rows.js';
import { marksIndex } from '../../store/setup.js';

/** A lane that stands still. */
export interface BlockedLane {
  readonly lane: string;
  /** The id of the task that stands at its head. */
  readonly by: string;
  /** `dead`: it waits for `retry`, `update` or `cancel`. `unreadable`: for a build that can decode it. */
  readonly because: 'dead' | 'unreadable';
}

/** What of the queue a person should know of. */
export interface Backlog {
  readonly oldest: TaskRow | undefined;
  readonly blockedLanes: readonly BlockedLane[];
  readonly aloneTasks: readonly string[];
  /** One that could have run since the given time. */
  readonly waiting: TaskRow | undefined;
}

type TaskAndState = Pick<Stores, 'tasks' | 'state'>;

/** So many of each kind are told. */
const told = 100;

/** So many rows in front are looked at for the oldest queued one, and as many for blocked lanes. */
const looked = 1_024;

/** Rows lie together by letter, route and rank: so many such prefixes of a letter are visited. */
const visited = 200;

/** So many rows of a prefix, and of all together, are tried for one that could run: all may stand behind their heads. */
const tried = 16;
const triedInAll = 512;

/** What is judged by. */
export interface BacklogFacts {
  readonly registry: AnyRegistry;
  readonly runner: RunnerRow | undefined;
  readonly gates: ReadonlyMap<string, GateRow>;
  /** The rows that run. */
  readonly running: readonly TaskRow[];
  /** The wall clock now, in milliseconds. */
  readonly wall: number;
  /** What could have run since then, by the wall clock. */
  readonly since: number;
}

/** Reads a bounded part of the queue, however much lies in it. */
export async function backlogOf(stores: TaskAndState, facts: BacklogFacts): Promise<Backlog> {
  const [oldest, fresh, timed, dated, dead, unreadable] = await Promise.all([
    oldestOf(stores),
    ...['F', '@', '!', 'D', 'U'].map((letter) => prefixesOf(stores, letter, visited)),
  ]);
  const byTime = [...(timed ?? []), ...(dated ?? [])];
  const holding = [...(dead ?? []), ...(unreadable ?? [])];

  return {
    oldest,
    blockedLanes: await blockedLanesOf(stores, holding),
    aloneTasks: await idsOf(
      stores,
      byTime.filter(({ rank }) => rank === alone),
    ),
    waiting: await waitingOf(stores, [...byTime, ...(fresh ?? [])], facts),
  };
}

async function oldestOf(stores: TaskAndState): Promise<TaskRow | undefined> {
  const slice = 64;
  let after = 0;
  for (let seen = 0; seen < looked; seen += slice) {
    const rows = await rowsAfter(stores, after, slice);
    const found = rows.find(({ ready }) => !ready.startsWith('D'));
    if (found !== undefined || rows.length < slice) return found;
    after = rows.at(-1)?.seq ?? after;
  }

  return undefined;
}

/** All rows of a prefix, or those up to a `ready` key. */
function rangeOf({ prefix }: Ready, end = beyond(prefix)): IDBKeyRange {
  return IDBKeyRange.bound([prefix], [end]);
}

async function blockedLanesOf(stores: TaskAndState, prefixes: readonly Ready[]): Promise<readonly BlockedLane[]> {
  const lanes: BlockedLane[] = [];
  let left = looked;
  for (const prefix of prefixes) {
    const rows = await rowsByState(stores, rangeOf(prefix), left);
    left -= rows.length;
    const found = await Promise.all(rows.map((row) => blockedBy(stores, row)));
    for (const lane of found) if (lane !== undefined) lanes.push(lane);
    if (left <= 0 || lanes.length >= told) break;
  }

  return lanes.slice(0, told);
}

/** A task that left its lane when it died has no mark of it any more, and is not its head. */
async function blockedBy({ tasks }: TaskAndState, row: TaskRow): Promise<BlockedLane | undefined> {
  const { lane, id, seq, ready, cancelled } = row;
  const mark = laneOf(row);
  if (lane === undefined || mark === undefined || cancelled === true) return undefined;
  const head = await answer(tasks.index(marksIndex).getKey(mark));

  return head === seq ? { lane, by: id, because: ready.startsWith('D') ? 'dead' : 'unreadable' } : undefined;
}

async function idsOf(stores: TaskAndState, prefixes: readonly Ready[]): Promise<readonly string[]> {
  const rows = await Promise.all(prefixes.map((prefix) => rowsByState(stores, rangeOf(prefix), told)));

  return rows
    .flat()
    .map(({ id }) => id)
    .slice(0, told);
}

/** A task with nothing in its way since then, full slots apart; of other builds' types nothing is known here. */
async function waitingOf(
  stores: TaskAndState,
  prefixes: readonly Ready[],
  facts: BacklogFacts,
): Promise<TaskRow | undefined> {
  const positions = await numbersOf(stores, stateKeys.positions);
  let left = triedInAll;
  for (const ready of prefixes) {
    if (left <= 0) break;
    if (findType(facts.registry, ready.route.type)?.version !== ready.route.version) continue;
    const { prefix, when } = ready;
    // The runner has passed what lies at or below its position.
    const range =
      when === undefined
        ? behind(prefix, positions[prefix] ?? 0)
        : rangeOf(ready, `${prefix}|${timePart(dueSince(ready, facts))}\uffff`);
    const rows = await rowsByState(stores, range, tried);
    left -= rows.length;
    const old = rows.filter(({ addedAt }) => addedAt <= facts.since);
    const could = await Promise.all(old.map((row) => couldRun(stores, row, facts)));
    const found = old.find((_, place) => could[place]);
    if (found !== undefined) return found;
  }

  return undefined;
}

function dueSince({ letter }: Ready, { runner, since }: BacklogFacts): number {
  return letter === '@' ? since + aheadOf(runner) : since;
}

async function couldRun(
  stores: TaskAndState,
  row: TaskRow,
  { registry, runner, gates, running, wall }: BacklogFacts,
): Promise<boolean> {
  const head = await headOfLane(stores, laneOf(row));
  const type = findType(registry, row.type);
  const gate = gates.get(row.gate);
  const through = running.filter((one) => one.gate === row.gate).length;
  const reasons = reasonsOf(row, { type, runner, led: true, head, gate, through, wall });

  return reasons.every(({ reason }) => reason === 'busy');
}
