import { timePart } from '../../src/pure/key.js';
import type { OutcomeRow, RunnerRow, TaskRow } from '../../src/pure/record.js';
import { gateOf, headsOf, laneMarkOf, positionsOf, readyOf, runnerOf } from './contents.js';
import type { Change } from './difference.js';
import { fieldsOf, onlyDiffersIn } from './difference.js';
import type { End } from './end-rule.js';
import { endsOf, wrongEnd } from './end-rule.js';
import type { GateEnd, GateRule } from './gate-rule.js';
import { afterEnds, gateEnd, isWoken, mayBeDropped, ruleOfGate, wrongGate } from './gate-rule.js';
import { defaultRule, waitRange } from './backoff-rule.js';
import type { ClaimFacts, Term } from './journal.js';
import type { Commit } from './judge.js';
import { countPayments, ended, isPayment, lanesOf } from './judge.js';
import { judgeClaim } from './judge-claim.js';
import { heldBefore, judgeExpired, judgeOrphaned } from './judge-expired.js';
import { beginOf, endedOf, judgeByModel } from './judge-model.js';
import { judgeNoneLeft, judgeReplaced } from './judge-replaced.js';
import { judgeShare } from './judge-share.js';
import { mayStart } from './owners.js';
import { isChildOf, lives, parentsOf, parentsSay } from './parents.js';
import { isHeld, isPaused } from './pausing.js';
import { gateCap, ruleOf } from './registries.js';
import { judgeRefused, waitsForValues } from './values.js';

/** One turn of the runner: what it settled, paid, put aside and claimed. */
export function judgeTurn(commit: Commit): void {
  const { world, underway, before, after, difference, fail } = commit;
  const { life } = underway;
  const term = world.leading;
  const from = runnerOf(before);
  const to = runnerOf(after);
  if (life === undefined || term === undefined || from === undefined || to === undefined) {
    fail('nobody leads');

    return;
  }

  if (difference.added.length > 0) fail('a turn added a row');
  judgeRunnerRow(commit, term);
  judgePositions(commit);

  const standing = new Set(to.running.map((claim) => claim.claim));
  const known = new Set(from.running.map((claim) => claim.claim));
  const settled = [...term.claims.values()].filter((claim) => !standing.has(claim.claim));
  const made = to.running.filter((claim) => !known.has(claim.claim));
  const touched = new Set<number>();

  const own = judgeExpired(commit, new Set(settled.map(({ seq }) => seq)));
  const { commit: left, replaced } = judgeReplaced(own, to.seen, [to.wall, to.wall]);
  const { gates, blames } = judgeSettled(left, settled, touched);
  judgeOrphaned(commit);
  for (const [id, sure] of blames) judgeBlame(commit, id, sure, touched);
  for (const key of difference.state) {
    const name = key.startsWith('gate:') ? key.slice(5) : undefined;
    if (name === undefined || gates.has(name)) continue;
    if (
      gateOf(after, name) !== undefined &&
      !(world.woken && isWoken(gateOf(before, name), gateOf(after, name), to.seen))
    )
      fail(`changed ${key} without an end`);
    gates.set(name, ruleOfGate(gateOf(before, name)));
  }
  for (const [name, rule] of gates) {
    if (isDropped(commit, term, name, rule)) continue;
    const woken = world.woken && isWoken(gateOf(before, name), gateOf(after, name), to.seen);
    if (woken) world.report.met('gates', 'woken');
    const wrong = wrongGate(gateOf(after, name), rule, woken ? to.seen : undefined);
    if (wrong !== undefined) fail(`the gate ${name} ${wrong}, from ${JSON.stringify(gateOf(before, name))}`);
  }

  judgeOthers(left, settled, touched, lanesOf(replaced));
  for (const one of difference.changed)
    if (readyOf(one.from).letter === '!' && readyOf(one.to).letter === 'H') world.model.reached(one.from.id);
  for (const claim of settled) term.claims.delete(claim.claim);
  for (const claim of made) judgeByModel(commit, life, claim, to.wall);
  for (const claim of made) judgeClaim(commit, term, claim, { made: made.length, settled });
  judgeNoneLeft(commit, [...replaced, ...made.flatMap(({ seq }) => after.tasks.get(seq) ?? [])]);
  judgeShare(commit, term, made);
}

