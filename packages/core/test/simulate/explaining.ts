import type { Reason } from '../../src/pure/reasons.js';
import type { TaskRow } from '../../src/pure/record.js';
import type { Contents } from './contents.js';
import { gateOf, headsOf, laneMarkOf, readyOf, runnerOf } from './contents.js';
import { roomIn } from './gate-rule.js';
import type { Life } from './life.js';
import { lacksOwner, ownerIn, seenBy } from './owners.js';
import type { ParentFacts } from './parents.js';
import { lives, parentsOf } from './parents.js';
import { wrongPauses } from './pausing.js';
import { currentOf, knows, ruleOf } from './registries.js';
import { waitsForValues } from './values.js';
import type { World } from './world.js';

/** What is wrong with the reasons that a page gives for a row's not running, if anything is: each must be true. */
export function wrongReasons(world: World, page: Life, row: TaskRow, reasons: readonly Reason[]): string | undefined {
  const { contents } = world;
  if (!seenBy(world, page)(row)) return reasons[0]?.reason === 'gone' ? undefined : 'it is not to be seen';
  const facts = factsOf(world, page, row);
  const wrongly = facts.claimed ? undefined : wrongPauses(world, page, row, reasons);
  if (wrongly !== undefined) return wrongly;
  for (const reason of reasons) {
    const wrong = wrongReason(facts, contents, row, reason);
    if (wrong !== undefined) return `${JSON.stringify(reason)}: ${wrong}`;
  }
  const twice = reasons.map((reason) => JSON.stringify(reason)).find((one, place, all) => all.indexOf(one) < place);
  if (twice !== undefined) return `${twice}, twice`;
  if (reasons.length > 0) return undefined;
  const stands = Object.entries(facts).find(([name, value]) => inTheWay.has(name) && value === true);

  return stands === undefined ? undefined : `nothing, and it is ${stands[0]}`;
}

const inTheWay = new Set([
  'claimed',
  'dead',
  'unreadable',
  'unknown',
  'stranger',
  'ownerless',
  'parked',
  'misled',
  'dated',
  'waits',
  'behind',
  'parented',
  'closed',
  'alone',
  'aside',
  'unled',
]);

type Facts = ReturnType<typeof factsOf>;

function factsOf(world: World, page: Life, row: TaskRow) {
  const { contents, time, leading, terms } = world;
  const runner = runnerOf(contents);
  const { letter, when = 0, rank } = readyOf(row);
  const wall = time.wall();
  const ahead = runner === undefined ? 0 : runner.seen - Math.min(runner.wall, wall);
  const lane = laneMarkOf(row);
  const head = lane === undefined ? undefined : headsOf(contents).get(lane);
  const gate = gateOf(contents, row.gate);
  // A claim whose row was removed by hand does not say through which gate it runs.
  const through = [...(leading?.claims.values() ?? [])].filter(
    (claim) => claim.gate === row.gate && contents.tasks.has(claim.seq),
  );
  const rule = ruleOf(page.kind, row.type);
  const isSame = (type: string | undefined): boolean =>
    type !== undefined && currentOf(page.kind, type) === currentOf(page.kind, row.type);
  const without = world.byId.get(row.id)?.onParent === 'run';
  const parentsIn = (all: Contents): readonly ParentFacts[] =>
    parentsOf(world, all, row).filter((one) => lives(one) || (one.is === 'cancelled' && !without));
  const parents = parentsIn(contents);
  // The claims of a runner that has died or lost its lock stand until another takes over, and a page may know it.
  const unclaimed =
    leading?.life.dead === false && leading.life.holds ? [] : parentsIn({ ...contents, state: new Map() });
  const [leader] = [...terms].find(([, term]) => term === leading) ?? [];

  return {
    wall,
    ahead,
    head,
    gate,
    letter,
    when,
    rule,
    claimed: runner?.running.some(({ seq, id }) => seq === row.seq && id === row.id) ?? false,
    running: runner?.running.length ?? 0,
    full:
      rule?.concurrency !== undefined &&
      (runner?.running ?? []).filter(({ seq }) => isSame(contents.tasks.get(seq)?.type)).length >= rule.concurrency,
    dead: letter === 'D',
    unreadable: letter === 'U' || letter === 'Z',
    unknown: !knows(page.kind, row),
    stranger: row.owner !== null && row.owner !== ownerIn(contents),
    ownerless: rule !== undefined && lacksOwner(world, row),
    parked: waitsForValues(contents, row),
    /** The one who leads has no such type, or another version. */
    misled: knows(page.kind, row) && leader !== undefined && !knows(leader.kind, row),
    dated: row.runAt !== undefined && row.runAt > wall,
    waits: (letter === '@' && when - ahead > wall) || (letter === '!' && when > wall),
    behind: head !== undefined && head.seq < row.seq,
    parents,
    unclaimed,
    parented: parents.length > 0,
    /** Whose claim holds its lane: it came back to a lane that had gone on without it. */
    taken: runner?.running.find((claim) => claim.lane !== undefined && claim.lane === lane && claim.seq !== row.seq)
      ?.id,
    closed: roomIn(gate, through, wall + ahead, row.id) < 1,
    alone: rank === 3,
    /** Another that runs alone was claimed within the last 10 s, and runs. */
    aside:
      leading?.alone !== undefined &&
      leading.alone.facts.seq !== row.seq &&
      leading.claims.has(leading.alone.claim) &&
      wall + ahead < leading.alone.at + 10_000,
    unled: false,
    through: through.length,
  };
}

