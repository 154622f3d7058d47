import type { Backoff } from './backoff.js';
import { retryDelay } from './backoff.js';
import type { Letter, Rank } from './key.js';
import {
  aloneRank,
  cancelledMark,
  expiryMark,
  laneMark,
  markOf,
  parentMark,
  readReady,
  readyPrefix,
  skippedMark,
  timedKey,
} from './key.js';
import type { Parent } from './parents.js';
import { isAwaited } from './parents.js';
import { defined } from './parts.js';
import type { Death, TaskRow } from './record.js';
import type { Verdict } from './verdict.js';

/** The time now, in milliseconds: by the runner's clock (`now`), which never goes back, and by the wall clock. */
export interface Moment {
  readonly now: number;
  readonly wall: number;
}

/** What a task type says of the ends of attempts. */
export interface Policy {
  readonly backoff: Backoff;
  readonly onDead: 'block' | 'skip';
  /** A task is dead after so many failures. Absent: there is no limit. */
  readonly failureLimit?: number | undefined;
}

/** After so many interruptions in a row, a task runs alone and backs off. */
export const interruptionsToRunAlone = 3;

/** The least wait of `RetryLater`, in milliseconds, so that a handler that says "now" does not run without a pause. */
const leastLater = 1_000;

/** The rank of a timed row: its priority, or `aloneRank` if it must run alone. */
export function rankOf(row: Pick<TaskRow, 'priority' | 'interruptions'>): Rank {
  return row.interruptions >= interruptionsToRunAlone ? aloneRank : row.priority;
}

/** Whether the time of a task is over. What runs at that moment is finished all the same. */
export function isOver({ expiresAt }: Pick<TaskRow, 'expiresAt'>, wall: number): boolean {
  return expiresAt !== undefined && expiresAt <= wall;
}

/** The row of a task that was not done in its time. */
export function expired(row: TaskRow, moment: Moment): TaskRow {
  return died(row, 'expired', moment, row.onExpired);
}

/**
 * The row after its attempt ended, or `undefined` if the row is to be deleted: the task is done, or was cancelled. A
 * row that stays never gets a fresh key. So its key shows that the task was claimed before.
 */
export function settled(
  row: TaskRow,
  verdict: Verdict,
  moment: Moment,
  policy: Policy,
  random: () => number,
): TaskRow | undefined {
  if (row.cancelled === true || verdict.kind === 'success') return undefined;
  const next = tried(row, verdict, moment, policy, random);

  return next.dead === undefined && isOver(next, moment.wall) ? expired(next, moment) : next;
}

/** The row after its attempt did not succeed. */
function tried(
  row: TaskRow,
  verdict: Exclude<Verdict, { readonly kind: 'success' }>,
  moment: Moment,
  policy: Policy,
  random: () => number,
): TaskRow {
  const onDead = row.onDead ?? policy.onDead;
  switch (verdict.kind) {
    case 'failure':
    case 'timeout': {
      const failures = row.failures + 1;
      const ended = { ...endedByItself(row), failures, lastError: verdict.error };
      const failed = verdict.kind === 'timeout' ? { ...ended, recovered: true as const } : ended;
      if (failures >= (policy.failureLimit ?? Number.POSITIVE_INFINITY)) return died(failed, 'limit', moment, onDead);

      return backedOff(failed, failures + row.blames, moment, policy.backoff, random);
    }

    case 'permanent':
      return died({ ...endedByItself(row), lastError: verdict.error }, 'permanent', moment, onDead);

    case 'later':
      return 'date' in verdict
        ? dueOn(endedByItself(row), Math.max(verdict.date, moment.wall + leastLater))
        : dueFrom(endedByItself(row), moment.now + Math.max(verdict.for, leastLater));

    // Due now: a probe that failed comes last among the tasks that are due, so that another task probes next.
    case 'signed-out':
    case 'unavailable':
      return dueFrom({ ...endedByItself(row), lastError: verdict.error }, moment.now);

    case 'returned':
      return dueFrom(verdict.started ? { ...row, attempts: row.attempts + 1, recovered: true } : row, moment.now);

    // Blames make the wait longer, and never count as failures.
    case 'unread':
      return blame(row, moment, policy.backoff, random);

    case 'unreadable':
      return { ...row, lastError: verdict.error, ready: readyPrefix('U', row, row.priority) };
  }
}

/**
 * The row of a claim whose runner died, or `undefined` if the task was cancelled and the row is to be deleted. One
 * death of a runner proves nothing, because no browser tells a crash from a closed tab. After the third in a row, the
 * task backs off and runs alone.
 */
export function rescued(row: TaskRow, moment: Moment, backoff: Backoff, random: () => number): TaskRow | undefined {
  if (row.cancelled === true) return undefined;

  const interruptions = row.interruptions + 1;
  const left = { ...row, attempts: row.attempts + 1, interruptions, recovered: true as const };
  const beyondPatience = interruptions - interruptionsToRunAlone + 1;

  return beyondPatience > 0 ? backedOff(left, beyondPatience, moment, backoff, random) : dueFrom(left, moment.now);
}

/**
 * The row of a task that found a destination away which answered another task. The task backs off as after a failure,
 * but no failure is counted. A longer wait, as after a runner's death, stays. `undefined`: the row stays as it is,
 * because it no longer waits for that gate, or `retry` was called.
 */
export function blamed(row: TaskRow, moment: Moment, backoff: Backoff, random: () => number): TaskRow | undefined {
  const ready = readReady(row.ready);
  if (row.strange === true || ready?.letter !== '@' || ready.when === 0) return undefined;

  const next = blame(row, moment, backoff, random);

  // Keys under one prefix are in the order of their times.
  return { ...next, ready: next.ready < row.ready ? row.ready : next.ready };
}