/** Whether a gate's record is gone because nothing waits for it, although no answer came. */
function isDropped({ world, after, fail }: Commit, term: Term, name: string, rule: GateRule): boolean {
  const runner = runnerOf(after);
  if (runner === undefined || rule.kind === 'none' || gateOf(after, name) !== undefined) return false;
  if (rule.kind === 'slow') return runner.seen - rule.slow.at > gateCap;
  const through = runner.running.filter(({ seq }) => after.tasks.get(seq)?.gate === name).length;
  if (!mayBeDropped(rule, through, runner.seen, world.woken)) return false;

  const waits = [...after.tasks.values()].find((row) => {
    const { letter, when = 0 } = readyOf(row);
    const due = letter === '@' && when > 0 && when <= runner.seen && row.lane === undefined && row.interruptions < 3;

    return (
      row.gate === name &&
      due &&
      world.atRest.tasks.get(row.seq) === row &&
      !world.foreign.has(row.seq) &&
      mayStart(world, after, term.life.kind, row) &&
      !isPaused(after, row, term.life.kind) &&
      !waitsForValues(after, row) &&
      (row.runAt ?? 0) <= runner.wall &&
      parentsSay(world, after, row) === undefined
    );
  });
  if (waits !== undefined) fail(`dropped the gate ${name}, and ${waits.id} waits for it (${waits.ready})`);
  world.report.met('gates', 'dropped');

  return true;
}

function judgeRunnerRow({ world, underway, before, after, difference, fail }: Commit, term: Term): void {
  const from = runnerOf(before);
  const to = runnerOf(after);
  if (from === undefined || to === undefined) return;
  if (`${to.epoch.count}:${to.epoch.nonce}` !== term.epoch) fail('changed the epoch');
  if (to.seen < from.seen) fail(`its clock went back from ${from.seen} to ${to.seen}`);
  if (!difference.state.includes('runner')) {
    const rows = difference.changed.length + difference.removed.length + difference.outcomes.length;
    if (rows > 0) fail('changed rows without a word of its running set');

    return;
  }

  const [least, most] = underway.walls;
  if (to.wall < least || to.wall > most) fail('its wall clock is not the wall clock');
  if (to.seen < to.wall) fail('its clock stands behind the wall clock');
  const slots = world.slots.get(term.life) ?? 6;
  const made = to.running.filter(({ claim }) => claim > term.lastClaim);
  const standing = [...term.claims.values()].filter((claim) => to.running.some((one) => one.claim === claim.claim));
  // What must run alone takes a slot of its own if all others are taken by what does not end.
  const alone = [
    ...made.map(({ seq }) => after.tasks.get(seq)?.interruptions ?? 0),
    ...standing.map((claim) => claim.row.interruptions),
  ];
  const extra = alone.some((interruptions) => interruptions >= 3) ? 1 : 0;
  if (to.running.length > slots + extra) fail(`runs ${to.running.length} at once with ${slots} slots`);
}

/** Positions only grow; one under which no row lies may be forgotten. */
function judgePositions({ before, after, fail }: Commit): void {
  const now = positionsOf(after);
  const used = new Set([...after.tasks.values()].map((row) => readyOf(row).prefix));
  for (const [prefix, position] of Object.entries(positionsOf(before))) {
    if (now[prefix] === undefined && !used.has(prefix)) continue;
    if ((now[prefix] ?? 0) < position) fail(`the position of ${prefix} fell from ${position} to ${now[prefix] ?? 0}`);
  }
}

