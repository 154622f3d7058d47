import { readsVersion } from './evolution.js';
import type { GateRow } from './gate.js';
import { isAway, keeps } from './gate.js';
import type { Ready } from './key.js';
import { aloneRank, readReady } from './key.js';
import type { Owner } from './owner.js';
import { runsFor } from './owner.js';
import type { Parent, ParentState } from './parents.js';
import { parentsSay } from './parents.js';
import type { Scope } from './query.js';
import type { Death, RunnerRow, StoredError, TaskRow } from './record.js';
import type { AnyRegistry } from './registry.js';
import { findType } from './find-type.js';
import { isDead, stateOf } from './state.js';

/**
 * Says why a task is not running now, and what would change that. Times are in milliseconds of this device's wall
 * clock.
 *
 * - `gone`: the task is done, was deleted, never existed, or belongs to somebody who is not signed in here; `settled` says
 *   which.
 * - `running`: the task is running.
 * - `backoff`: the task failed, its handler asked for a later try, its destination was away for it and answered another
 *   task, the runner died during it three times in a row, or its payload could not be read in time. It waits until the
 *   time `until`. `retry` ends the wait.
 * - `date`: the task waits until a date: its `runAt`, or a date that its handler asked for.
 * - `lane`: the task with the id `behind` goes first in the lane. If `dead` is true, that task needs `retry`, `update`
 *   or `cancel`.
 * - `parent`: the task waits until the task with the id `parent` has succeeded. That task is in the `state` that is given.
 *   If it is `dead`, it needs `retry`, `update` or `cancel`. If it is `cancelled`, this task is about to be dead, or, with
 *   `onParent: 'run'`, to run.
 * - `gate`: the destination is away. The task with the id `by` found that, with this `message` and, if there was an
 *   answer, this HTTP `status`. The next try is at `until`. If `until` is absent, a probe is on its way, or the
 *   destination answers again and few tasks may start at a time. `retry` brings the probe forward.
 * - `dead`: the task waits for `retry`, `update` or `cancel`.
 * - `paused`: `pause` was called with this `filter`, an id or a filter. Its `type` is always a list. `resume` with the same
 *   filter ends that.
 * - `unknown-type`, `unknown-version`: the task waits for a build that has its type, or that has or upgrades its version.
 * - `undecodable`: the task waits for a build that can decode it.
 * - `other-leader`: the runner, of the given `build`, has no such type, or has another version of it. Open a page of
 *   the build that added the task, or of a later build that has the type.
 * - `alone`: the runner died so often during the task that the task waits until nothing else runs.
 * - `aside`: the task with the id `for` runs alone, or is about to. This task waits for that, at the latest until
 *   `until`.
 * - `busy`: as many tasks run as may run at once, of its type or of all.
 * - `signed-out`: the task belongs to `owner`, who is not signed in, or for whom no page gives values that the server
 *   accepts. `signIn` with that owner ends that, or other values from the function that `signIn` got.
 * - `no-owner`: the task was added before the registry declared a session, and belongs to nobody. `signIn` with
 *   `{ adopt: true }` gives it an owner.
 * - `no-room`: the browser has no room in which the runner could write that the task starts. Delete data of your own, or
 *   cancel tasks.
 * - `no-runner`: nobody runs tasks. Open a page that has a worker. While this page's own worker starts, this reason is not
 *   given.
 */
export type Reason =
  | { readonly reason: 'gone' | 'running' | 'busy' | 'no-room' | 'no-runner' | 'unknown-type' | 'no-owner' }
  | { readonly reason: 'signed-out'; readonly owner: string }
  | { readonly reason: 'backoff' | 'date'; readonly until: number }
  | { readonly reason: 'lane'; readonly lane: string; readonly behind: string; readonly dead: boolean }
  | { readonly reason: 'parent'; readonly parent: string; readonly state: Exclude<ParentState, 'ended'> }
  | {
      readonly reason: 'gate';
      readonly gate: string;
      readonly until: number | undefined;
      readonly message: string;
      readonly status: number | undefined;
      readonly by: string | undefined;
    }
  | { readonly reason: 'dead'; readonly because: Death['reason']; readonly error: StoredError | undefined }
  | { readonly reason: 'paused'; readonly filter: string | Scope }
  | { readonly reason: 'unknown-version'; readonly version: number; readonly known: number }
  | { readonly reason: 'undecodable'; readonly error: StoredError | undefined }
  | { readonly reason: 'other-leader'; readonly build: number }
  | { readonly reason: 'alone'; readonly interruptions: number }
  | { readonly reason: 'aside'; readonly for: string; readonly until: number };