/**
 * The row of a lane's head, or of a child, once the task before it has ended. It gets a timed key, and nothing else of
 * it changes. A child is checked also before its date, because it is dead if a parent was cancelled. `undefined`: the
 * row stays as it is, because it is timed, dead or unreadable.
 */
export function paid(row: TaskRow, moment: Moment): TaskRow | undefined {
  const letter = readReady(row.ready)?.letter;
  const date = row.runAt !== undefined && row.runAt > moment.wall ? row.runAt : undefined;
  const isEarlyChild = row.after !== undefined && date !== undefined;
  // A date that its handler named stays.
  const isEarly = isEarlyChild && row.ready === dueOn(row, date).ready;
  if (row.strange === true || !(letter === 'F' || letter === 'H' || isEarly)) return undefined;

  return date === undefined || isEarlyChild ? dueFrom(row, moment.now) : dueOn(row, date);
}

/**
 * The row as the task of an owner, if it had none. Its lane and its key are another lane and another key then. A task
 * that waited for the runner's reading, or for its lane, is due at once, because that reading and that lane are others.
 */
export function adopted(row: TaskRow, owner: string, moment: Moment): TaskRow {
  const next = { ...row, owner, marks: row.marks.map((mark) => markOf(owner, mark)) };
  const { letter, when } = readReady(row.ready) ?? {};
  if (letter === '@' || letter === '!') {
    return { ...next, ready: timedKey(letter, next, rankOf(next), when ?? 0) };
  }

  return paid(next, moment) ?? { ...next, ready: readyPrefix(letter as Letter, next, row.priority) };
}

/**
 * The row held, because it is not the head of its lane, or waits for parents. Whoever frees the lane, or ends a parent,
 * brings it back: so it has the mark of each parent for which it waits, also of one that has replaced another.
 */
export function held(row: TaskRow, parents: readonly Parent[] = []): TaskRow {
  const waits = parents.filter(isAwaited).map(({ id }) => parentMark(id));

  return {
    ...row,
    ready: readyPrefix('H', row, row.priority),
    marks: [...new Set([...row.marks, ...waits])],
  };
}

/** The row of a task that is dead because a parent was cancelled. */
export function orphaned(row: TaskRow, moment: Moment, policy: Pick<Policy, 'onDead'>): TaskRow {
  return died(row, 'parent', moment, row.onDead ?? policy.onDead);
}

/** The row due at a date. */
export function dueOn(row: TaskRow, date: number): TaskRow {
  return { ...row, ready: timedKey('!', row, rankOf(row), date) };
}

/** The row due at a time of the runner's clock. A page does not know this clock. It gives 0, which means at once. */
export function dueFrom(row: TaskRow, time: number): TaskRow {
  return { ...row, ready: timedKey('@', row, rankOf(row), time) };
}

/**
 * The row after `retry`: due at once, with counters of 0, and back in its lane if it had left it. A dead task no longer
 * expires, and runs without the parent because of which it was dead.
 */
export function revived(row: TaskRow): TaskRow {
  const { dead, expiresAt, ...rest } = row;
  const date = dead === undefined ? defined({ expiresAt }) : {};
  const without = dead?.reason === 'parent' ? { onParent: 'run' as const } : {};
  const fresh = { ...rest, ...date, ...without, failures: 0, interruptions: 0, blames: 0 };

  return dueFrom({ ...fresh, marks: marksInLane(row, true) }, 0);
}

/**
 * The row of a task that was cancelled while it runs. Reads and commands do not find it; it is deleted when its claim
 * ends.
 */
export function cancelledWhileRunning(row: TaskRow): TaskRow {
  const marks = [...row.marks, cancelledMark];

  return { ...row, marks, cancelled: true, ready: readyPrefix('D', row, row.priority) };
}

/** The row of a dead task. With `block` it keeps the mark of its lane, and so stays the head. It cannot expire. */
function died(row: TaskRow, reason: Death['reason'], moment: Moment, lane: 'block' | 'skip' | undefined): TaskRow {
  const expiry = row.expiresAt === undefined ? undefined : expiryMark(row.expiresAt);

  return {
    ...row,
    dead: { reason, at: moment.wall },
    ready: readyPrefix('D', row, row.priority),
    marks: marksInLane(row, lane === 'block').filter((mark) => mark !== expiry),
  };
}

/** The marks of a row that stays in its lane, or that has left it. */
function marksInLane(row: TaskRow, stays: boolean): readonly string[] {
  if (row.lane === undefined) return row.marks;
  const marks = [laneMark, skippedMark].map((mark) => mark(row.owner, row.lane ?? ''));
  const mark = marks[stays ? 0 : 1] ?? '';

  return row.marks.includes(mark) ? row.marks : [...row.marks.filter((one) => !marks.includes(one)), mark];
}

/** The row due after the wait for so many failures, blames or interruptions. */
function backedOff(row: TaskRow, count: number, moment: Moment, backoff: Backoff, random: () => number): TaskRow {
  return dueFrom(row, moment.now + retryDelay(backoff, count, random));
}

function blame(row: TaskRow, moment: Moment, backoff: Backoff, random: () => number): TaskRow {
  const blames = row.blames + 1;

  return backedOff({ ...row, blames }, row.failures + blames, moment, backoff, random);
}

/** The row after an attempt that ended by itself: that sets the interruptions to 0. */
function endedByItself(row: TaskRow): TaskRow {
  return { ...row, attempts: row.attempts + 1, interruptions: 0 };
}
