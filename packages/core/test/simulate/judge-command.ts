import type { TaskRow } from '../../src/pure/record.js';
import { gateOf, headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { fieldsOf, onlyDiffersIn } from './difference.js';
import type { Commit } from './judge.js';
import { countPayments, ended, isPayment, lanesOf } from './judge.js';

/** A page's cancel or retry: does what it says to the one task, pays a lane whose head went, and leaves its stamp. */
export function judgeCommand(commit: Commit): void {
  const { underway, before, difference, fail } = commit;
  const { command } = underway;
  if (command === undefined || command.committed !== undefined) {
    fail('nobody asked for it');

    return;
  }

  command.committed = true;
  const row = [...before.tasks.values()].find((one) => one.id === command.id);
  if (difference.added.length > 0) fail('a command added a row');
  if (row === undefined || row.cancelled === true) {
    fail(`${command.what} ${command.id} changed something, and there is no such task`);

    return;
  }
  if (!difference.state.includes('edits')) fail('left no stamp');

  if (command.what === 'cancel') judgeCancel(commit, row);
  else judgeRetry(commit, row);
}

/** A command that committed without a change: there was no such task. */
export function judgeIdleCommand(commit: Commit): void {
  const { underway, before, fail } = commit;
  const { command } = underway;
  if (command === undefined) return;

  command.committed = false;
  const row = [...before.tasks.values()].find((one) => one.id === command.id);
  if (row !== undefined && row.cancelled !== true) fail(`${command.what} ${command.id} did nothing`);
}

function judgeCancel(commit: Commit, row: TaskRow): void {
  const { world, underway, before, after, difference, fail } = commit;
  const claimed = runnerOf(before)?.running.find((one) => one.seq === row.seq && one.id === row.id);
  const told = world.byId.get(row.id);
  if (told !== undefined) told.cancelled = true;
  const [outcome] = difference.outcomes;
  if (difference.outcomes.length !== 1 || outcome?.id !== row.id || outcome.state !== 'cancelled') {
    fail(`no outcome of ${row.id}`);
  }
  if (difference.state.some((key) => key !== 'edits')) fail('a cancel wrote more than its stamp');

  if (claimed !== undefined) {
    const change = difference.changed.find(({ from }) => from.seq === row.seq);
    const rest = difference.changed.length + difference.removed.length;
    if (change === undefined || rest !== 1) fail(`${row.id} is claimed, and was not only marked as cancelled`);
    else if (change.to.cancelled !== true || readyOf(change.to).letter !== 'D') fail(`${row.id} is not cancelled`);
    else if (!onlyDiffersIn(change, ['cancelled', 'ready'])) fail(`changed ${fieldsOf(change).join(', ')}`);
    const facts = world.leading?.claims.get(claimed.claim);
    if (facts !== undefined) facts.cancelledAt = world.time.now();
    world.report.met('other', 'cancelled while claimed');

    return;
  }

  ended(commit, row.id, 'cancelled');
  if (difference.removed.length !== 1 || difference.removed[0]?.seq !== row.seq) fail(`did not remove ${row.id} alone`);
  const lane = laneMarkOf(row);
  const head = lane === undefined ? undefined : headsOf(after).get(lane);

  for (const change of difference.changed) {
    if (change.from.seq !== head?.seq || !isPayment(change, 0, underway.walls)) fail(`also changed ${change.from.id}`);
  }
  countPayments(commit, 'cancel', lanesOf([row]), new Set());
}

function judgeRetry(commit: Commit, row: TaskRow): void {
  const { world, underway, before, after, difference, fail } = commit;
  if (difference.removed.length > 0 || difference.outcomes.length > 0) fail('a retry removed or ended something');

  const claimed = runnerOf(before)?.running.some((one) => one.seq === row.seq && one.id === row.id) ?? false;
  const { letter } = readyOf(row);
  const revives = !claimed && (letter === '@' || letter === 'D' || (letter === '!' && row.attempts > 0));
  const change = difference.changed.find(({ from }) => from.seq === row.seq);
  if (difference.changed.length > (change === undefined ? 0 : 1)) fail('a retry changed another task');

  if (!revives) {
    if (change !== undefined) fail(`changed ${row.id}, which does not wait for a retry (${row.ready})`);
  } else if (change === undefined) {
    fail(`left ${row.id} as it was (${row.ready})`);
  } else {
    const { to } = change;
    const ready = readyOf(to);
    const allowed = ['ready', 'failures', 'interruptions', 'blames', 'dead', 'marks', 'wait'];
    const others = fieldsOf(change).filter((name) => !allowed.includes(name));
    if (others.length > 0) fail(`changed ${others.join(', ')} of ${row.id}`);
    if (to.failures + to.interruptions + to.blames + (to.wait ?? 0) > 0)
      fail(`did not set the counters of ${row.id} back`);
    if (to.dead !== undefined || ready.letter !== '@' || ready.when !== 0) fail(`${row.id} is not due: ${to.ready}`);
    world.report.met('other', letter === 'D' ? 'dead ones retried' : 'waiting ones retried');
  }

  const gates = difference.state.filter((key) => key.startsWith('gate:'));
  if (gates.some((key) => key !== `gate:${row.gate}`)) fail('touched another gate');
  const from = gateOf(before, row.gate);
  const to = gateOf(after, row.gate);
  const [least, most] = underway.walls;
  const { triedAt = 0, until = 0 } = from ?? {};
  const isSoon = (wall: number): boolean => wall - triedAt < 1_000 && triedAt - wall <= 1_000;
  if (from !== undefined && from.open === undefined) {
    const isSame = JSON.stringify(from) === JSON.stringify(to);
    const delayed = isSame ? triedAt + 1_000 >= until : to?.until === triedAt + 1_000 && to.triedAt === to.until;
    const forward = isSame ? until === 0 : to?.until === 0;
    const fits =
      (isSoon(least) && delayed) || (isSoon(most) && delayed) || (!(isSoon(least) && isSoon(most)) && forward);
    if (!fits || to?.step !== from.step || to.open !== undefined)
      fail(`did not bring the probe of ${row.gate} forward`);
    else world.report.met('gates', forward ? 'probe brought forward' : 'tried a second ago');
  } else if (JSON.stringify(from) !== JSON.stringify(to)) fail(`changed the gate ${row.gate}`);
}