/** Judges every claim that left the running set; gives back what each gate must be now. */
function judgeSettled(commit: Commit, settled: readonly ClaimFacts[], touched: Set<number>): Judged {
  const { world, underway, before, after, difference, fail } = commit;
  const { life } = underway;
  const to = runnerOf(after);
  const gates = new Map<string, GateRule>();
  const blames = new Map<string, boolean>();
  const expected: Pick<OutcomeRow, 'id' | 'result'>[] = [];
  // Of what is gone it cannot be told which of two ends at one instant was taken; nor how it counts for the gate.
  const unsure = new Set<string>();
  const heard: Heard[] = [];
  const told = new Map<string, readonly (readonly [ClaimFacts, GateEnd])[]>();
  // A task that its runner has stopped goes on as that says, also if an answer of the same turn proves it wrong.
  const stopped = new Set<string>();
  if (life === undefined || to === undefined) return { gates, blames };
  const { seen } = to;
  const slots = world.slots.get(life) ?? 6;
  const from = runnerOf(before)?.running ?? [];

  for (const claim of settled) {
    touched.add(claim.seq);
    const row = before.tasks.get(claim.seq);
    const lost = claim.row.ref !== undefined && !before.payloads.has(claim.row.ref);
    const ends = endsOf(claim, world.byId.get(claim.id)?.n ?? 0, life, world.time.now(), lost);
    if (ends.length === 0) fail(`${claim.id} left the running set, and its attempt had not ended`);

    const now = after.tasks.get(claim.seq);
    const fitting = ends.filter((end) => fits(end, row, now));
    const end = fitting.find(
      (one) =>
        row === undefined ||
        now === undefined ||
        wrongEnd(unblamed(row, now, seen), one, life, to, isHeld(after, row)) === undefined,
    );
    if (end === undefined) {
      const why = fitting.map((one) =>
        row === undefined || now === undefined
          ? ''
          : wrongEnd(unblamed(row, now, seen), one, life, to, isHeld(after, row)),
      );
      fail(`${claim.id} ended as ${JSON.stringify(ends)}, and is ${now?.ready ?? 'gone'}: ${why.join(' / ')}`);
      continue;
    }

    const kind = typeof end === 'string' ? end : end.kind;
    world.report.met('verdicts', kind);
    heard.push({ claim, end, now });
    // Also the handler of a task that has ended may be refused. If it was refused in the instant in which its time ended,
    // its row may fit both: then it may count as a timeout, and its gate may be parked all the same.
    const other = fitting.some((one) => (typeof one === 'string' ? one : one.kind) !== 'timeout');
    if (claim.attempt?.refusedAt !== undefined && (kind !== 'timeout' || other)) {
      const upTo = Math.max(0, ...from.map((one) => one.claim));
      const wrong = judgeRefused(world, claim, now, { upTo, late: kind === 'timeout' });
      if (wrong !== undefined) fail(`${claim.id} was refused: ${wrong}`);
    }
    if (now?.dead?.reason === 'expired') world.report.met('expiry', 'ended past its time');
    if (row !== undefined && now === undefined) {
      ended(commit, row.id, row.cancelled === true ? 'cancelled' : 'done');
      if (row.cancelled !== true && typeof end !== 'string' && end.kind === 'success' && end.result !== undefined) {
        expected.push({ id: row.id, result: end.result });
        const work = world.byId.get(row.id);
        if (work !== undefined) work.result = end.result;
      }
    }
    if (now !== undefined && readyOf(now).letter === 'F') fail(`${claim.id} is fresh again`);

    const said = gateEnd(end === 'unstarted' || end === 'unread' ? 'returned' : end);
    if (said === undefined) stopped.add(claim.id);
    else told.set(claim.gate, [...(told.get(claim.gate) ?? []), [claim, said]]);
    if (ends.length > 1) unsure.add(claim.gate);
  }
  tellModel(commit, heard);
  for (const [name, said] of told) {
    const rule = ruleOfGate(gateOf(before, name));
    const next = afterEnds(rule, said, seen, slots);
    gates.set(name, next.rule);
    if (next.rule.kind !== rule.kind) world.report.met('gates', `${rule.kind} to ${next.rule.kind}`);
    const sure = !unsure.has(name);
    const possible = rule.kind === 'away' ? rule.by : [];
    for (const id of sure ? next.wrong : [...possible, ...said.map(([claim]) => claim.id)])
      if (!stopped.has(id)) blames.set(id, sure);
  }

  judgeOutcomes(difference.outcomes, expected, fail);
  countPayments(commit, 'settle', new Set(settled.flatMap(({ lane }) => lane ?? [])), touched);

  for (const name of unsure) gates.set(name, ruleOfGate(gateOf(after, name)));

  return { gates, blames };
}

interface Heard {
  readonly claim: ClaimFacts;
  readonly end: End;
  /** Its row after the turn; `undefined`: it is gone. */
  readonly now: TaskRow | undefined;
}

