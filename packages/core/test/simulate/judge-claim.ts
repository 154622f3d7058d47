import type { Claim, TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { gateOf, headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import type { ClaimFacts, Term } from './journal.js';
import type { Commit } from './judge.js';
import { hasTypeRoom, roomIn } from './gate-rule.js';
import { hasLeft, isOver } from './judge-expired.js';
import { asksIn, mayStart, ownerIn } from './owners.js';
import { lives, parentsOf, parentsSay } from './parents.js';
import { isPaused } from './pausing.js';
import { waitsForValues } from './values.js';
import { knows, ruleOf } from './registries.js';

/** How long nothing else is claimed around the start of a task that runs alone. */
const aloneFor = 10_000;

/** What else a turn did. */
export interface TurnFacts {
  /** How many claims it made. */
  readonly made: number;
  /** The claims that it settled. */
  readonly settled: readonly ClaimFacts[];
}

/** Asks of a new claim whether its task may run now, and writes it into the journal. */
export function judgeClaim(commit: Commit, term: Term, claim: Claim, turn: TurnFacts): void {
  const { world, underway, after } = commit;
  const fail = (what: string): void => commit.fail(`claimed ${claim.id}: ${what}`);
  const runner = runnerOf(after);
  const row = after.tasks.get(claim.seq);
  const told = world.byId.get(claim.id);
  if (runner === undefined || row?.id !== claim.id || told?.state !== 'stored') {
    fail('there is no such task');

    return;
  }

  const { seen, wall } = runner;
  const { letter, when = 0 } = readyOf(row);
  const lane = laneMarkOf(row);
  if (claim.claim <= term.lastClaim) fail(`its number ${claim.claim} was given before`);
  if (underway.stoppingAtBegin) fail('the runner was told to stop before');
  if (row.cancelled === true || told.cancelled) fail('it was cancelled');
  if (isPaused(after, row, term.life.kind)) fail('it is paused');
  if (row.dead !== undefined) fail('it is dead');
  if (letter !== 'F' && letter !== '@' && letter !== '!') fail(`its key is ${row.ready}`);
  if (letter === '@' && when > seen) fail(`it is due at ${when}, and it is ${seen}`);
  if (letter === '!' && when > wall) fail(`its date is ${when}, and it is ${wall}`);
  if (row.runAt !== undefined && row.runAt > wall) fail(`it may not run before ${row.runAt}, and it is ${wall}`);
  if (isOver(row, wall)) fail(`its time is ${row.expiresAt}, and it is ${wall}`);
  const parents = parentsOf(world, after, row);
  for (const parent of parents) {
    world.report.met('parents', `claimed after one that is ${parent.result === undefined ? parent.is : 'done'}`);
    if (lives(parent)) fail(`its parent ${parent.id} is ${parent.is}`);
    if (parent.is === 'cancelled' && told.onParent !== 'run') fail(`its parent ${parent.id} was cancelled`);
  }
  if (claim.lane !== lane) fail('its claim does not hold its lane');
  if (claim.ref !== row.ref) fail('its claim does not hold its payload');
  if (lane !== undefined && headsOf(after).get(lane)?.seq !== row.seq) fail('it is not the head of its lane');
  if (!knows(term.life.kind, row)) fail('this build has no such type or version');
  if (row.owner !== told.owner) fail(`it belongs to ${row.owner}, and was added for ${told.owner}`);
  if (waitsForValues(after, row)) fail('it waits for values');
  if (row.owner !== null && row.owner !== ownerIn(after)) fail(`${ownerIn(after)} is signed in, and not ${row.owner}`);
  if (world.owned) world.report.met('owners', row.owner === null ? 'claimed for nobody' : 'claimed for its owner');
  if (othersDue(after, row, seen)) world.report.met('owners', 'due, and its owner is away');
  if (earlierInLane(commit, row)) fail('an earlier one of its lane has not ended');
  if (!hasTypeRoom(term, row.type)) fail('as many of its type run as may');

  const gate = gateOf(after, row.gate);
  const probe = gate !== undefined && gate.by.length > 0;
  const through = [...term.claims.values()].filter((one) => one.gate === row.gate);
  if (roomIn(gate, through, seen, row.id) < 1) {
    const runs = JSON.stringify(through.map((one) => [one.startedAt, one.probe]));
    fail(`its gate is ${JSON.stringify(gate)}, it is ${seen}, and through it run ${runs}`);
  }
  if (gate !== undefined) world.report.met('gates', probe ? 'probe' : 'slow start');

  if (letter === 'F' && lane === undefined) {
    const earlier = [...after.tasks.values()].find(
      (one) =>
        one.seq < row.seq &&
        one.lane === undefined &&
        one.ready === row.ready &&
        !runner.running.some(({ seq }) => seq === one.seq),
    );
    if (earlier !== undefined) fail(`${earlier.id} was added before it, under the same key`);
  }

  const alone = row.interruptions >= 3;
  if (alone && turn.made > 1) fail('it must run alone, and others were claimed with it');
  if (alone && [...term.claims.values()].some((one) => one.alone)) fail('two that must run alone run at once');
  if (alone && term.claims.size > 0 && seen < term.claimedAt + aloneFor)
    fail('it must run alone, and others started just now');
  if (!alone && term.alone !== undefined && term.claims.has(term.alone.claim) && seen < term.alone.at + aloneFor) {
    fail('another must run alone');
  }
  // (After 10 s others may have been claimed beside it, or all slots were taken: then it had its turn.)
  const before = term.alone;
  const justEnded = before?.facts.attempt !== undefined && turn.settled.includes(before.facts);
  if (alone && justEnded && seen < before.at + aloneFor) judgeRest(commit, term, fail);

  const facts: ClaimFacts = {
    claim: claim.claim,
    seq: claim.seq,
    id: claim.id,
    lane,
    gate: row.gate,
    probe,
    startedAt: seen,
    begunAt: underway.begunAt,
    alone,
    at: underway.serverAtBegin,
    madeAt: world.server.now,
    asks: asksIn(after),
    row,
    parents: parents.map(({ result }) => result),
    attempt: undefined,
    cancelledAt: undefined,
  };

  if (alone) {
    const says = runner.alone;
    if (says?.id !== row.id || says.until !== seen + aloneFor)
      fail('it runs alone, and the row of the runner does not say so');
    term.alone = { claim: claim.claim, at: seen, facts };
    world.report.met('other', term.claims.size > 0 ? 'ran alone after 10 s of waiting' : 'ran alone');
  }
  told.claims += 1;
  term.claims.set(claim.claim, facts);
  term.lastClaim = claim.claim;
  if (!alone) term.claimedAt = seen;
  world.report.met('looks', `claimed ${letter}`);
}

/** The turn that settles one that ran alone is the others': none that was known to be due may be passed over. */
function judgeRest({ before, after, world }: Commit, term: Term, fail: (what: string) => void): void {
  const runner = runnerOf(before);
  const slots = world.slots.get(term.life) ?? 6;
  if (runner === undefined || runner.running.length >= slots) return;

  const heads = headsOf(before);
  const lanes = new Set(runner.running.flatMap(({ lane }) => lane ?? []));
  const passed = [...before.tasks.values()].find((row) => {
    const { letter, when = 0 } = readyOf(row);
    const lane = laneMarkOf(row);
    if (letter !== '@' || when === 0 || when > runner.seen || row.interruptions >= 3) return false;
    if (runner.running.some(({ seq }) => seq === row.seq) || (row.runAt ?? 0) > runner.wall) return false;
    if (isOver(row, runner.wall) || parentsSay(world, after, row) !== undefined) return false;
    if (lane !== undefined && (lanes.has(lane) || heads.get(lane)?.seq !== row.seq)) return false;
    if (!mayStart(world, after, term.life.kind, row) || waitsForValues(after, row)) return false;
    if (isPaused(after, row, term.life.kind) || !hasTypeRoom(term, row.type)) return false;
    const through = [...term.claims.values()].filter((one) => one.gate === row.gate);

    return [before, after].every((contents) => roomIn(gateOf(contents, row.gate), through, runner.seen, row.id) > 0);
  });
  if (passed !== undefined) fail(`it runs alone after another that did, and ${passed.id} waits (${passed.ready})`);
}

/** Whether a task of somebody who is not signed in is due beside a row that runs, with nothing of its lane before it. */
function othersDue(contents: Contents, row: TaskRow, seen: number): boolean {
  const away = ownerIn(contents);
  const heads = headsOf(contents);

  return [...contents.tasks.values()].some((one) => {
    if (one.owner === null || one.owner === away || one.seq === row.seq) return false;
    const { letter, when = 0 } = readyOf(one);
    const lane = laneMarkOf(one);
    const isDue = letter === 'F' ? (one.runAt ?? 0) <= seen : letter === '@' && when <= seen;

    return isDue && (lane === undefined || heads.get(lane) === one);
  });
}

/** By the journal and not by the marks: whether an earlier task of the lane is still to be done. */
function earlierInLane({ world, after }: Commit, { seq, lane, owner }: TaskRow): boolean {
  if (lane === undefined) return false;

  return [...world.told.values()].some((told) => {
    if (
      told.lane !== lane ||
      told.owner !== owner ||
      told.state !== 'stored' ||
      told.seq === undefined ||
      told.seq >= seq
    )
      return false;
    const row = after.tasks.get(told.seq);
    if (row === undefined || world.foreign.has(told.seq)) return false;

    return !hasLeft(row, ruleOf('page', row.type));
  });
}
