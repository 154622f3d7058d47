import type { RunnerRow, TaskRow } from '../../src/pure/record.js';
import { headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import type { Change } from './difference.js';
import { fieldsOf } from './difference.js';
import type { Commit } from './judge.js';
import { modelSays, momentOf } from './judge-model.js';
import { isPayment, lanesOf } from './judge.js';
import { parentsSay } from './parents.js';
import { ruleOf } from './registries.js';

/** Whether the time of a task is over by the wall clock. */
export function isOver({ expiresAt }: TaskRow, wall: number): boolean {
  return expiresAt !== undefined && expiresAt <= wall;
}

/** Whether a dead task has left its lane: as its time, or as another death, says. */
export function hasLeft({ dead, onDead, onExpired }: TaskRow, rule: { readonly onDead: 'block' | 'skip' } | undefined) {
  if (dead === undefined) return false;

  return dead.reason === 'expired' ? onExpired !== 'block' : (onDead ?? rule?.onDead) === 'skip';
}

/**
 * Judges the tasks that a turn made dead because their time was over, or a parent was cancelled, and takes them out of
 * it, with what was paid for them. Those that it settled are judged with their ends.
 */
export function judgeExpired(commit: Commit, settled: ReadonlySet<number>): Commit {
  const { after, difference, world } = commit;
  const { seen = 0, wall = 0 } = runnerOf(after) ?? {};
  const died = difference.changed.filter(
    ({ from, to }) =>
      /^(expired|parent)$/.test(to.dead?.reason ?? '') && from.dead === undefined && !settled.has(from.seq),
  );
  if (died.length === 0) return commit;
  for (const change of died) {
    const said = world.model.died(change.to.id, change.to.dead?.reason ?? '', { ...momentOf(world), wall });
    if (said !== undefined) commit.fail(`${modelSays}${change.to.id} is not dead: ${said}`);
    const wrong = wrongDeath(change, wall);
    if (wrong !== undefined) commit.fail(`${change.to.id} is dead (${change.to.dead?.reason}): ${wrong}`);
  }
  const groups = died.map(({ to }) => (to.dead?.reason === 'parent' ? 'parents' : 'expiry'));
  for (const [place, group] of groups.entries()) {
    world.report.met(group, group === 'parents' ? 'dead for one that was cancelled' : 'expired');
    const { from } = died[place] ?? {};
    if (from !== undefined && group === 'expiry') world.report.met('expiry', `from ${readyOf(from).letter}`);
  }
  if (died.length > 1) world.report.met('expiry', 'several at once');

  const lanes = lanesOf(died.map(({ to }) => to));
  const heads = headsOf(after);
  const isPaid = (change: Change): boolean => {
    const lane = laneMarkOf(change.from);

    return (
      lane !== undefined &&
      lanes.has(lane) &&
      heads.get(lane) === change.to &&
      isPayment(heldBefore(change, { seen, wall }), seen, [wall, wall])
    );
  };
  const leaves = died.some(({ to }) => hasLeft(to, ruleOf('page', to.type)));
  if (leaves && difference.changed.some(isPaid)) world.report.met('expiry', 'its lane goes on');
  const changed = difference.changed.filter((change) => !died.includes(change) && !isPaid(change));

  return { ...commit, difference: { ...difference, changed } };
}

/** A row that was due may have been held behind its head, before the same turn let that head leave the lane. */
export function heldBefore({ from, to }: Change, { seen, wall }: Pick<RunnerRow, 'seen' | 'wall'>): Change {
  const { letter, when = Number.POSITIVE_INFINITY } = readyOf(from);
  if (!(letter === '!' && when <= wall) && !(letter === '@' && when <= seen)) return { from, to };

  return { from: { ...from, ready: `H${from.ready.slice(1, from.ready.lastIndexOf('|'))}` }, to };
}

/** A task that a turn made dead for its parents: one of them was cancelled. The turn's own ends are in the journal. */
export function judgeOrphaned({ world, after, difference, fail }: Commit): void {
  for (const { from, to } of difference.changed) {
    if (to.dead?.reason !== 'parent' || from.dead !== undefined) continue;
    if (parentsSay(world, after, from) !== 'die') fail(`${to.id} is dead, and no parent of it was cancelled`);
  }
}

/** What is wrong with a row that is dead since, if anything is. */
function wrongDeath({ from, to }: Change, wall: number): string | undefined {
  // Another task may have been merged into it before, in the same turn: `judgeReplaced` reads its payload.
  const merged = to.merges === true ? ['payload', 'revision', 'merges'] : [];
  // It may have been to blame for what another one's answer showed in the same turn.
  const blamed = to.blames === from.blames + 1 ? ['blames'] : [];
  const others = fieldsOf({ from, to }).filter(
    (name) => !['dead', 'ready', 'marks', ...merged, ...blamed].includes(name),
  );
  if (others.length > 0) return `changed ${others.join(', ')}`;
  if (to.dead?.reason === 'expired' && !isOver(from, wall)) return `its time is ${from.expiresAt}, and it is ${wall}`;
  if (from.cancelled === true) return 'it was cancelled';

  return readyOf(to).letter === 'D' && to.dead?.at === wall ? undefined : `${to.ready} at ${to.dead?.at}`;
}