/** The model hears of the ends of a turn: first of destinations that are away, because an answer says that one is there. */
function tellModel(commit: Commit, heard: readonly Heard[]): void {
  const { world } = commit;
  const at = beginOf(commit);
  const isAway = ({ end }: Heard): boolean => typeof end !== 'string' && end.kind === 'unavailable';
  for (const { claim, end, now } of [...heard.filter(isAway), ...heard.filter((one) => !isAway(one))]) {
    // If the task is refused, and not its owner, the model hears that it is dead. Another judge says whether it may be.
    const said = now?.dead?.reason === 'permanent' ? ({ kind: 'dead' } as const) : endedOf(end);
    if (now !== undefined) world.model.ended(claim.id, said, at);
    // Also a refusal of a task that was removed meanwhile says that its destination is there.
    else if (typeof end !== 'string' && end.kind !== 'unavailable') world.model.answered(claim.id, claim.gate, at);
  }
}

/** What the ends of a turn say: of each gate what it must be now, and who is to blame (and whether that is sure). */
interface Judged {
  readonly gates: Map<string, GateRule>;
  readonly blames: ReadonlyMap<string, boolean>;
}

/** Whoever is to blame backs off, if it waited for its gate and for nothing else. */
function judgeBlame(
  { world, underway, before, after, difference, fail }: Commit,
  id: string,
  sure: boolean,
  touched: Set<number>,
): void {
  const written = difference.changed.find(({ from }) => from.id === id);
  // One that found its destination away in this turn, and was proved wrong by an answer of the same turn.
  const isNew = written !== undefined && written.to.blames === written.from.blames + 1 && touched.has(written.from.seq);
  const change = isNew
    ? { from: unblamed(written.from, written.to, runnerOf(after)?.seen ?? 0).to, to: written.to }
    : written;
  if (change === undefined || (touched.has(change.from.seq) && !isNew)) {
    const row = [...before.tasks.values()].find((one) => one.id === id);
    const claimed = runnerOf(before)?.running.some((one) => one.seq === row?.seq);
    const { letter, when = 0 } = row === undefined ? { letter: '' } : readyOf(row);
    const waits = letter === '@' && when > 0 && claimed === false && change === undefined;
    if (sure && (waits || (change !== undefined && readyOf(change.to).when === runnerOf(after)?.seen)))
      fail(`${id} closed its gate alone, and was not put off`);

    return;
  }

  const { from, to } = change;
  const runner = runnerOf(after);
  const rule = (underway.life === undefined ? undefined : ruleOf(underway.life.kind, from.type)) ?? defaultRule;
  const [least, most] = waitRange(rule, to.failures + to.blames);
  const { letter, when = 0 } = readyOf(to);
  const wait = when - (runner?.seen ?? 0);
  if (to.blames !== from.blames + 1) return;
  touched.add(from.seq);
  world.report.met('gates', 'blamed');
  // Its time may be over in the same turn: another judge looks at that.
  if (to.dead?.reason === 'expired') return;
  if (!onlyDiffersIn(change, ['ready', 'blames'])) fail(`changed more of ${id} than its blames`);
  // A longer wait stays.
  const stays = to.ready === from.ready && wait >= least;
  if (letter !== '@' || wait < least || (wait > most && !stays)) fail(`${id} is to blame, and is ${to.ready}`);
}

/** The change of a row that was settled, without what was written because it is to blame too. */
function unblamed(from: TaskRow, to: TaskRow, seen: number): Change {
  if (to.blames !== from.blames + 1) return { from, to };
  const ready = to.ready.slice(0, to.ready.lastIndexOf('|') + 1) + timePart(seen);

  return { from, to: { ...to, blames: from.blames, ready } };
}

/** Whether a row that is gone, or still there, can be what an end left. */
function fits(end: End, row: { readonly cancelled?: true } | undefined, now: unknown): boolean {
  if (row === undefined) return now === undefined;
  const done = typeof end !== 'string' && end.kind === 'success';

  return (done || row.cancelled === true) === (now === undefined);
}

