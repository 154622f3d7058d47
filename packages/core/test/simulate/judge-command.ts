import type { TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { gateOf, headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { fieldsOf, onlyDiffersIn } from './difference.js';
import type { Commit } from './judge.js';
import { countPayments, ended, isPayment, lanesOf } from './judge.js';
import { judgePurge } from './erasing.js';
import { momentOf } from './judge-model.js';
import { atFullDisk, judgeNoneLeft, judgeReplaced } from './judge-replaced.js';
import { judgeUpdate } from './judge-update.js';
import { isChildOf, withChildren } from './parents.js';
import { judgeIdleResume, judgePause, meantBy } from './pausing.js';
import { namesFor } from './registries.js';
import type { CommandFacts } from './world.js';

/** A query's tasks are read in slices of so many, each in a transaction of its own. */
const slice = 256;

/**
 * A page's cancel, retry or update: does what it says to its tasks, and to no other; pays lanes whose head went, and leaves
 * its stamp.
 */
export function judgeCommand(whole: Commit): void {
  const { commit, replaced } = judgeReplaced(whole, 0, whole.underway.walls);
  if (whole.underway.command?.what === 'purge') {
    judgePurge(commit, whole.underway.command);

    return;
  }
  const { underway, after, difference, fail } = commit;
  const { command } = underway;
  if (difference.state.some((key) => key === 'positions' || key === 'bodies')) fail('wrote what only a purge may');
  if (command === undefined || (command.committed !== undefined && typeof command.which === 'string')) {
    fail('nobody asked for it');

    return;
  }

  if (command.what === 'pause' || command.what === 'resume') return judgePause(commit);

  const rows = sliceOf(command, commit, whole);
  command.committed = (command.committed ?? 0) + rows.length;
  if (difference.added.length > 0) fail('a command added a row');
  if (difference.state.includes('edits') && rows.length === 0 && replaced.length > 0) return;
  if (rows.length === 0 && !command.several) {
    fail(`${command.what} ${JSON.stringify(command.which)} changed something, and there is no such task`);

    return;
  }
  if (!difference.state.includes('edits') && !isBare(after)) fail('left no stamp');
  if (typeof command.which !== 'string')
    commit.world.report.met('other', rows.length === slice ? 'commands by query, a whole slice' : 'commands by query');

  if (command.what === 'cancel') judgeCancel(commit, rows);
  else if (command.what === 'update') judgeUpdate(commit, rows);
  else judgeRetry(commit, rows);
  // What is tried again is queued again, and its key is read before its claim.
  const revived = command.what === 'retry' && rows.some(({ dead }) => dead !== undefined);
  if (!revived && !isBare(after)) judgeNoneLeft(whole, [...rows, ...replaced]);
}

/**
 * The tasks that this transaction must change. If one transaction may not read all, a command goes by their keys, and its
 * later transactions need not meet what was added since the first. Then they are those that it did change.
 */
function sliceOf(command: CommandFacts, commit: Commit, whole: Commit): readonly TaskRow[] {
  const { before, after, difference, fail, world } = commit;
  const isFull = isBare(after);
  const found = targetsOf(command, before);
  const targets = isFull ? atFullDisk(commit, found) : found;
  const moves = new Map([...before.outcomes.values(), ...whole.difference.outcomes].map(({ id, by }) => [id, by]));
  const family =
    command.children === true
      ? withChildren(targets, whole.before, moves, command.isSeen).filter(({ id }) => command.isLater?.(id) !== true)
      : targets;
  const all = (isFull ? atFullDisk(commit, family) : family).filter(({ seq }) => before.tasks.has(seq));
  if (all.length > targets.length) world.report.met('parents', 'cancelled with children');
  command.several ||= readsSeveralSlices(command, before);
  if (!command.several) return all;

  const { outcomes, changed } = difference;
  const gone = isFull ? difference.removed : outcomes;
  const met = new Set(command.what === 'cancel' ? gone.map(({ id }) => id) : changed.map(({ from }) => from.id));
  const rows = all.filter(({ id }) => met.has(id));
  if (
    (rows.length > slice && command.children !== true) ||
    (rows.length === 0 && command.what === 'cancel' && outcomes.length > 0)
  )
    fail(`changed ${rows.length} of ${all.length} at once`);

  return rows;
}

/** The tasks that fit a command, in the order in which they were added. */
export function targetsOf(
  { which, life, isSeen, isLater }: Pick<CommandFacts, 'which' | 'life' | 'isSeen' | 'isLater'>,
  contents: Contents,
): readonly TaskRow[] {
  const rows = [...contents.tasks.values()].filter(
    (row) => row.cancelled !== true && isSeen(row) && isLater?.(row.id) !== true,
  );
  if (typeof which === 'string') return rows.filter(({ id }) => id === which);

  const { state, lane, gate, parent } = which ?? {};
  const types =
    which?.type === undefined ? undefined : [which.type].flat().flatMap((name) => namesFor(life.kind, name));
  const fits = (row: TaskRow): boolean =>
    (types === undefined || types.includes(row.type)) &&
    (state === undefined || (state === 'dead') === (readyOf(row).letter === 'D')) &&
    (lane === undefined || row.lane === lane) &&
    (gate === undefined || row.gate === gate) &&
    (parent === undefined || isChildOf(row, new Set([parent])));

  return rows.filter(fits).sort((one, other) => one.seq - other.seq);
}

/**
 * Whether a command reads more than one slice. It reads all children of a task, or a whole lane, also if it names types
 * or a state beside these.
 */
function readsSeveralSlices(command: CommandFacts, contents: Contents): boolean {
  const { lane, parent } = typeof command.which === 'string' ? {} : (command.which ?? {});
  const rows = [...contents.tasks.values()];
  if (parent !== undefined) return rows.filter((row) => isChildOf(row, new Set([parent]))).length > slice;
  const read =
    lane === undefined ? targetsOf(command, contents) : rows.filter((row) => row.lane === lane && command.isSeen(row));

  return read.length > slice;
}

/** A command that committed without a change: there was no such task. */
export function judgeIdleCommand(commit: Commit): void {
  const { underway, before, after, fail } = commit;
  const { command } = underway;
  if (command === undefined) return;

  command.committed ??= 0;
  if (command.what === 'resume') return judgeIdleResume(commit);
  if (command.what === 'pause' && typeof command.which !== 'string') {
    // Tasks of a type that belongs to nobody are of no owner.
    if (meantBy(commit.world, command).length > 0) fail('paused nothing');

    return;
  }
  // After its tasks a purge looks for what is kept of ended ones.
  if (command.what === 'purge') return;
  // A command that needed several transactions goes through the tasks until a whole round finds none.
  command.several ||= readsSeveralSlices(command, before);
  const targets = command.several ? [] : targetsOf(command, before);
  // At a full disk a task that a later one replaces is left alone, and no stamp says that the disk is full.
  const rows = commit.world.wasFull ? atFullDisk(commit, targets) : targets;
  if (command.what === 'retry' && isBare(after)) {
    // At a full disk, when the stamps are already gone, a retry of tasks that need none leaves no trace.
    command.committed = rows.length;
    judgeRetry(commit, rows);

    return;
  }
  const [row] = rows;
  if (row !== undefined) fail(`${command.what} ${JSON.stringify(command.which)} did nothing to ${row.id}`);
}

function isClaimed(contents: Contents, row: TaskRow): boolean {
  return runnerOf(contents)?.running.some((one) => one.seq === row.seq && one.id === row.id) ?? false;
}

/** Whether a command found no room, and so has deleted all stamps instead of leaving its own. */
function isBare({ state }: Contents): boolean {
  return !state.has('edits');
}

/** A cancel that found no room keeps no outcome: the rows are gone, also those that run. */
function judgeBareCancel(commit: Commit, rows: readonly TaskRow[]): void {
  const { world, before, difference, fail } = commit;
  const ids = rows.map(({ id }) => id);
  if (difference.state.some((key) => !/^(edits|paused:.*)$/.test(key))) fail('a cancel deleted more than the stamps');
  if (difference.removed.map(({ id }) => id).join() !== ids.join()) fail(`did not remove ${ids.join()} alone`);
  const gone = new Set(ids);
  const child = [...before.tasks.values()].find((row) => !gone.has(row.id) && isChildOf(row, gone));
  if (child !== undefined) fail(`kept no outcome of a parent of ${child.id}`);
  for (const row of rows) {
    const facts = world.byId.get(row.id);
    if (facts !== undefined) facts.cancelled = true;
    ended(commit, row.id, 'purged');
  }
  // There may be room again by now.
  const claimed = new Set(rows.filter((row) => isClaimed(before, row)).map(({ seq }) => seq));
  judgeFreed(
    commit,
    rows.filter(({ seq }) => !claimed.has(seq)),
    claimed,
  );
  world.report.met('other', 'cancelled at a full disk');
}

function judgeCancel(commit: Commit, rows: readonly TaskRow[]): void {
  const { world, before, after, difference, fail } = commit;
  if (isBare(after) && difference.outcomes.length === 0) {
    judgeBareCancel(commit, rows);

    return;
  }
  const told = difference.outcomes.filter(({ state }) => state === 'cancelled').map(({ id }) => id);
  const ids = rows.map(({ id }) => id);
  if (difference.outcomes.length !== rows.length || [...told].sort().join() !== [...ids].sort().join())
    fail(`no outcome of ${ids.join(', ')}`);
  if (difference.state.some((key) => !/^(edits$|paused:|deposed:)/.test(key)))
    fail('a cancel wrote more than its stamp');

  const claimed = new Set(rows.filter((row) => isClaimed(before, row)).map(({ seq }) => seq));
  const others = rows.filter(({ seq }) => !claimed.has(seq));
  for (const row of rows) {
    const facts = world.byId.get(row.id);
    if (facts !== undefined) facts.cancelled = true;
    if (claimed.has(row.seq)) judgeMarked(commit, row);
    else ended(commit, row.id, 'cancelled');
  }
  const gone = difference.removed.map(({ seq }) => seq).join();
  if (gone !== others.map(({ seq }) => seq).join()) fail(`did not remove ${ids.join(', ')} alone`);

  judgeFreed(commit, others, claimed);
}

/** Only the next of a lane and the children of what is gone are written: they are paid. */
function judgeFreed(commit: Commit, others: readonly TaskRow[], claimed: ReadonlySet<number>): void {
  const { world, underway, after, difference, fail } = commit;
  const lanes = lanesOf(others);
  const heads = headsOf(after);
  const ends = new Set(others.map(({ id }) => id));
  for (const change of difference.changed) {
    if (claimed.has(change.from.seq)) continue;
    const lane = laneMarkOf(change.from);
    const isHead = lane !== undefined && lanes.has(lane) && heads.get(lane)?.seq === change.from.seq;
    const isChild = readyOf(change.from).letter !== 'F' && isChildOf(change.from, ends);
    if (isChild) world.report.met('parents', 'paid by a cancel');
    if (!(isHead || isChild) || !isPayment(change, 0, underway.walls)) fail(`also changed ${change.from.id}`);
  }
  countPayments(commit, 'cancel', lanes, new Set());
}

/** One that runs is only marked: settle or rescue deletes it. */
function judgeMarked({ world, before, difference, fail }: Commit, row: TaskRow): void {
  const change = difference.changed.find(({ from }) => from.seq === row.seq);
  world.model.cancelled(row.id);
  if (change === undefined) fail(`${row.id} is claimed, and was not marked as cancelled`);
  else if (change.to.cancelled !== true || readyOf(change.to).letter !== 'D') fail(`${row.id} is not cancelled`);
  else if (!onlyDiffersIn(change, ['cancelled', 'ready', 'marks'])) fail(`changed ${fieldsOf(change).join(', ')}`);
  const claim = runnerOf(before)?.running.find(({ seq }) => seq === row.seq)?.claim ?? 0;
  const facts = world.leading?.claims.get(claim);
  if (facts !== undefined) facts.cancelledAt = world.time.now();
  world.report.met('other', 'cancelled while claimed');
}

function judgeRetry(commit: Commit, rows: readonly TaskRow[]): void {
  const { underway, before, difference, fail } = commit;
  if (difference.removed.length > 0 || difference.outcomes.length > 0) fail('a retry removed or ended something');
  const seqs = new Set(rows.map(({ seq }) => seq));
  if (difference.changed.some(({ from }) => !seqs.has(from.seq))) fail('a retry changed another task');
  for (const row of rows) judgeRevived(commit, row);

  const gates = difference.state.filter((key) => key.startsWith('gate:'));
  // A task that a large retry left as it is still brings its gate's probe forward.
  const passed = underway.command?.several === true ? targetsOf(underway.command, before) : rows;
  const names = new Set(passed.map(({ gate }) => gate));
  if (gates.some((key) => !names.has(key.slice(5)))) fail('touched another gate');
  for (const name of names) commit.world.model.woken(momentOf(commit.world), name);
  for (const name of new Set(rows.map(({ gate }) => gate))) judgeForward(commit, name);
}

function judgeRevived({ world, before, difference, fail }: Commit, row: TaskRow): void {
  const { letter, when } = readyOf(row);
  const waits = letter === '@' || letter === 'D' || (letter === '!' && row.attempts > 0);
  const revives = waits && !isClaimed(before, row);
  const change = difference.changed.find(({ from }) => from.seq === row.seq);
  if (!revives) {
    if (change !== undefined) fail(`changed ${row.id}, which does not wait for a retry (${row.ready})`);

    return;
  }
  world.model.retried(row.id);
  if (change === undefined) {
    // It may have been due at once already.
    const isDue = letter === '@' && when === 0 && row.failures + row.interruptions + row.blames === 0;
    if (!isDue) fail(`left ${row.id} as it was (${row.ready})`);

    return;
  }

  const { to } = change;
  const ready = readyOf(to);
  const allowed = [
    'ready',
    'failures',
    'interruptions',
    'blames',
    'dead',
    'marks',
    ...(letter === 'D' ? ['expiresAt'] : []),
    ...(row.dead?.reason === 'parent' ? ['onParent'] : []),
  ];
  const others = fieldsOf(change).filter((name) => !allowed.includes(name));
  if (others.length > 0) fail(`changed ${others.join(', ')} of ${row.id}`);
  if (to.failures + to.interruptions + to.blames > 0) fail(`did not set the counters of ${row.id} back`);
  if (letter === 'D' && to.expiresAt !== undefined) fail(`${row.id} still expires`);
  if (to.dead !== undefined || ready.letter !== '@' || ready.when !== 0) fail(`${row.id} is not due: ${to.ready}`);
  noteWithout(world, row);
  world.report.met('other', letter === 'D' ? 'dead ones retried' : 'waiting ones retried');
}

/** A task that was dead for its parents runs without them, once it is retried or corrected. */
export function noteWithout({ byId, report }: Commit['world'], { id, dead }: TaskRow): void {
  const told = byId.get(id);
  if (dead?.reason !== 'parent' || told === undefined) return;
  told.onParent = 'run';
  report.met('parents', 'revived without a parent');
}

/** The probe of a closed gate comes at once, or a second after the last time that it did. */
function judgeForward({ world, underway, before, after, fail }: Commit, name: string): void {
  const from = gateOf(before, name);
  const to = gateOf(after, name);
  const [least, most] = underway.walls;
  const { triedAt = 0, until = 0 } = from ?? {};
  const isSoon = (wall: number): boolean => wall - triedAt < 1_000 && triedAt - wall <= 1_000;
  if (from !== undefined && from.by.length > 0) {
    const isSame = JSON.stringify(from) === JSON.stringify(to);
    const delayed = isSame ? triedAt + 1_000 >= until : to?.until === triedAt + 1_000 && to.triedAt === to.until;
    const forward = isSame ? until === 0 : to?.until === 0;
    const fits =
      (isSoon(least) && delayed) || (isSoon(most) && delayed) || (!(isSoon(least) && isSoon(most)) && forward);
    if (!fits || to?.step !== from.step || to.by.length !== from.by.length)
      fail(`did not bring the probe of ${name} forward`);
    else world.report.met('gates', forward ? 'probe brought forward' : 'tried a second ago');
  } else if (JSON.stringify(from) !== JSON.stringify(to)) fail(`changed the gate ${name}`);
}
