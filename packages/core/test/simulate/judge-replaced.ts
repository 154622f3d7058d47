import { isDeepStrictEqual } from 'node:util';
import type { OutcomeRow, TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { headsOf, laneMarkOf, partOf, readyOf, runnerOf } from './contents.js';
import type { Change, Difference } from './difference.js';
import { fieldsOf } from './difference.js';
import type { Told } from './journal.js';
import type { Commit } from './judge.js';
import { ended, isPayment, lanesOf } from './judge.js';
import { isOver } from './judge-expired.js';
import { isChildOf, parentMarkOf } from './parents.js';
import type { Kind } from './registries.js';
import { inWords, mayMerge, ruleOf, workOf } from './registries.js';
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
  const sights = walls.map((wall) => sightOf(commit, contents, wall));
  const bySeq = [...outcomes].sort((one, other) => seqOf(rows, one) - seqOf(rows, other));
  // A turn reads a key again for each row that it checks. So what a later task has replaced stands in no way any more.
  const without = (id: string): readonly Sight[] => sights.map((sight) => sightWithout(sight, rows, id));
  const isDirect = ({ id, by }: OutcomeRow): boolean =>
    sights.some((sight) => rows.some((row) => row.id === id && chainOf(sight, row).at(-1)?.by.id === by));
  const direct = new Set(bySeq.filter(isDirect));
  const again = underway.work === 'turn' ? bySeq.filter((outcome) => !direct.has(outcome)) : [];
  const judged = [
    ...bySeq.filter((outcome) => !again.includes(outcome)).flatMap((outcome) => judgeOne(commit, sights, outcome)),
    ...again.flatMap((outcome) => judgeOne(commit, [...sights, ...without(outcome.id)], outcome)),
  ];
  const replaced = judged.map(({ row }) => row);
  if (replaced.length === 0) return { commit, replaced, lanes: new Set() };

  commit.world.report.met('keys', `replaced by a ${underway.work}`, replaced.length);
  if (replaced.length > 1) commit.world.report.met('keys', 'several at once');
  const ids = new Set(replaced.map(({ id }) => id));
  const merged = new Map(
    judged.flatMap(({ into }) => (into === undefined || ids.has(into.id) ? [] : [judgeMerged(commit, into)])),
  );
  const lanes = lanesOf(replaced);
  const seqs = new Set(replaced.map(({ seq }) => seq));
  const stayed = new Map([...before.tasks].filter(([seq]) => !seqs.has(seq)));
  // A command may bring an earlier task of the lane back, after the head was paid.
  const [heads, headsThen] = [headsOf(after), headsOf({ ...before, tasks: stayed })];
  const isHead = (lane: string, { from, to }: Change): boolean =>
    heads.get(lane) === to || headsThen.get(lane)?.seq === from.seq;
  const isPaid = (change: Change): boolean => {
    const lane = laneMarkOf(change.from);

    return lane !== undefined && lanes.has(lane) && isHead(lane, change) && isPayment(change, now, walls);
  };
  judgeMoved(commit, outcomes);
  // A child that is paid in the same transaction is paid for its new parent.
  const moved = (from: TaskRow, { marks }: TaskRow): TaskRow => (isChildOf(from, ids) ? { ...from, marks } : from);
  const isMoved = (change: Change): boolean => fieldsOf(change).length === 0 && isChildOf(change.from, ids);
  const isDone = (change: Change): boolean => merged.has(change.to.seq) && fieldsOf(change).length === 0;
  const left: Difference = {
    ...difference,
    removed: difference.removed.filter(({ seq }) => !seqs.has(seq)),
    outcomes: difference.outcomes.filter(({ state }) => state !== 'replaced'),
    changed: difference.changed
      .map(({ from, to }) => ({ from: moved(merged.get(to.seq) ?? from, to), to }))
      .filter((change) => !isPaid(change) && !isMoved(change) && !isDone(change)),
  };
  const tasks = new Map([...stayed, ...[...merged].filter(([seq]) => !seqs.has(seq))]);

  return { commit: { ...commit, before: { ...before, tasks }, difference: left }, replaced, lanes };
}

/**
 * The children of a task that was replaced wait for the task that took its place. A dead one does not wait: when it is
 * revived, the check that holds it gives it the mark. A row of a later version stays as it is.
 */
function judgeMoved({ world, after, fail }: Commit, outcomes: readonly OutcomeRow[]): void {
  for (const { id, by = '' } of outcomes) {
    for (const row of after.tasks.values()) {
      if (readyOf(row).letter === 'D' || world.foreign.has(row.seq) || !row.marks.includes(parentMarkOf(id))) continue;
      world.report.met('parents', 'moved to the one that replaced theirs');
      if (!row.marks.includes(parentMarkOf(by)))
        fail(`replaced ${id}, and its child ${row.id} does not wait for ${by}`);
    }
  }
}