function judgeOutcomes(
  found: readonly OutcomeRow[],
  expected: readonly Pick<OutcomeRow, 'id' | 'result'>[],
  fail: (what: string) => void,
): void {
  const left = [...found];
  for (const { id, result } of expected) {
    const place = left.findIndex((one) => one.id === id && one.state === 'done' && one.result === result);
    if (place === -1) fail(`the result of ${id} was not kept`);
    else left.splice(place, 1);
  }
  if (left.length > 0) fail(`an outcome of ${left.map(({ id }) => id).join(', ')} that nothing had`);
}

/** Rows that a turn wrote beside what it settled: a lane's head that was paid, and what it put aside. */
function judgeOthers(
  commit: Commit,
  settled: readonly ClaimFacts[],
  touched: ReadonlySet<number>,
  replaced: ReadonlySet<string>,
): void {
  const { world, after, difference, fail } = commit;
  const to = runnerOf(after);
  if (to === undefined) return;
  for (const row of difference.removed) {
    if (!touched.has(row.seq)) fail(`removed ${row.id}, which was not settled`);
  }

  const heads = headsOf(after);
  const freed = new Set([...settled.flatMap(({ lane }) => lane ?? []), ...replaced]);
  const ends = new Set(settled.filter(({ seq }) => !after.tasks.has(seq)).map(({ id }) => id));
  for (const change of difference.changed) {
    const { from, to: now } = change;
    // One that was brought back and held again is written as it was.
    if (touched.has(from.seq) || fieldsOf(change).length === 0) continue;
    const lane = laneMarkOf(from);
    const isHead = lane !== undefined && heads.get(lane)?.seq === from.seq;
    const paid = isPayment(heldBefore(change, to), to.seen, [to.wall, to.wall]);
    if (isHead && freed.has(lane) && paid) continue;
    const isChild = readyOf(from).letter !== 'F' && isChildOf(from, ends);
    if (isChild) world.report.met('parents', 'paid by a settle');
    if (isChild && isPayment(change, to.seen, [to.wall, to.wall])) continue;
    const isPaid = isHead && freed.has(lane);
    const held = parentsSay(world, after, from) === 'hold' && (lane === undefined || isHead);
    const aside = isHeld(after, from)
      ? putOff(change, isPaid || isChild)
      : held
        ? heldForParent(commit, change)
        : putAside(change, isHead && !isBusy(to, from), isChild, to.wall);
    if (aside === undefined) fail(`${from.id} went from ${from.ready} to ${now.ready} for no reason`);
    else world.report.met('looks', aside);
  }
}

/** A paused row is held, fresh or timed, head or not. A held one is written only if it was paid in the same turn. */
function putOff(change: Change, isPaid: boolean): string | undefined {
  const old = readyOf(change.from).letter;
  if (!onlyDiffersIn(change, ['ready']) || readyOf(change.to).letter !== 'H') return undefined;

  if (old === 'H') return isPaid ? 'a paid one held for its pause' : undefined;

  return old === 'F' ? 'a fresh one held for its pause' : 'a timed one held for its pause';
}

/** A row that waits for a parent is held, whatever brought it back. */
function heldForParent({ world, after }: Commit, change: Change): string | undefined {
  if (!onlyDiffersIn(change, ['ready']) || readyOf(change.to).letter !== 'H') return undefined;
  for (const parent of parentsOf(world, after, change.from).filter(lives))
    world.report.met('parents', `held for one that is ${parent.is}`);

  return 'held for a parent';
}

/** Whether another claim of its lane stands. Its row may be gone: a handler that has ended its task may go on. */
function isBusy({ running }: RunnerRow, row: TaskRow): boolean {
  const lane = laneMarkOf(row);

  return lane !== undefined && running.some((one) => one.lane === lane && one.seq !== row.seq);
}

function putAside(change: Change, isHead: boolean, isPaid: boolean, wall: number): string | undefined {
  const { from, to } = change;
  if (!onlyDiffersIn(change, ['ready'])) return undefined;
  const old = readyOf(from).letter;
  const { letter, when } = readyOf(to);
  if (old !== '@' && old !== '!' && !isPaid) return undefined;
  if (letter === 'H' && from.lane !== undefined && !isHead) return 'held behind its head';
  if (letter === '!' && from.runAt !== undefined && from.runAt > wall && when === from.runAt) return 'back to its date';

  return undefined;
}
