import type { Claim } from '../../src/pure/record.js';
import { waitRange } from './backoff-rule.js';
import type { End } from './end-rule.js';
import type { Told } from './journal.js';
import type { Life } from './life.js';
import { ruleOfExpiry } from './judge-add.js';
import type { Added, Ended, Moment } from './model/tasks.js';
import type { Commit } from './judge.js';
import { keptApart } from './judge-replaced.js';
import { runnerOf } from './contents.js';
import type { Kind } from './registries.js';
import { currentOf, isForAll, knows, namesFor, reads, ruleOf } from './registries.js';
import type { World } from './world.js';

/** What the model says begins with this word, so that it can be told from what other judges say. */
export const modelSays = 'by the manual: ';

/** The time, as the model reads it. */
export function momentOf({ time }: World): Moment {
  return { now: time.now() + time.ahead(), wall: time.wall() };
}

/** When a transaction began: its clocks may have gone on since. */
export function beginOf({ underway, after }: Pick<Commit, 'underway' | 'after'>): Moment {
  return { now: underway.begunAt + underway.aheadAtBegin, wall: runnerOf(after)?.wall ?? 0 };
}

/** What the model is told of a task that was added. */
export function addedOf(told: Told, id: string, expiresAt: number | undefined): Added {
  const rule = ruleOf(told.kind, told.type);

  return {
    id,
    type: told.type,
    owner: told.owner,
    needsOwner: !isForAll(told.type),
    lane: told.lane,
    key: told.key,
    merges: told.merges,
    gate: told.gate,
    after: told.after,
    runsWithout: told.onParent === 'run',
    runAt: told.runAt,
    expiresAt,
    skipsDead: (told.onDead ?? rule?.onDead) === 'skip',
    skipsExpired: ruleOfExpiry(told) !== 'block',
    failureLimit: rule?.failureLimit ?? Number.POSITIVE_INFINITY,
    leastWait: (failures) => (rule === undefined ? 0 : waitRange(rule, failures)[0]),
  };
}

/** How the model hears of an end. */
export function endedOf(end: End): Ended {
  const kind = typeof end === 'string' ? end : end.kind;
  switch (kind) {
    case 'permanent':
      return { kind: 'dead' };
    case 'failure':
    case 'timeout':
      return { kind: 'failure' };
    case 'signed-out':
      return { kind: 'refused' };
    case 'unavailable':
      return { kind: 'away', after: (end as { readonly after?: number }).after };
    case 'later':
      return end as Ended;
    case 'unstarted':
    case 'unread':
    case 'unreadable':
      return { kind: 'unstarted' };
    case 'success':
    case 'returned':
      return { kind: 'returned' };
  }
}

/** Asks the model of a claim whether its task may start. */
export function judgeByModel({ world, after }: Commit, life: Life, claim: Claim, wall: number): void {
  const told = world.byId.get(claim.id);
  if (told === undefined) return;
  const same = currentOf(life.kind, told.type);
  const wrong = world.model.starts(claim.id, {
    ...momentOf(world),
    wall,
    slots: world.slots.get(life) ?? 6,
    reads: knows(life.kind, told),
    most: ruleOf(life.kind, told.type)?.concurrency ?? Number.POSITIVE_INFINITY,
    merges: (...ids) => {
      const rows = [...after.tasks.values()].filter(({ id }) => ids.includes(id));

      return keptApart(world, life.kind, rows) === undefined;
    },
    isSame: (type) => currentOf(life.kind, type) === same,
    namesOf: (type) => namesFor(life.kind, currentOf(life.kind, type)),
  });
  world.report.met('model', 'judged');
  if (wrong !== undefined) world.fail(`${modelSays}${claim.id} must not start: ${wrong}`);
}

/** With the faults off, and nothing that runs, each task has started that may start by the manual and can be read. */
export function judgeUnstarted(world: World, kind: Kind): void {
  const left = [...world.model.mayStart(momentOf(world), (type) => namesFor(kind, currentOf(kind, type)))].filter(
    (id) => {
      const told = world.byId.get(id);

      return told !== undefined && knows(kind, told) && reads(kind, told, told.n);
    },
  );
  world.report.met('model', 'asked what is left');
  if (left.length > 0) world.fail(`${modelSays}${left.join(', ')} may start, and does not`);
}
