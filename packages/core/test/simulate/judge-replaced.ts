import type { OutcomeRow, TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { headsOf, laneMarkOf, partOf, readyOf, runnerOf } from './contents.js';
import type { Difference } from './difference.js';
import { fieldsOf } from './difference.js';
import type { Told } from './journal.js';
import type { Commit } from './judge.js';
import { ended, isPayment, lanesOf } from './judge.js';
import { isChildOf, parentMarkOf } from './parents.js';
import type { World } from './world.js';

/** A commit without the tasks that it replaced: what is left must be what it was asked for. */
export interface WithoutReplaced {
  readonly commit: Commit;
  readonly replaced: readonly TaskRow[];
  /** The lanes in which tasks were replaced. */
  readonly lanes: ReadonlySet<string>;
}

/**
 * Judges the tasks that a commit replaced, and takes them out of it, with what was paid for them. `now` is the time of
 * these payments: a page pays with 0.
 */
export function judgeReplaced(commit: Commit, now: number, walls: readonly [number, number]): WithoutReplaced {
  const { before, after, difference, underway } = commit;
  const outcomes = difference.outcomes.filter(({ state }) => state === 'replaced');
  const rows = difference.removed.filter(({ id }) => outcomes.some((outcome) => outcome.id === id));
  // A turn replaces after it has settled, and a command before it does what it was asked for.
  const then = underway.work === 'turn' ? [...after.tasks.values(), ...rows] : [...before.tasks.values()];
  const contents = { ...after, tasks: new Map(then.map((row) => [row.seq, row])) };
  const replaced = outcomes.flatMap((outcome) => judgeOne(commit, contents, outcome));
  if (replaced.length === 0) return { commit, replaced, lanes: new Set() };

  commit.world.report.met('keys', `replaced by a ${underway.work}`, replaced.length);
  if (replaced.length > 1) commit.world.report.met('keys', 'several at once');
  const lanes = lanesOf(replaced);
  const heads = headsOf(after);
  const isPaid = (change: Difference['changed'][number]): boolean => {
    const lane = laneMarkOf(change.from);

    return lane !== undefined && lanes.has(lane) && heads.get(lane) === change.to && isPayment(change, now, walls);
  };
  judgeMoved(commit, outcomes);
  const ids = new Set(replaced.map(({ id }) => id));
  const isMoved = (change: Difference['changed'][number]): boolean =>
    fieldsOf(change).length === 0 && isChildOf(change.from, ids);
  const seqs = new Set(replaced.map(({ seq }) => seq));
  const left: Difference = {
    ...difference,
    removed: difference.removed.filter(({ seq }) => !seqs.has(seq)),
    outcomes: difference.outcomes.filter(({ state }) => state !== 'replaced'),
    changed: difference.changed.filter((change) => !isPaid(change) && !isMoved(change)),
  };
  const tasks = new Map([...before.tasks].filter(([seq]) => !seqs.has(seq)));

  return { commit: { ...commit, before: { ...before, tasks }, difference: left }, replaced, lanes };
}

/** The children of a task that was replaced wait for the task that took its place. */
function judgeMoved({ world, after, fail }: Commit, outcomes: readonly OutcomeRow[]): void {
  for (const { id, by = '' } of outcomes) {
    for (const row of after.tasks.values()) {
      if (row.cancelled === true || !row.marks.includes(parentMarkOf(id))) continue;
      world.report.met('parents', 'moved to the one that replaced theirs');
      if (!row.marks.includes(parentMarkOf(by)))
        fail(`replaced ${id}, and its child ${row.id} does not wait for ${by}`);
    }
  }
}

/** One task that was replaced: it may be, and by the one that is named. */
function judgeOne(commit: Commit, contents: Contents, outcome: OutcomeRow): readonly TaskRow[] {
  const { world, after } = commit;
  const fail = (what: string): void => commit.fail(`replaced ${outcome.id} by ${outcome.by ?? 'nothing'}: ${what}`);
  const row = [...contents.tasks.values()].find(({ id }) => id === outcome.id);
  const told = world.byId.get(outcome.id);
  if (row === undefined || told === undefined) {
    fail('there was no such task');

    return [];
  }
  if (after.tasks.has(row.seq)) fail('it is still there');
  if (told.starts > 0) fail('its handler was called');
  const chain = chainOf(world, contents, row);
  if (chain.at(-1)?.id !== outcome.by) fail(`its chain is ${chain.map(({ id }) => id).join(' ')}`);
  ended(commit, row.id, 'replaced');
  told.replacedBy = outcome.by;
  world.model.replaced(row.id, outcome.by);

  return [row];
}

/** The tasks that replace a task, one after the other; the last of them stands. */
function chainOf(world: World, contents: Contents, row: TaskRow): readonly TaskRow[] {
  const chain: TaskRow[] = [];
  for (let next = replacerOf(world, contents, row); next !== undefined; next = replacerOf(world, contents, next))
    chain.push(next);

  return chain;
}

/** The task that takes the place of a task: the next of its key, if the task was never started, and none is between. */
function replacerOf(world: World, contents: Contents, row: TaskRow): TaskRow | undefined {
  const next = nextOfKey(world, contents, row);

  return next === undefined || next.stays !== undefined ? undefined : next.by;
}

/** The next task of a task's key, and why the task stays all the same, if it does. */
function nextOfKey(
  world: World,
  contents: Contents,
  row: TaskRow,
): { readonly by: TaskRow; readonly stays: string | undefined } | undefined {
  const told = world.byId.get(row.id);
  if (told?.key === undefined || world.foreign.has(row.seq) || readyOf(row).letter === 'D') return undefined;

  const later = [...contents.tasks.values()].filter((one) => one.seq > row.seq).sort((a, b) => a.seq - b.seq);
  const next = later.find((one) => {
    const other = world.byId.get(one.id);

    return one.cancelled !== true && other !== undefined && haveSameKey(told, other);
  });
  if (next === undefined || world.foreign.has(next.seq)) return undefined;
  if (world.byId.get(next.id)?.after.join() !== told.after.join()) return undefined;
  const between = later.find(
    (one) => one.seq < next.seq && told.lane !== undefined && one.lane === told.lane && one.owner === told.owner,
  );
  const isClaimed = runnerOf(contents)?.running.some(({ seq, id }) => seq === row.seq && id === row.id) ?? false;
  const isStarted = isClaimed || row.attempts > 0 || told.edition > 0;

  return { by: next, stays: isStarted ? 'it was started' : between === undefined ? undefined : 'another is between' };
}

/** Whether two tasks have one key: it belongs to an owner, a type and a lane. */
function haveSameKey(one: Told, other: Told): boolean {
  return one.owner === other.owner && one.key === other.key && one.type === other.type && one.lane === other.lane;
}

/** Of the keys of these tasks nothing is left that a later task replaces. */
export function judgeNoneLeft({ world, after, fail }: Commit, rows: readonly TaskRow[]): void {
  const keys = new Set(rows.flatMap(keyOf));
  if (keys.size === 0) return;
  for (const row of after.tasks.values()) {
    if (!keyOf(row).some((key) => keys.has(key))) continue;
    const next = nextOfKey(world, after, row);
    if (next?.stays !== undefined) world.report.met('keys', `stayed, for ${next.stays}`);
    else if (next !== undefined) fail(`left ${row.id}, which ${next.by.id} replaces`);
  }
}

/** The mark of a row's key. Written out here: what is checked must not check itself. */
export function keyOf({ owner, type, lane, key }: TaskRow): readonly string[] {
  if (key === undefined) return [];
  const parts = [type, lane === undefined ? '' : `L${lane}`, key];

  return [`K${[owner ?? '', ...parts].map(partOf).join('|')}`];
}

/** After an add, a page deletes what the new tasks replace, and does nothing else. */
export function judgeTidy(commit: Commit): void {
  const { commit: left, replaced } = judgeReplaced(commit, 0, commit.underway.walls);
  const { added, removed, changed, outcomes, state } = left.difference;
  if (replaced.length === 0) commit.fail('replaced nothing');
  if (added.length + removed.length + changed.length + outcomes.length > 0) commit.fail('changed something else');
  if (state.filter((key) => !key.startsWith('paused:')).join() !== 'edits') commit.fail('left no stamp');
  judgeNoneLeft(commit, replaced);
}
