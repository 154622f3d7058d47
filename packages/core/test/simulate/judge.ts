import { laneMarkOf, headsOf, readyOf, runnerOf } from './contents.js';
import type { Contents } from './contents.js';
import type { Change, Difference } from './difference.js';
import { differenceOf, fieldsOf, onlyDiffersIn } from './difference.js';
import { judgeComplete } from './completing.js';
import { judgeAdd, judgeBody, judgeDrop } from './judge-add.js';
import { judgeCommand } from './judge-command.js';
import { judgeTidy } from './judge-replaced.js';
import { judgeSession, mayStart } from './owners.js';
import { judgeTakeover } from './judge-takeover.js';
import { judgeTurn } from './judge-turn.js';
import { judgeForgotten } from './pausing.js';
import { reads, ruleOf } from './registries.js';
import { wrongSecret } from './values.js';
import type { Underway, World, WorkName } from './world.js';

/** A commit, and everything that a judge must know of it. */
export interface Commit {
  readonly world: World;
  readonly underway: Underway;
  readonly before: Contents;
  readonly after: Contents;
  readonly difference: Difference;
  readonly fail: (what: string) => void;
}

/** Which keys of the state store each kind of work may write. */
const mayWrite: Readonly<Record<WorkName, RegExp>> = {
  add: /^$/,
  addTx: /^$/,
  body: /^$/,
  command: /^(edits|positions|bodies|gate:.*|paused:.*|deposed:.*)$/,
  tidy: /^(edits|paused:.*)$/,
  session: /^(edits|session)$/,
  takeover: /^(runner|deposed:.*)$/,
  turn: /^(runner|positions|edits|gate:.*|paused:.*)$/,
  save: /^$/,
  audit: /^bodies$/,
  reserve: /^reserve$/,
  hand: /^(edits|deposed:.*)$/,
  complete: /^$/,
  unnamed: /^$/,
};

/** Asks of a commit whether whoever made it was allowed to change what it changed, and changed what it must. */
export function judgeCommit(world: World, underway: Underway, before: Contents, after: Contents): Difference {
  const difference = differenceOf(before, after);
  const { work, life } = underway;
  const fail = (what: string): void => world.fail(`${work} of ${life?.name ?? 'nobody'}: ${what}`);
  const commit: Commit = { world, underway, before, after, difference, fail };
  for (const { ref } of [...difference.added, ...difference.changed.map(({ to }) => to)])
    if (ref !== undefined) world.rowed.add(ref);
  if (work === 'audit') noteOrphans(commit);
  if (!difference.any) return difference;

  const forbidden = difference.state.filter((key) => !mayWrite[work].test(key));
  if (forbidden.length > 0) fail(`wrote ${forbidden.join(', ')}`);
  if (difference.state.some((key) => wrongSecret(after.state.get(key)))) fail('stored a token');
  if (work === 'unnamed') judgeDrop(commit);
  if (['turn', 'save', 'audit'].includes(work) && (life === undefined || world.leading?.life !== life)) {
    fail('a runner that does not lead changed something');

    return difference;
  }

  switch (work) {
    case 'add':
    case 'addTx':
      judgeAdd(commit);
      break;
    case 'body':
      judgeBody(commit);
      break;
    case 'command':
      judgeCommand(commit);
      break;
    case 'tidy':
      judgeTidy(commit);
      break;
    case 'session':
      judgeSession(commit);
      break;
    case 'takeover':
      judgeTakeover(commit);
      break;
    case 'turn':
      judgeTurn(commit);
      break;
    case 'save':
      judgeSave(commit);
      break;
    case 'audit':
      judgeAudit(commit);
      break;
    case 'hand':
      for (const row of difference.removed) ended(commit, row.id, 'purged');
      for (const { to } of difference.changed) if (world.foreign.has(to.seq)) world.model.strange(to.id);
      break;
    case 'complete':
      judgeComplete(commit);
      break;
    case 'reserve':
    case 'unnamed':
      break;
  }
  if (['command', 'tidy', 'turn'].includes(work)) judgeForgotten(commit);

  return difference;
}

/** Writes into the journal how a task ended. Each may end once, and only if it was there. */
export function ended({ world, fail }: Commit, id: string, end: 'done' | 'cancelled' | 'replaced' | 'purged'): void {
  const told = world.byId.get(id);
  if (told === undefined) fail(`${id} is gone, and was never added`);
  else if (told.state !== 'stored') fail(`${id} is gone, and was ${told.state} (${told.end ?? 'no end'})`);
  else {
    world.model.gone(id, end);
    told.state = 'ended';
    told.end = end;
    told.era = world.losses;
  }
}

/** Whether a change is a payment: a fresh or held row that became due, and nothing else. */
export function isPayment({ from, to }: Change, now: number, [least, most]: readonly [number, number]): boolean {
  if (!onlyDiffersIn({ from, to }, ['ready'])) return false;
  const { letter: old, when: date } = readyOf(from);
  const { letter, when } = readyOf(to);
  const { runAt, after } = from;
  // A child that waits for its own date, and not for one that its handler named.
  const isEarly = old === '!' && after !== undefined && runAt !== undefined && runAt > least && date === runAt;
  if (old !== 'F' && old !== 'H' && !isEarly) return false;
  if (letter === '!') return runAt !== undefined && runAt > least && when === runAt;

  // A child is checked also before its date.
  return letter === '@' && when === now && (runAt === undefined || runAt <= most || after !== undefined);
}