/** The `seq` of the row of an outcome. */
function seqOf(rows: readonly TaskRow[], { id }: OutcomeRow): number {
  return rows.find((row) => row.id === id)?.seq ?? 0;
}

/**
 * Judges whether a task may be replaced, and by the task that is named. `sights`: before and after the transaction,
 * because the time of a task may have ended in between. `into`: the next task, if it took the payload.
 */
function judgeOne(
  commit: Commit,
  sights: readonly Sight[],
  outcome: OutcomeRow,
): readonly { readonly row: TaskRow; readonly into: TaskRow | undefined }[] {
  const { world, after } = commit;
  const fail = (what: string): void => commit.fail(`replaced ${outcome.id} by ${outcome.by ?? 'nothing'}: ${what}`);
  const [sight] = sights;
  const row = [...(sight?.contents.tasks.values() ?? [])].find(({ id }) => id === outcome.id);
  const told = world.byId.get(outcome.id);
  if (sight === undefined || row === undefined || told === undefined) {
    fail('there was no such task');

    return [];
  }
  if (after.tasks.has(row.seq)) fail('it is still there');
  if (told.starts > 0) fail('its handler was called');
  const chains = sights.map((one) => chainOf(one, row));
  const chain = chains.find((links) => links.at(-1)?.by.id === outcome.by) ?? chainOf(sight, row);
  if (chain.at(-1)?.by.id !== outcome.by) {
    const last = nextOfKey(sight, chain.at(-1)?.by ?? row, chain.at(-1)?.merges);
    fail(`its chain is ${chain.map(({ by }) => by.id).join(' ')}, and ${last?.by.id} stays, for ${last?.stays}`);
  }
  const [next] = chain;
  const into = next?.merges === true ? next.by : undefined;
  ended(commit, row.id, 'replaced');
  told.replacedBy = outcome.by;
  world.model.replaced(row.id, outcome.by, into !== undefined);
  const later = world.byId.get(into?.id ?? '');
  if (later !== undefined) {
    later.with = [...told.with, inWords(told), ...later.with];
    later.merges = true;
    world.report.met('keys', `merged by a ${commit.underway.work}`);
  }

  return [{ row, into }];
}

/** A task into which others were merged: it has all of their payloads. Gives back its row as it was after that. */
function judgeMerged({ world, underway, before, after, fail }: Commit, { seq, id }: TaskRow): [number, TaskRow] {
  const told = world.byId.get(id);
  const from = before.tasks.get(seq);
  const now = after.tasks.get(seq);
  if (told === undefined || from === undefined) throw new Error(`${id} took others in, and was not there.`);
  const { command } = underway;
  if (now === undefined || (command?.what === 'update' && command.which === id))
    return [seq, { ...from, merges: true }];

  const work = now.ref === undefined ? workOf(now.payload) : undefined;
  const isWhole = work?.n === told.n && work.rev === told.rev && isDeepStrictEqual(work.with ?? [], told.with);
  if (!isWhole) fail(`merged ${told.with.join(', ')} into ${id}, and it has ${JSON.stringify(now.payload)}`);
  if (now.merges !== true) fail(`${id} does not say that it is merged`);
  if (now.revision !== (from.revision ?? 0) + 1) fail(`${id} is of revision ${now.revision}`);

  return [seq, { ...from, payload: now.payload, merges: true, revision: now.revision as number }];
}

/**
 * What a command is about that found no room, and so can only delete: a task that a later one replaces goes with that one,
 * and never alone.
 */
export function atFullDisk(commit: Commit, rows: readonly TaskRow[]): readonly TaskRow[] {
  const { before, underway } = commit;
  const sight = sightOf(commit, before, underway.walls[0]);
  const replacing = (row: TaskRow): number => chainOf(sight, row).at(-1)?.by.seq ?? row.seq;
  const standing = new Set(rows.filter((row) => replacing(row) === row.seq).map(({ seq }) => seq));
  const all = [...before.tasks.values()].filter((row) => row.cancelled !== true && standing.has(replacing(row)));
  if (all.length > standing.size) commit.world.report.met('keys', 'cancelled with the task that replaces it');

  return all.sort((one, other) => one.seq - other.seq);
}

/** What is known at the instant at which tasks may be replaced. */
interface Sight extends Pick<Commit, 'world'> {
  readonly contents: Contents;
  readonly kind: Kind | undefined;
  readonly wall: number;
  /** A row as it was at any time in the transaction in which it may have been read. */
  readonly views: (row: TaskRow) => readonly TaskRow[];
  readonly isClaimed: (row: TaskRow) => boolean;
  /** Whether a task was dead when its key was read. One that runs may have ended before that in the same turn. */
  readonly isDead: (row: TaskRow) => boolean;
  /** The marks of those that wait for others. */
  readonly marks: ReadonlySet<string>;
}

