import type { TaskRow } from '../../src/pure/record.js';
import { isBody, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { isRefOf } from './judge-add.js';
import { noteWithout } from './judge-command.js';
import { fieldsOf } from './difference.js';
import type { Commit } from './judge.js';
import { currentOf, ruleOf, workOf } from './registries.js';

/**
 * A task's payload is edited only if none of it can have been sent under its idempotency key: it was never started, or it
 * is dead, and gets another key. It keeps its place.
 */
export function judgeUpdate(
  { world, underway, before, after, difference, fail }: Commit,
  rows: readonly TaskRow[],
): void {
  const { command, walls, life } = underway;
  const [from] = rows;
  const [change] = difference.changed;
  const told = from === undefined ? undefined : world.byId.get(from.id);
  const work = command?.work;
  if (from === undefined || told === undefined || work === undefined || change === undefined) {
    fail('an update without a task');

    return;
  }
  if (difference.changed.length > 1 || change.from.seq !== from.seq) fail('an update changed another task');
  if (difference.removed.length > 0 || difference.outcomes.length > 0) fail('an update removed or ended something');
  // Another judge looks at the pauses of single tasks: one ends if the update replaces its task.
  const more = difference.state.filter((key) => key !== 'edits' && !key.startsWith('paused:'));
  if (more.length > 0) fail(`an update also wrote ${more.join()}`);

  const { to } = change;
  const dead = readyOf(from).letter === 'D';
  const must = (holds: boolean, what: string): void => {
    if (!holds) fail(`${from.id}: ${what} (${from.ready} to ${to.ready})`);
  };
  must(!(runnerOf(before)?.running ?? []).some(({ seq, id }) => seq === from.seq && id === from.id), 'it is claimed');
  must(dead || from.attempts === 0, 'it was started');
  must(dead || told.startsUnderKey === 0, 'its handler was called');
  world.report.met('other', dead ? 'dead ones corrected' : 'updated before their start');

  const gained = ['payload', 'ref', 'revision', 'version', 'gate', 'ready'];
  const anew = [
    ...(from.dead?.reason === 'parent' ? ['onParent'] : []),
    'dead',
    'marks',
    'failures',
    'interruptions',
    'blames',
    'attempts',
    'edition',
    'lastError',
    'recovered',
    'expiresAt',
  ];
  const others = fieldsOf(change).filter((name) => ![...gained, ...(dead ? anew : [])].includes(name));
  must(others.length === 0, `changed ${others.join(', ')}`);
  if (dead) {
    noteWithout(world, from);
    told.edition += 1;
    told.startsUnderKey = 0;
    must(to.attempts + to.failures + to.interruptions + to.blames === 0, 'its counters');
    must(to.dead === undefined && to.lastError === undefined && to.recovered === undefined, 'its death');
    must(to.expiresAt === undefined, 'its time');
    const mark = laneMarkOf(from);
    must(mark === undefined || to.marks.includes(mark), 'its lane');
  }
  must((to.edition ?? 0) === told.edition, `its edition is ${to.edition} and must be ${told.edition}`);

  const { letter, when } = readyOf(to);
  const [least, most] = walls;
  const dated = letter === '!' && when === from.runAt && (from.runAt ?? 0) > least;
  must(dated || (letter === '@' && when === 0 && (from.runAt ?? 0) <= most), 'its time');

  const rule = life === undefined ? undefined : ruleOf(life.kind, from.type);
  world.model.updated(from.id, to.gate);
  told.rev = work.rev;
  told.with = [];
  told.version = rule?.version ?? told.version;
  if (!told.givenGate) told.gate = rule?.gate ?? work.gate ?? currentOf(life?.kind ?? 'old', told.type);
  must(to.version === told.version && to.gate === told.gate, `its route is ${to.version} ${to.gate}`);
  const length = work.fill?.length ?? 0;
  const size = length === 0 ? 'small' : length > 100_000 ? 'heavy' : 'apart';
  // A large payload is written ahead of its row, which may have been adopted meanwhile.
  const isRef = isRefOf(to.ref, from, size) || (world.wasFree && isRefOf(to.ref, { ...from, owner: null }, size));
  must(isRef, `its payload lies in ${to.ref}, and is ${size}`);
  const stored = to.ref === undefined ? to.payload : after.payloads.get(to.ref);
  must(stored !== undefined && workOf(stored).rev === work.rev, 'its payload');
  must(
    from.ref === undefined || from.ref === to.ref || isBody(from.ref) || !after.payloads.has(from.ref),
    'its old payload is left',
  );
}