/** What must be known to give the reasons of a row. */
export interface ReasonFacts {
  readonly registry: Pick<AnyRegistry, 'types' | 'aliases' | 'session'>;
  /** Who is signed in, by the last call of any context. */
  readonly owner: Owner;
  readonly runner: RunnerRow | undefined;
  /** Whether there is a runner. */
  readonly led: boolean;
  /** Whether this context's own worker is starting, and may soon run tasks. */
  readonly starting: boolean;
  /** Whether the browser has no room. */
  readonly full: boolean;
  /** The head of its lane. */
  readonly head: TaskRow | undefined;
  readonly parents: readonly Parent[];
  readonly gate: GateRow | undefined;
  /** The pauses that hold it, as they were given. */
  readonly pauses: readonly (string | Scope)[];
  /** How many attempts run through its gate, and how many are of its type. */
  readonly through: number;
  readonly ofType: number;
  /** The wall clock now. */
  readonly wall: number;
}

/** Every reason why a row is not running now; empty if nothing is in its way. */
export function reasonsOf(row: TaskRow, facts: ReasonFacts): readonly Reason[] {
  const { runner, led, starting, head, wall } = facts;
  const claims = runner?.running ?? [];
  const state = stateOf(row, led ? claims : []);
  if (state === 'gone' || state === 'running') return [{ reason: state }];

  const ready = readReady(row.ready);
  const reasons: Reason[] = [];
  if (state === 'dead')
    reasons.push({ reason: 'dead', because: row.dead?.reason ?? 'permanent', error: row.lastError });
  for (const filter of facts.pauses) reasons.push({ reason: 'paused', filter });
  reasons.push(...unknownReasons(row, facts), ...ownerReasons(row, facts));
  if (state === 'unreadable' || row.strange === true) reasons.push({ reason: 'undecodable', error: row.lastError });

  const offset = clockOffset(runner, wall);
  const until = dueAt(ready, offset, wall);
  if (row.runAt !== undefined && row.runAt > wall) reasons.push({ reason: 'date', until: row.runAt });
  else if (until !== undefined && row.strange !== true)
    reasons.push({ reason: ready?.letter === '!' ? 'date' : 'backoff', until });

  if (head !== undefined && head.seq < row.seq && row.lane !== undefined) {
    reasons.push({ reason: 'lane', lane: row.lane, behind: head.id, dead: isDead(head) });
  } else if (led && row.lane !== undefined) {
    // The task has come back to a lane that had gone on without it. It waits for the task that runs there.
    const before = claims.find(({ lane }) => lane !== undefined && row.marks.includes(lane));
    if (before !== undefined) reasons.push({ reason: 'lane', lane: row.lane, behind: before.id, dead: false });
  }
  reasons.push(...(state === 'dead' ? [] : parentReasons(row, facts)));
  reasons.push(...gateReasons(row, facts, offset));
  if (ready?.rank === aloneRank) reasons.push({ reason: 'alone', interruptions: row.interruptions });
  const aside = asideOf(row, runner, wall + offset);
  if (led && aside !== undefined) reasons.push({ reason: 'aside', for: aside.id, until: aside.until - offset });
  if (facts.full && reasons.length === 0) reasons.push({ reason: 'no-room' });
  if (!led && !starting) reasons.push({ reason: 'no-runner' });
  else if (led && reasons.length === 0 && isBusy(row, claims.length, facts)) reasons.push({ reason: 'busy' });

  return reasons;
}

function isBusy({ type }: TaskRow, running: number, { registry, runner, ofType }: ReasonFacts): boolean {
  const most = Number.POSITIVE_INFINITY;

  return running >= (runner?.slots ?? most) || ofType >= (findType(registry, type)?.concurrency ?? most);
}