/** What a commit that replaced tasks may have seen: what was so before and after it counts for certain. */
function sightOf({ world, underway, before, after }: Commit, contents: Contents, wall: number): Sight {
  // A command replaces before it deletes anything, a child too.
  const marks = underway.work === 'turn' ? marksOf(after) : marksOf(before);

  return {
    world,
    contents: withoutLater(underway, contents),
    kind: underway.life?.kind,
    wall,
    views: (row) => [before.tasks.get(row.seq) ?? row],
    isClaimed: (row) => [before, after].every((one) => isClaimedIn(one, row)),
    isDead: (row) => isDeadIn(before, row) || (isClaimedIn(before, row) && isDeadIn(after, row)),
    marks: new Set([...marksOf(before)].filter((mark) => marks.has(mark))),
  };
}

/** What is seen once the tasks were replaced that a commit has replaced, but for this one. */
function sightWithout(sight: Sight, replaced: readonly TaskRow[], id: string): Sight {
  const gone = new Set(replaced.flatMap((row) => (row.id === id ? [] : row.seq)));

  return {
    ...sight,
    contents: { ...sight.contents, tasks: new Map([...sight.contents.tasks].filter(([seq]) => !gone.has(seq))) },
  };
}

/** What a command knows of: not what its context has added since the call. */
function withoutLater({ command }: Commit['underway'], contents: Contents): Contents {
  const { isLater } = command ?? {};
  if (isLater === undefined) return contents;

  return { ...contents, tasks: new Map([...contents.tasks].filter(([, { id }]) => !isLater(id))) };
}

/** The marks of the parents that tasks wait for. A task that was cancelled while it ran waits for no parent. */
function marksOf({ tasks }: Contents): ReadonlySet<string> {
  const waiting = [...tasks.values()].filter(({ cancelled }) => cancelled !== true);

  return new Set(waiting.flatMap(({ marks }) => marks.filter((mark) => mark.startsWith('W'))));
}

function isClaimedIn(contents: Contents, row: TaskRow): boolean {
  return runnerOf(contents)?.running.some(({ seq, id }) => seq === row.seq && id === row.id) ?? false;
}

function isDeadIn({ tasks }: Contents, { seq }: TaskRow): boolean {
  const row = tasks.get(seq);

  return row !== undefined && readyOf(row).letter === 'D';
}

/** A task that takes the place of another one, and whether it takes its payload too. */
interface Link {
  readonly by: TaskRow;
  readonly merges: boolean;
  /** Why the other one stays all the same, if it does. */
  readonly stays: string | undefined;
}

/** The tasks that replace a task, one after the other; the last of them stands. */
function chainOf(sight: Sight, row: TaskRow): readonly Link[] {
  const chain: Link[] = [];
  for (let next = nextOfKey(sight, row); next !== undefined && next.stays === undefined;) {
    chain.push(next);
    next = nextOfKey(sight, next.by, next.merges);
  }

  return chain;
}

/** The next task of a task's key. `merged`: another one was merged into the task. */
function nextOfKey(sight: Sight, row: TaskRow, merged = false): Link | undefined {
  const { world, contents } = sight;
  const told = world.byId.get(row.id);
  if (told?.key === undefined || world.foreign.has(row.seq) || readyOf(row).letter === 'D') return undefined;

  const later = [...contents.tasks.values()].filter((one) => one.seq > row.seq).sort((a, b) => a.seq - b.seq);
  const next = later.find((one) => {
    const other = world.byId.get(one.id);

    return one.cancelled !== true && other !== undefined && haveSameKey(told, other);
  });
  if (next === undefined || world.foreign.has(next.seq)) return undefined;
  const other = world.byId.get(next.id);
  if (other?.after.join() !== told.after.join()) return undefined;
  const between = later.find(
    (one) => one.seq < next.seq && told.lane !== undefined && one.lane === told.lane && one.owner === told.owner,
  );
  const isAdded = told.after.some((id) => {
    const parent = world.byId.get(id);
    const stands = contents.tasks.get(parent?.seq ?? 0)?.id === id || wasReplaced(world, parent);

    return stands && (parent?.seq ?? 0) > row.seq && (parent?.seq ?? 0) < next.seq;
  });
  const isStarted = isClaimedIn(contents, row) || row.attempts > 0 || told.edition > 0;
  const isKept = sight.isDead(next) ? 'the next one is dead' : undefined;
  const merges = merged || told.merges || other.merges;
  const apart = merges ? apartBy(sight, row, next) : undefined;

  return {
    by: next,
    merges,
    stays: isStarted
      ? 'it was started'
      : between !== undefined
        ? 'another is between'
        : isAdded
          ? 'a parent was added between'
          : (isKept ?? apart),
  };
}

