import type { RunnerRow } from '../../src/pure/record.js';
import { waitRange } from './backoff-rule.js';
import { laneMarkOf, readyOf } from './contents.js';
import type { Change } from './difference.js';
import { fieldsOf } from './difference.js';
import type { ClaimFacts, Ending } from './journal.js';
import { hasLeft, isOver } from './judge-expired.js';
import type { Life } from './life.js';
import { ruleOf, anyRuleOf, reads } from './registries.js';

/** How a claim may have ended: as its handler said, or as the runner must have decided. */
export type End = Ending | 'timeout' | 'returned' | 'unstarted' | 'unread' | 'unreadable';

/** The ends that a claim may have, as the journal knows its attempt. */
export function endsOf(claim: ClaimFacts, n: number, life: Life, now: number, payloadLost: boolean): readonly End[] {
  const { attempt } = claim;
  if (attempt === undefined) {
    const readable = reads(life.kind, claim.row, n) && !payloadLost;

    return readable ? ['unstarted', 'unread'] : ['unreadable', 'unstarted'];
  }

  const cause = causeOf(attempt.signal);
  if (attempt.completed && attempt.ended !== undefined) return [{ kind: 'success' }];
  if (attempt.ended === undefined) {
    if (cause === undefined || now - (attempt.abortedAt ?? now) < 10_000) return [];
    if (attempt.completed) return [{ kind: 'success' }];

    return [cause === 'timeout' ? 'timeout' : 'returned'];
  }

  const said = attempt.ended;
  const before: readonly End[] = said === 'aborted' ? [] : [said];
  if (attempt.abortedAt === undefined) return before;
  // The runner hears of an end later than the handler says it: after a transaction with `completeTx`, or after it has read
  // the files of the payload. An abort in between counts.
  const after: End = cause === 'timeout' ? 'timeout' : outlasts(said) ? said : 'returned';
  // One that is refused and dead stays so, also after an abort.
  const refused: readonly End[] = said !== 'aborted' && said.kind === 'signed-out' ? [said] : [];

  // One that ends later than 10 s after its abort was given up, whatever it says.
  const isLate = (attempt.endedAt ?? 0) - attempt.abortedAt >= 10_000;
  const givenUp: readonly End[] = isLate ? [cause === 'timeout' ? 'timeout' : 'returned'] : [];

  return attempt.abortedBefore ? [after, ...refused, ...givenUp] : [...before, after];
}

/** What was done in time is done, also after an abort. */
function outlasts(said: Ending | 'aborted'): said is Ending {
  return said !== 'aborted' && (said.kind === 'success' || said.kind === 'permanent');
}

function causeOf(signal: AbortSignal): 'timeout' | 'other' | undefined {
  if (!signal.aborted) return undefined;

  return (signal.reason as { readonly name?: string } | undefined)?.name === 'TimeoutError' ? 'timeout' : 'other';
}

/** What is wrong with a row that was written for an end, if anything is. `paused`: the turn may hold it at once. */
export function wrongEnd(
  change: Change,
  end: End,
  life: Life,
  { seen: now, wall }: Pick<RunnerRow, 'seen' | 'wall'>,
  paused: boolean,
): string | undefined {
  const { from, to } = change;
  const rule = ruleOf(life.kind, from.type) ?? anyRuleOf(from.type);
  const ready = readyOf(to);
  const allowed = new Set(['ready']);
  const wrong: string[] = [];
  const must = (holds: boolean, what: string): void => {
    if (!holds) wrong.push(what);
  };

  const kind = typeof end === 'string' ? end : end.kind;
  if (kind === 'unstarted' || kind === 'unread' || kind === 'unreadable') {
    must(to.attempts === from.attempts, 'attempts');
  } else {
    allowed.add('attempts');
    must(to.attempts === from.attempts + 1, 'attempts');
  }
  if (!['unstarted', 'unread', 'unreadable', 'returned'].includes(kind)) {
    allowed.add('interruptions');
    must(to.interruptions === 0, 'interruptions');
  }
  if (kind === 'timeout' || kind === 'returned') {
    allowed.add('recovered');
    must(to.recovered === true, 'recovered');
  }
  if (['failure', 'timeout', 'permanent', 'unavailable', 'unreadable', 'signed-out'].includes(kind)) {
    allowed.add('lastError');
    must(typeof to.lastError?.message === 'string', 'lastError');
  }

  const timed = (letter: string, least: number, most: number): void => {
    const when = ready.when ?? Number.NaN;
    // What is due at once is tried in the same turn, which finds its date to come again if the clock was put back.
    const redated = least <= now && ready.letter === '!' && when === from.runAt && when > wall;
    // It is held in the same turn, if another one came back to the head of its lane while it ran.
    const held = least <= now && ready.letter === 'H' && (paused || laneMarkOf(from) !== undefined);
    const right = ready.letter === letter && when >= least && when <= most;
    must(right || redated || held, `${to.ready} for ${letter} ${least} to ${most}`);
  };

  if (kind === 'failure' || kind === 'timeout') {
    allowed.add('failures');
    must(to.failures === from.failures + 1, 'failures');
  }
  if (kind === 'unread') {
    // Read too late, as after a freeze of the worker: it waits as after a failure, and none is counted.
    allowed.add('blames');
    must(to.blames === from.blames + 1, 'blames');
  }
  const limited = to.failures > from.failures && to.failures >= (rule.failureLimit ?? Number.POSITIVE_INFINITY);
  const isPermanent = kind === 'permanent' || (kind === 'signed-out' && to.dead?.reason === 'permanent');
  if (!isPermanent && kind !== 'success' && !limited && isOver(from, wall)) {
    for (const name of ['dead', 'marks']) allowed.add(name);
    must(ready.letter === 'D' && to.dead?.reason === 'expired' && to.dead.at === wall, 'expired');
    const mark = laneMarkOf(from);
    must(mark === undefined || to.marks.includes(mark) === !hasLeft(to, rule), 'marks');
  } else if ((kind === 'failure' || kind === 'timeout') && !limited) {
    const [least, most] = waitRange(rule, to.failures + from.blames);
    timed('@', now + least, now + most);
  } else if (isPermanent || limited) {
    for (const name of ['dead', 'marks']) allowed.add(name);
    must(ready.letter === 'D' && to.dead?.reason === (limited ? 'limit' : 'permanent'), 'dead');
    const skips = (from.onDead ?? rule.onDead) === 'skip';
    const mark = laneMarkOf(from);
    must(mark === undefined || to.marks.includes(mark) === !skips, 'marks');
  } else if (typeof end !== 'string' && end.kind === 'later') {
    if ('date' in end) {
      const date = Math.max(end.date, wall + 1_000);
      timed('!', date, date);
    } else {
      const when = now + Math.max(1_000, end.for);
      timed('@', when, when);
    }
  } else if (kind === 'unread') {
    const [least, most] = waitRange(rule, to.failures + to.blames);
    timed('@', now + least, now + most);
  } else if (kind === 'unreadable') {
    must(ready.letter === 'U', 'letter');
  } else if (kind === 'success') {
    wrong.push('it is still there');
  } else {
    timed('@', now, now);
  }

  const others = fieldsOf(change).filter((name) => !allowed.has(name));
  if (others.length > 0) wrong.push(`changed ${others.join(', ')}`);

  return wrong.length === 0 ? undefined : `as ${kind}: ${wrong.join('; ')}`;
}