function wrongReason(facts: Facts, contents: Contents, row: TaskRow, reason: Reason): string | undefined {
  const { wall, ahead, head, gate, letter, when, rule } = facts;
  const is = (holds: boolean): string | undefined => (holds ? undefined : `it is not (${row.ready})`);
  switch (reason.reason) {
    case 'signed-out':
      return is((facts.stranger || facts.parked) && reason.owner === row.owner);
    case 'no-owner':
      return is(facts.ownerless);
    case 'gone':
      return is(row.cancelled === true || !contents.tasks.has(row.seq));
    case 'running':
      return is(facts.claimed);
    case 'backoff':
      // Under a letter of a later version nobody knows which clock is meant.
      return is((letter === '@' ? reason.until === when - ahead : letter === 'Z') && reason.until > wall);
    case 'date':
      return is(reason.until > wall && (reason.until === row.runAt || (letter === '!' && reason.until === when)));
    case 'lane':
      if (!facts.behind) return is(reason.behind === facts.taken && reason.lane === row.lane && !reason.dead);

      return is(
        reason.behind === head?.id &&
          reason.lane === row.lane &&
          reason.dead === (readyOf(head).letter === 'D' && head.cancelled !== true),
      );
    case 'parent':
      // One that was cancelled while it runs stands until its handler has ended.
      if (reason.state === 'cancelled' && isLeaving(contents, reason.parent)) return undefined;

      return is(
        [...facts.parents, ...facts.unclaimed].some(
          ({ id, is: state }) => id === reason.parent && state === reason.state,
        ),
      );
    case 'gate':
      return is(
        gate !== undefined &&
          reason.gate === row.gate &&
          reason.by === gate.by.at(-1) &&
          reason.message === gate.reason &&
          (reason.until === undefined
            ? facts.through >= (gate.by.length > 0 ? 1 : (gate.slow?.width ?? 1))
            : reason.until === gate.until - ahead && reason.until > wall && facts.closed),
      );
    case 'dead':
      return is(facts.dead && reason.because === row.dead?.reason);
    case 'unknown-type':
      return is(rule === undefined);
    case 'unknown-version':
      return is(rule !== undefined && rule.version === reason.known && row.version === reason.version && facts.unknown);
    case 'other-leader':
      return is(facts.misled && reason.build === runnerOf(contents)?.build);
    case 'undecodable':
      return is(facts.unreadable);
    case 'alone':
      return is(facts.alone && reason.interruptions === row.interruptions);
    case 'aside': {
      const alone = runnerOf(contents)?.alone;

      return is(reason.for !== row.id && reason.for === alone?.id && reason.until === alone.until - ahead);
    }
    case 'busy':
      return is(facts.running >= (runnerOf(contents)?.slots ?? Number.POSITIVE_INFINITY) || facts.full);
    case 'no-room':
      return is(!contents.state.has('reserve'));
    // Judged together.
    case 'paused':
    case 'no-runner':
      return undefined;
  }
}

/** Whether a task was cancelled while it runs. */
function isLeaving({ tasks }: Contents, id: string): boolean {
  return [...tasks.values()].some((row) => row.id === id && row.cancelled === true);
}