/** Whether another task took the place of a task, in this database. */
function wasReplaced({ losses }: World, told: Told | undefined): boolean {
  return told?.state === 'ended' && told.end === 'replaced' && told.era >= losses;
}

/** Why two tasks that would be merged stay, by the manual. */
function apartBy(
  { world, kind, wall, views, isClaimed, marks, contents }: Sight,
  row: TaskRow,
  next: TaskRow,
): string | undefined {
  const isStarted = next.attempts > 0 || (world.byId.get(next.id)?.edition ?? 0) > 0 || isClaimed(next);
  if (isStarted) return 'the next one was started';
  // A child that was not checked yet waits for the task that took the place of the one that it names.
  if (namesOf(contents, row.id).some((id) => marks.has(parentMarkOf(id)))) return 'another one waits for it';
  const seen = [row, next].flatMap(views);
  if (seen.some((one) => isOver(one, wall))) return 'the time of one is over';

  return (
    seen.map((one) => keptApart(world, kind, [one])).find((why) => why !== undefined) ??
    keptApart(world, kind, [row, next])
  );
}

/** The id of a task, and the ids of the tasks whose place it has taken. */
function namesOf({ outcomes }: Contents, id: string): readonly string[] {
  const names = [id];
  for (const name of names) {
    for (const one of outcomes.values()) if (one.by === name && !names.includes(one.id)) names.push(one.id);
  }

  return names;
}

/** Why a build merges none of these rows, or not the first into the second. */
export function keptApart(world: World, kind: Kind | undefined, rows: readonly TaskRow[]): string | undefined {
  const [row, next] = rows;
  const rule = kind === undefined || row === undefined ? undefined : ruleOf(kind, row.type);
  if (rule?.merges !== true) return 'this build has no merge';
  if (rows.some(({ version }) => version !== rule.version)) return 'one is of another version';
  if (rows.some(({ ref }) => ref !== undefined)) return 'a payload is not in its row';

  return next === undefined || mayMerge(world.byId.get(row?.id ?? '')?.n ?? 0) ? undefined : 'the app refuses';
}

/** Whether two tasks have one key: it belongs to an owner, a type and a lane. */
function haveSameKey(one: Told, other: Told): boolean {
  return one.owner === other.owner && one.key === other.key && one.type === other.type && one.lane === other.lane;
}

/** Of the keys of these tasks nothing is left that a later task replaces. */
export function judgeNoneLeft(
  { world, underway, before, after, difference, fail }: Commit,
  rows: readonly TaskRow[],
): void {
  // The key of a row that this build cannot read is not known to it.
  const keys = new Set(rows.filter(({ seq }) => !world.foreign.has(seq)).flatMap(keyOf));
  if (keys.size === 0) return;
  const wall = underway.work === 'turn' ? (runnerOf(after)?.wall ?? 0) : underway.walls[1];
  const sight: Sight = {
    world,
    contents: withoutLater(underway, after),
    kind: underway.life?.kind,
    wall,
    views: (row) => [row, before.tasks.get(row.seq) ?? row],
    isClaimed: (row) => isClaimedIn(after, row),
    isDead: (row) => isDeadIn(before, row) || isDeadIn(after, row),
    marks: new Set([...marksOf(before), ...marksOf(after)]),
  };
  // What was taken away from between two tasks was there when their key was read. One that was replaced may have been
  // unable to take the place of the task before it.
  const isReplaced = ({ id }: TaskRow): boolean =>
    difference.outcomes.some((one) => one.id === id && one.state === 'replaced');
  const cancelled = difference.changed.flatMap(({ to }) => (to.cancelled === true ? [to] : []));
  const wasBetween = (row: TaskRow, next: TaskRow): boolean =>
    [...difference.removed, ...cancelled].some((one) => {
      const isLink = isReplaced(one) && apartBy(sight, row, one) === undefined;

      return row.seq < one.seq && one.seq < next.seq && !isLink;
    });
  for (const row of after.tasks.values()) {
    if (!keyOf(row).some((key) => keys.has(key))) continue;
    const next = nextOfKey(sight, row);
    if (next?.stays !== undefined) world.report.met('keys', `stayed, for ${next.stays}`);
    else if (next !== undefined && !wasBetween(row, next.by)) fail(`left ${row.id}, which ${next.by.id} replaces`);
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
  if (!state.includes('edits') || state.some((key) => key !== 'edits' && !key.startsWith('paused:')))
    commit.fail('left no stamp');
  judgeNoneLeft(commit, replaced);
}
