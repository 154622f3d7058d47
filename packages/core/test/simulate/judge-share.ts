import type { Claim, TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { gateOf, headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { roomIn } from './gate-rule.js';
import type { Term } from './journal.js';
import type { Commit } from './judge.js';
import { isOver } from './judge-expired.js';
import { mayStart } from './owners.js';
import { parentsSay } from './parents.js';
import { isPaused } from './pausing.js';
import { ruleOf } from './registries.js';
import { waitsForValues } from './values.js';

/**
 * One claim in eight is for the lowest priority that has something due, and one for the normal one. Probes do not count.
 * A turn makes several claims, in an order that its row does not tell.
 */
const mostPassedOver = 8;

/**
 * Whom a turn passed over: the lower priorities get their shares, of one priority the fresh go in the order of their
 * adding, and while others wait there are no two probes in a row.
 */
export function judgeShare(commit: Commit, term: Term, made: readonly Claim[]): void {
  const { world, before, after, fail } = commit;
  const rows = made.flatMap(({ seq }) => after.tasks.get(seq) ?? []);
  const [first] = rows;
  if (first === undefined) return;
  // After a fault, or a message that was lost, the runner need not know of a row. It counts on, and may give the share then.
  const isUnsure = world.loses() || world.time.now() - world.unheardAt < 61_000;
  if (isUnsure || rows.some(({ interruptions }) => interruptions >= 3)) {
    term.passedOver = new Map();
    term.probes = 0;
    term.passedGates = new Map();

    return;
  }

  const waiting = waitingFor(commit, term);
  const isProbe = ({ gate }: TaskRow): boolean => (gateOf(after, gate)?.by.length ?? 0) > 0;
  const others = rows.filter((row) => !isProbe(row));
  const waitingOthers = waiting.filter((row) => !isProbe(row));
  for (const priority of [1, 2]) {
    const one = waitingOthers.find((row) => row.priority === priority);
    const isPassedOver = one !== undefined && rows.every((row) => row.priority !== priority);
    const count = isPassedOver ? (term.passedOver.get(priority) ?? 0) + others.length : 0;
    term.passedOver.set(priority, count);
    if (isPassedOver) world.report.met('looks', 'a lower priority was passed over');
    if (count > mostPassedOver) fail(`passed ${one?.id} over for ${count} of other priorities`);
  }
  const probes = rows.length - others.length;
  term.probes = waitingOthers.length === 0 ? 0 : Math.max(0, term.probes + probes - others.length);
  if (probes > 0 && waitingOthers.length > 0) world.report.met('looks', 'a probe went before another task');
  if (term.probes > 1) fail(`claimed ${probes} probes, and ${waitingOthers[0]?.id} waits although its gate is open`);

  judgeGateTurns(commit, term, rows.filter(isProbe), waiting.filter(isProbe));

  // Which task probes is another question.
  for (const row of rows.filter((one) => readyOf(one).letter === 'F' && isOpen(one, before, after))) {
    const earlier = waiting.find(
      (one) =>
        readyOf(one).letter === 'F' && one.priority === row.priority && one.seq < row.seq && isOpen(one, before, after),
    );
    if (earlier !== undefined) fail(`claimed ${row.id}, and ${earlier.id} of its priority was added before it`);
  }
}

function isOpen(row: TaskRow, before: Contents, after: Contents): boolean {
  return gateOf(before, row.gate) === undefined && gateOf(after, row.gate) === undefined;
}

/** What the runner must have known of at the last rest, and could still claim. */
function waitingFor({ world, before, after }: Commit, term: Term): readonly TaskRow[] {
  const runner = runnerOf(after);
  if (runner === undefined) return [];
  const { seen, wall } = runner;
  const heads = headsOf(after);
  const headsBefore = headsOf(before);
  const lanes = new Set(runner.running.flatMap(({ lane }) => lane ?? []));
  const claimed = new Set(runner.running.map(({ seq }) => seq));

  return [...after.tasks.values()].filter((row) => {
    if (before.tasks.get(row.seq) !== row || world.atRest.tasks.get(row.seq) !== row) return false;
    if (claimed.has(row.seq) || world.foreign.has(row.seq) || row.interruptions >= 3 || row.blames > 0) return false;
    if (isPaused(after, row, term.life.kind) || ruleOf(term.life.kind, row.type)?.concurrency !== undefined)
      return false;
    const { letter, when = 0 } = readyOf(row);
    if (letter === '@' ? when > seen : letter === '!' ? when > wall : letter !== 'F') return false;
    if (isOver(row, wall) || parentsSay(world, after, row) !== undefined) return false;
    if ((row.runAt ?? 0) > wall || !mayStart(world, after, term.life.kind, row) || waitsForValues(after, row))
      return false;
    const lane = laneMarkOf(row);
    if (lane !== undefined && (lanes.has(lane) || heads.get(lane)?.seq !== row.seq || headsBefore.get(lane) !== row))
      return false;
    const through = [...term.claims.values()].filter(({ gate }) => gate === row.gate);

    return [before, after].every((contents) => roomIn(gateOf(contents, row.gate), through, seen, row.id) > 0);
  });
}

/** Gates probe in turns: none probes twice while another one could, and has not. */
function judgeGateTurns(
  { world, fail }: Commit,
  term: Term,
  probes: readonly TaskRow[],
  waiting: readonly TaskRow[],
): void {
  const gates = new Set(waiting.map(({ gate }) => gate));
  for (const { gate } of probes) gates.delete(gate);
  const passed = new Map([...gates].map((gate) => [gate, term.passedGates.get(gate) ?? new Set<string>()]));
  for (const [gate, others] of passed) {
    for (const probe of probes) {
      world.report.met('looks', 'a gate probed before another one');
      if (others.has(probe.gate)) fail(`let ${probe.gate} probe twice, and ${gate} waits`);
      others.add(probe.gate);
    }
  }
  term.passedGates = passed;
}