/**
 * What must happen before a task that has this reason goes on: a decision (or another build), or the end of the task
 * with this `id`. `undefined`: nothing, because time, a runner or the values of who is signed in end the reason.
 */
export function awaitedBy(reason: Reason): 'decision' | { readonly id: string } | undefined {
  if (reason.reason === 'lane') return reason.dead ? 'decision' : { id: reason.behind };
  if (reason.reason === 'parent') return reason.state === 'dead' ? 'decision' : { id: reason.parent };

  return needDecision.has(reason.reason) ? 'decision' : undefined;
}

const needDecision: ReadonlySet<Reason['reason']> = new Set([
  'dead',
  'paused',
  'unknown-type',
  'unknown-version',
  'undecodable',
  'other-leader',
  'no-owner',
]);

/** The task that runs alone now, if it is another one. */
function asideOf({ id }: TaskRow, runner: RunnerRow | undefined, now: number): RunnerRow['alone'] {
  const before = runner?.alone;

  return before === undefined || before.id === id || before.until <= now ? undefined : before;
}

function ownerReasons({ owner, type, gate }: TaskRow, facts: ReasonFacts): readonly Reason[] {
  const { registry, owner: signedInOwner, led, runner } = facts;
  const out = led ? runner?.signedOut : undefined;
  const lacksValues = owner !== null && out?.owner === owner && (out.gates?.includes(gate) ?? true);
  if (!lacksValues && runsFor(registry, { owner, type }, signedInOwner)) return [];
  if (owner !== null) return [{ reason: 'signed-out', owner }];

  return findType(registry, type) === undefined ? [] : [{ reason: 'no-owner' }];
}

function unknownReasons({ type: name, version }: TaskRow, { registry, led, runner }: ReasonFacts): readonly Reason[] {
  const type = findType(registry, name);
  if (type === undefined) return [{ reason: 'unknown-type' }];
  if (!readsVersion(type, version)) return [{ reason: 'unknown-version', version, known: type.version }];
  if (!led || runner?.types === undefined) return [];
  const known = runner.types[name] ?? 0;
  if (version <= known && version >= (runner.oldest?.[name] ?? known)) return [];

  return [{ reason: 'other-leader', build: runner.build }];
}

/**
 * The parents that have not succeeded, each as one reason. `after` may name a parent twice, and a parent that replaced two
 * others stands for both. If a parent was cancelled, only that counts, because the task is about to be dead.
 */
function parentReasons(row: TaskRow, { parents }: ReasonFacts): readonly Reason[] {
  const dies = parentsSay(row, parents) === 'die';

  return [...new Map(parents.map(({ id, state }) => [id, state]))].flatMap(([id, state]) =>
    state === 'ended' || (state === 'cancelled') !== dies ? [] : [{ reason: 'parent' as const, parent: id, state }],
  );
}

function gateReasons({ id }: TaskRow, { gate, through, wall }: ReasonFacts, offset: number): readonly Reason[] {
  if (gate === undefined) return [];
  const until = gate.until - offset;
  const waits = keeps(gate, id) && until > wall;
  if (!waits && through < (isAway(gate) ? 1 : (gate.slow?.width ?? 1))) return [];
  const { name, reason: message, status, by } = gate;

  return [{ reason: 'gate', gate: name, until: waits ? until : undefined, message, status, by: by.at(-1) }];
}

/**
 * How far the runner's clock is ahead of the wall clock, which may have been put back since the runner last wrote. A
 * time of the runner's clock minus this is shown to a person.
 */
export function clockOffset(runner: RunnerRow | undefined, wall: number): number {
  return runner === undefined ? 0 : runner.seen - Math.min(runner.wall, wall);
}

/** When a row is due, by the wall clock. `undefined`: it is due now, or is not timed. */
export function dueAt(ready: Ready | undefined, offset: number, wall: number): number | undefined {
  if (ready?.when === undefined) return undefined;
  const due = ready.when - (ready.letter === '@' ? offset : 0);

  return due > wall ? due : undefined;
}
