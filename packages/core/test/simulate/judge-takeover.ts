import { defaultRule, waitRange } from './backoff-rule.js';
import { headsOf, readyOf, runnerOf } from './contents.js';
import type { Change } from './difference.js';
import { fieldsOf } from './difference.js';
import type { Term } from './journal.js';
import type { Commit } from './judge.js';
import { countPayments, ended, isPayment } from './judge.js';
import { beginOf } from './judge-model.js';
import { ownerIn } from './owners.js';
import { isChildOf } from './parents.js';
import { ruleOf } from './registries.js';

/** A takeover raises the epoch and rescues every claim that stood, in one commit. */
export function judgeTakeover(commit: Commit): void {
  const { world, underway, before, after, difference, fail } = commit;
  const { life } = underway;
  const from = runnerOf(before);
  const to = runnerOf(after);
  if (life === undefined || to === undefined || !difference.state.includes('runner')) {
    fail('did not take over');

    return;
  }

  if (!world.granted.has(life)) fail('took over without the lock');
  if (to.epoch.count !== (from?.epoch.count ?? 0) + 1)
    fail(`the epoch went from ${from?.epoch.count} to ${to.epoch.count}`);
  if (to.running.length > 0) fail('claimed in the takeover');
  if (to.build !== life.build) fail('wrote another build than its own');
  if (from !== undefined && to.seen < from.seen) fail('the clock went back');
  if (from !== undefined && !difference.state.some((key) => key.startsWith('deposed:')))
    fail('left no mark of the one before');
  if (difference.added.length > 0 || difference.outcomes.length > 0) fail('added something');

  const claims = from?.running ?? [];
  const rescuedRows = new Set<number>();
  for (const claim of claims) {
    const row = before.tasks.get(claim.seq);
    if (row === undefined) {
      world.report.met('other', 'rescued a claim whose row is gone');
      continue;
    }

    rescuedRows.add(claim.seq);
    const now = after.tasks.get(claim.seq);
    if (row.cancelled === true) {
      if (now !== undefined) fail(`kept ${row.id}, which was cancelled`);
      else ended(commit, row.id, 'cancelled');
      continue;
    }
    if (now === undefined) {
      fail(`lost ${row.id}`);
      continue;
    }
    const isKnown = underway.life !== undefined && ruleOf(underway.life.kind, row.type) !== undefined;
    world.model.ended(row.id, { kind: 'cut off', isKnown }, beginOf(commit));
    const wrong = wrongRescue({ from: row, to: now }, commit, to.seen);
    if (wrong !== undefined) fail(`${row.id}: ${wrong}`);
    if (now.interruptions >= 3) world.report.met('other', 'rescued for the third time or more');
    if (now.owner !== null && now.owner !== ownerIn(after)) world.report.met('owners', 'rescued for one who is away');
  }

  for (const row of difference.removed) {
    if (!rescuedRows.has(row.seq)) fail(`removed ${row.id}`);
  }
  const lanes = new Set(claims.flatMap(({ lane }) => lane ?? []));
  const heads = headsOf(after);
  const ends = new Set(claims.filter(({ seq }) => !after.tasks.has(seq)).map(({ id }) => id));
  for (const change of difference.changed) {
    const { from: old } = change;
    if (rescuedRows.has(old.seq)) continue;
    const mark = old.marks.find((one) => one.startsWith('L'));
    const isHead = mark !== undefined && lanes.has(mark) && heads.get(mark)?.seq === old.seq;
    const isChild = readyOf(old).letter !== 'F' && isChildOf(old, ends);
    if (isChild) world.report.met('parents', 'paid by a rescue');
    if (!(isHead || isChild) || !isPayment(change, to.seen, underway.walls)) fail(`also changed ${old.id}`);
  }
  countPayments(commit, 'rescue', lanes, rescuedRows);

  for (const claim of world.leading?.claims.values() ?? []) {
    if (claim.attempt?.ended === undefined) world.report.met('other', 'attempts cut off');
    world.leading?.lost.add(claim);
  }
  world.leading?.claims.clear();
  const term: Term = {
    life,
    epoch: `${to.epoch.count}:${to.epoch.nonce}`,
    claims: new Map(),
    lost: new Set(),
    lastClaim: 0,
    alone: undefined,
    claimedAt: Number.NEGATIVE_INFINITY,
    passedOver: new Map(),
    probes: 0,
    passedGates: new Map(),
    handsOver: false,
  };
  world.leading = term;
  // What is parked, and what was asked, is known to one runner alone.
  world.server.parked.clear();
  world.server.question = undefined;
  world.terms.set(life, term);
}

function wrongRescue(change: Change, { underway }: Commit, now: number): string | undefined {
  const { from, to } = change;
  const allowed = ['attempts', 'interruptions', 'recovered', 'ready'];
  const others = fieldsOf(change).filter((name) => !allowed.includes(name));
  if (others.length > 0) return `changed ${others.join(', ')}`;
  if (to.attempts !== from.attempts + 1) return 'attempts';
  if (to.interruptions !== from.interruptions + 1) return 'interruptions';
  if (to.recovered !== true) return 'recovered';

  const rule = (underway.life === undefined ? undefined : ruleOf(underway.life.kind, from.type)) ?? defaultRule;
  const beyond = to.interruptions - 2;
  const [least, most] = beyond > 0 ? waitRange(rule, beyond) : [0, 0];
  const { letter, when = Number.NaN } = readyOf(to);

  return letter === '@' && when >= now + least && when <= now + most ? undefined : `${to.ready} at ${now}`;
}
