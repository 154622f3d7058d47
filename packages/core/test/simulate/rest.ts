import type { TaskRow } from '../../src/pure/record.js';
import { gateOf, headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import type { Life } from './life.js';
import type { Term } from './journal.js';
import { isOver } from './judge-expired.js';
import { hasTypeRoom, roomIn } from './gate-rule.js';
import { judgeStrangers, mayStart } from './owners.js';
import { parentsSay } from './parents.js';
import { isPaused } from './pausing.js';
import { ruleOf } from './registries.js';
import { createValuesJudge, waitsForValues } from './values.js';
import type { World } from './world.js';

/** A runner that leads and is well finds within a poll what it was not told of. */
const findsWithin = 61_000;

/** It greets each minute; the older lets its attempts end for 10 s, and aborted ones lose their slots 10 s later. */
const handsOverWithin = findsWithin + 20_000;

/** Judges what must hold whenever nothing moves any more. */
export interface RestJudge {
  readonly judge: (lives: readonly Life[]) => void;
}

/** A judge that remembers since when something could have been claimed. */
export function createRestJudge(world: World, loses: () => boolean): RestJudge {
  const since = new Map<TaskRow, number>();
  const judgeGiven = createValuesJudge(world);
  let before: Term | undefined;
  let changedAt = 0;

  return {
    judge(lives) {
      const term = world.leading;
      if (term !== before) changedAt = world.time.now();
      judgeDeposed(world, changedAt);
      if (term !== undefined && !loses()) judgeOlder(world, term, lives, changedAt);
      if (term !== before || term === undefined || !isWell(world, term, lives)) {
        since.clear();
        before = term;
        if (term === undefined || !isWell(world, term, lives)) return;
      }

      // Nothing was lost, and nobody died before a word could be said: all that can run, runs.
      const told = !loses() && world.time.now() - world.unheardAt > findsWithin;
      judgeStuck(world, term, since, told);
      judgeAborts(world, term, told);
      judgeStrangers(world, told);
      judgeGiven(lives, told);
    },
  };
}

/** What a deposed runner still has running is aborted as soon as it finds out: at once if it is told. */
function judgeDeposed(world: World, changedAt: number): void {
  const now = world.time.now();
  const findsOut = now - Math.max(changedAt, world.faultAt) > findsWithin;
  for (const { life, signal, told, startedAt } of world.attempts) {
    if (life.dead || life.frozen || life.deaf || signal.aborted) continue;
    const deposed = world.terms.get(life) !== world.leading && findsOut && now - startedAt > findsWithin;
    if (deposed || !life.holds) world.fail(`at rest: ${life.name} is deposed, and ${told.id} runs on in it`);
  }
}

/** A newer build takes the lead of an older one within a minute, and the time that the older is given. */
function judgeOlder(world: World, { life }: Term, lives: readonly Life[], changedAt: number): void {
  const now = world.time.now();
  if (life.dead || life.frozen || life.deaf || now - Math.max(changedAt, world.faultAt) <= handsOverWithin) return;
  const newer = lives.find(
    (other) =>
      !other.dead &&
      !other.frozen &&
      !other.deaf &&
      !world.stopping.has(other) &&
      other.build > life.build &&
      world.slots.has(other),
  );
  // Who is granted the lock, and is frozen, keeps it from all others until it is stolen.
  if (life.holds && newer !== undefined && now - newer.born > handsOverWithin) {
    world.fail(`at rest: ${life.name} of build ${life.build} leads on beside ${newer.name} of build ${newer.build}`);
  }
}

/** Whether a runner leads as it should: nothing is on its way that would end its term. */
function isWell(world: World, { life, handsOver }: Term, lives: readonly Life[]): boolean {
  if (life.dead || life.frozen || life.deaf || !life.holds || world.stopping.has(life)) return false;
  if (handsOver || world.time.now() - world.faultAt < 65_000) return false;

  return !lives.some((other) => !other.dead && world.slots.has(other) && other.build > life.build);
}

function judgeStuck(world: World, term: Term, since: Map<TaskRow, number>, told: boolean): void {
  const now = world.time.now();
  // A row that was written meanwhile has run meanwhile: it begins to wait anew.
  const claimable = new Set(claimableOf(world, term));
  for (const row of since.keys()) if (!claimable.has(row)) since.delete(row);
  for (const row of claimable) {
    const first = since.get(row) ?? now;
    since.set(row, first);
    if ((now - first > findsWithin || told) && !someMustRunAlone(world, term)) {
      world.fail(`at rest: ${row.id} could run for ${now - first} ms, and ${term.life.name} does not claim it`);
    }
  }
}

/** What must run alone, and what has just run alone, holds the others up for a while. */
function someMustRunAlone(world: World, term: Term): boolean {
  return term.alone !== undefined || [...world.contents.tasks.values()].some(({ interruptions }) => interruptions >= 3);
}

function claimableOf(world: World, term: Term): readonly TaskRow[] {
  const { contents } = world;
  const runner = runnerOf(contents);
  const slots = world.slots.get(term.life) ?? 6;
  if (runner === undefined || runner.running.length >= slots) return [];

  const clock = Math.max(world.time.wall(), runner.seen + world.time.now() - world.seenAt);
  const heads = headsOf(contents);
  const lanes = new Set(runner.running.flatMap(({ lane }) => lane ?? []));
  const claimed = new Set(runner.running.map(({ seq }) => seq));
  const aloneRuns = [...term.claims.values()].some((claim) => claim.alone);

  return [...contents.tasks.values()].filter((row) => {
    if (world.foreign.has(row.seq) || claimed.has(row.seq)) return false;
    // A task whose time is over becomes dead, whatever else is in its way.
    if (isOver(row, world.time.wall())) return row.dead === undefined && row.cancelled !== true;
    if (isPaused(contents, row, term.life.kind)) return false;
    const { letter, when = 0 } = readyOf(row);
    if (letter === '@' ? when > clock : letter === '!' ? when > world.time.wall() : letter !== 'F') return false;
    if (row.runAt !== undefined && row.runAt > world.time.wall()) return false;
    if (!mayStart(world, contents, term.life.kind, row)) return false;
    if (!hasTypeRoom(term, row.type)) {
      world.report.met('pauses', 'waits for a slot of its type');

      return false;
    }
    if (waitsForValues(contents, row)) {
      world.report.met('values', 'due, and waits for values');

      return false;
    }
    if (row.interruptions >= 3 && aloneRuns) return false;
    if (parentsSay(world, contents, row) !== undefined) return false;
    const lane = laneMarkOf(row);
    if (lane !== undefined && (lanes.has(lane) || heads.get(lane)?.seq !== row.seq)) return false;

    const through = [...term.claims.values()].filter((claim) => claim.gate === row.gate);

    // A runner finds within a poll that a probe has run for long.
    return roomIn(gateOf(contents, row.gate), through, clock, row.id, Number.POSITIVE_INFINITY) > 0;
  });
}

/** A handler is told within bounded time: of its timeout, of a cancel; and one that does not heed it loses its slot. */
function judgeAborts(world: World, term: Term, told: boolean): void {
  const now = world.time.now();
  for (const claim of term.claims.values()) {
    const { attempt } = claim;
    if (attempt === undefined) continue;
    const limit = attempt.told.timeout ?? ruleOf(term.life.kind, attempt.told.type)?.timeout ?? 0;
    const late = (since: number | undefined): boolean => since !== undefined && now - since > findsWithin;
    // It has the time back in which its page was frozen, or its device slept, and 10 s more.
    const since = Math.max(world.sleptUntil, term.life.awakeSince) + 10_000;
    if (
      late(Math.max(attempt.startedAt, attempt.toldAt, since) + limit) &&
      !attempt.signal.aborted &&
      attempt.ended === undefined
    ) {
      world.fail(`at rest: ${claim.id} was not aborted after its timeout`);
    }
    const cancelled = told ? claim.cancelledAt !== undefined : late(claim.cancelledAt);
    if (cancelled && !attempt.signal.aborted && attempt.ended === undefined) {
      world.fail(`at rest: ${claim.id} was cancelled, and its signal did not abort`);
    }
    if (late(attempt.abortedAt) || late(attempt.endedAt)) {
      world.fail(`at rest: ${claim.id} ended or was aborted, and still has its slot`);
    }
  }
}
