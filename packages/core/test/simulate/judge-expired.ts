import type { TaskRow } from '../../src/pure/record.js';
import { headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import type { Change } from './difference.js';
import { fieldsOf } from './difference.js';
import type { Commit } from './judge.js';
import { isPayment, lanesOf } from './judge.js';

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
 * Judges the tasks whose time was over before a turn, and takes them out of it, with what was paid for them. Those that
 * it settled are judged with their ends.
 */
export function judgeExpired(commit: Commit, settled: ReadonlySet<number>): Commit {
  const { after, difference, world } = commit;
  const { seen = 0, wall = 0 } = runnerOf(after) ?? {};
  const died = difference.changed.filter(
    ({ from, to }) => to.dead?.reason === 'expired' && from.dead === undefined && !settled.has(from.seq),
  );
  if (died.length === 0) return commit;
  for (const change of died) {
    const wrong = wrongExpiry(change, wall);
    if (wrong !== undefined) commit.fail(`${change.to.id} has expired: ${wrong}`);
  }
  world.report.met('expiry', 'expired', died.length);
  if (died.length > 1) world.report.met('expiry', 'several at once');
  for (const { from } of died) world.report.met('expiry', `from ${readyOf(from).letter}`);

  const lanes = lanesOf(died.map(({ to }) => to).filter((row) => hasLeft(row, undefined)));
  const heads = headsOf(after);
  const isPaid = (change: Change): boolean => {
    const lane = laneMarkOf(change.from);

    return (
      lane !== undefined && lanes.has(lane) && heads.get(lane) === change.to && isPayment(change, seen, [wall, wall])
    );
  };
  if (difference.changed.some(isPaid)) world.report.met('expiry', 'its lane goes on');
  const changed = difference.changed.filter((change) => !died.includes(change) && !isPaid(change));

  return { ...commit, difference: { ...difference, changed } };
}

/** What is wrong with a row that has expired, if anything is. */
function wrongExpiry({ from, to }: Change, wall: number): string | undefined {
  const others = fieldsOf({ from, to }).filter((name) => !['dead', 'ready', 'marks'].includes(name));
  if (others.length > 0) return `changed ${others.join(', ')}`;
  if (!isOver(from, wall)) return `its time is ${from.expiresAt}, and it is ${wall}`;
  if (from.cancelled === true) return 'it was cancelled';

  return readyOf(to).letter === 'D' && to.dead?.at === wall ? undefined : `${to.ready} at ${to.dead?.at}`;
}