/** Says of each lane that was freed in which state its next row was found. */
export function countPayments(
  { world, before, after }: Commit,
  by: string,
  lanes: ReadonlySet<string>,
  written: ReadonlySet<number>,
): void {
  const heads = headsOf(after);
  for (const lane of lanes) {
    const head = heads.get(lane);
    if (head === undefined) {
      world.report.met('paying', `${by}: nobody`);
      continue;
    }
    const old = before.tasks.get(head.seq);
    const letter = readyOf(old ?? head).letter;
    const what =
      letter === 'F'
        ? 'a fresh one'
        : letter === 'H'
          ? 'a held one'
          : letter === 'D'
            ? 'a dead one stays'
            : letter === 'U'
              ? 'an unreadable one stays'
              : letter === '@' || letter === '!'
                ? written.has(head.seq)
                  ? 'its own next'
                  : 'a timed one keeps its key'
                : 'one of another version stays';
    world.report.met('paying', `${by}: ${what}`);
  }
}

function judgeSave({ world, underway, after, difference, fail }: Commit): void {
  const { added, removed, changed, outcomes } = difference;
  const [change] = changed;
  if (change === undefined || changed.length > 1 || added.length > 0 || removed.length > 0 || outcomes.length > 0) {
    fail('a save writes one row and nothing else');

    return;
  }

  const { from, to } = change;
  // What was of an earlier version is stored in the form of now, under a key that says so.
  const version = ruleOf(underway.life?.kind ?? 'old', from.type)?.version;
  const upgrades = from.version !== version;
  if (upgrades) world.report.met('other', 'saved in the form of now');
  if (to.version !== version || (upgrades && readyOf(to).letter !== '@')) fail(`saved ${to.id} as ${to.ready}`);
  if (!onlyDiffersIn(change, ['payload', 'ref', 'revision', ...(upgrades ? ['version', 'ready'] : [])]))
    fail(`changed ${fieldsOf(change).join(', ')} of ${to.id}`);
  const claim = runnerOf(after)?.running.find((one) => one.seq === to.seq && one.id === to.id);
  if (claim === undefined) fail(`${to.id} is not claimed`);
  if (from.cancelled === true) fail(`${to.id} was cancelled`);
  const told = world.byId.get(to.id);
  const attempt = [...(world.leading?.claims.values() ?? [])].find((one) => one.seq === to.seq)?.attempt;
  if (told === undefined || attempt?.saving === undefined) fail(`nobody asked to save ${to.id}`);
  else {
    told.rev = attempt.saving;
    told.with = [];
    told.version = to.version;
  }
}

/** Notes which bodies an audit found without a row, as it says itself: a body counts from its first such audit. */
function noteOrphans({ world, underway, after, difference }: Commit): void {
  for (const seen of world.orphans.values()) seen.last = Math.max(seen.last, underway.walls[1]);
  if (!difference.state.includes('bodies')) return;
  const [least, most] = underway.walls;
  for (const ref of Object.keys(after.state.get('bodies') ?? {})) {
    const known = world.orphans.get(ref);
    world.orphans.set(ref, {
      first: Math.min(known?.first ?? least, least),
      last: Math.max(known?.last ?? most, most),
    });
  }
}

/** The audit finds nothing; the only row that it may write is one that was unreadable and can be read by this build. */
function judgeAudit({ world, underway, after, difference, fail }: Commit): void {
  const { added, removed, changed, outcomes, payloadsPut, payloadsDeleted } = difference;
  if (payloadsPut.length + payloadsDeleted.length > 0) fail('wrote a payload');
  if (added.length > 0 || removed.length > 0 || outcomes.length > 0) fail('added or removed a row');
  for (const change of changed) {
    const { from, to } = change;
    const { letter } = readyOf(to);
    const kind = underway.life?.kind ?? 'old';
    if (readyOf(from).letter !== 'U') {
      fail(`the audit found ${from.id}, lane ${from.lane ?? 'none'}, ${from.ready}`);
      world.report.met('audit', 'found');
    } else if (letter !== '@' || !onlyDiffersIn(change, ['ready'])) fail(`wrote ${to.id} as ${to.ready}`);
    else if (!reads(kind, from, world.byId.get(from.id)?.n ?? 0)) fail(`took ${from.id} for readable`);
    // (The owner may have changed since the runner began to decode it.)
    else if (!mayStart(world, after, kind, from) && world.time.now() - world.signedAt > 120_000)
      fail(`tried ${from.id}, whose owner is not signed in`);
    else world.report.met('other', 'unreadable ones that could be read again');
  }
}

/** The lanes of rows. */
export function lanesOf(rows: readonly Parameters<typeof laneMarkOf>[0][]): ReadonlySet<string> {
  return new Set(rows.flatMap((row) => laneMarkOf(row) ?? []));
}
