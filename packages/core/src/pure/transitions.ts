import type { Backoff } from './backoff.js';
import { retryDelay } from './backoff.js';
import type { Rank } from './key.js';
import { alone, cancelledMark, laneMark, readReady, readyPrefix, skippedMark, timedKey } from './key.js';
import type { Death, TaskRow } from './record.js';
import { routeOf } from './record.js';
import type { Verdict } from './verdict.js';

/** Two readings of one instant, in milliseconds: the runner's clock, which never goes back, and the wall clock. */
export interface Moment {
  readonly now: number;
  readonly wall: number;
}

/** What the type of a task says of its ends. */
export interface Policy {
  readonly backoff: Backoff;
  readonly onDead: 'block' | 'skip';
  /** So many failures make it dead. Absent: none do. */
  readonly failureLimit?: number | undefined;
}

/** From this many interruptions in a row on, a task runs alone and with backoff. */
export const interruptionsToRunAlone = 3;

/** The least wait of `RetryLater`, in milliseconds: a handler that says "now" must not spin. */
const leastLater = 1_000;

/** Where a timed row is read: under its priority, or apart from all others if the runner keeps dying under it. */
export function rankOf(row: Pick<TaskRow, 'priority' | 'interruptions'>): Rank {
  return row.interruptions >= interruptionsToRunAlone ? alone : row.priority;
}

/**
 * The row after its attempt ended, or `undefined`: the task is done and its row goes. Every other end writes the row
 * under another key than fresh, so that "started" can be read off it.
 */
export function settled(
  row: TaskRow,
  verdict: Verdict,
  moment: Moment,
  policy: Policy,
  random: () => number,
): TaskRow | undefined {
  if (row.cancelled === true || verdict.kind === 'success') return undefined;

  switch (verdict.kind) {
    case 'failure':
    case 'timeout': {
      const failures = row.failures + 1;
      const ended = { ...endedByItself(row), failures, lastError: verdict.error };
      const failed = verdict.kind === 'timeout' ? { ...ended, recovered: true as const } : ended;
      if (failures >= (policy.failureLimit ?? Number.POSITIVE_INFINITY)) return died(failed, 'limit', moment, policy);

      return backedOff(failed, failures + row.blames, moment, policy.backoff, random);
    }

    case 'permanent':
      return died({ ...endedByItself(row), lastError: verdict.error }, 'permanent', moment, policy);

    case 'later':
      return 'date' in verdict
        ? dueOn(endedByItself(row), Math.max(verdict.date, moment.wall + leastLater))
        : dueAfter(endedByItself(row), moment, Math.max(verdict.for, leastLater));

    // At the runner's now: a probe that failed goes to the end of its range, so that probes rotate.
    case 'unavailable':
      return dueAfter({ ...endedByItself(row), lastError: verdict.error }, moment, 0);

    case 'returned':
      return dueAfter(verdict.started ? { ...row, attempts: row.attempts + 1, recovered: true } : row, moment, 0);

    // Blames make the wait longer, and never count as failures.
    case 'unread':
      return blame(row, moment, policy.backoff, random);

    case 'unreadable':
      return { ...row, lastError: verdict.error, ready: readyPrefix('U', routeOf(row), row.priority) };
  }
}

/**
 * The row of a claim whose runner died, or `undefined` if it goes (it was cancelled). Nothing is concluded from one
 * death, since no browser tells a crash from a closed tab; from the third in a row on it waits and runs alone.
 */
export function rescued(row: TaskRow, moment: Moment, backoff: Backoff, random: () => number): TaskRow | undefined {
  if (row.cancelled === true) return undefined;

  const interruptions = row.interruptions + 1;
  const left = { ...row, attempts: row.attempts + 1, interruptions, recovered: true as const };
  const beyondPatience = interruptions - interruptionsToRunAlone + 1;

  return beyondPatience > 0 ? backedOff(left, beyondPatience, moment, backoff, random) : dueAfter(left, moment, 0);
}

/**
 * The row of a task that alone closed a gate which the next one then found open, or `undefined` if it stays as it is:
 * it does not wait any more for that gate, or a person had it tried again. It backs off as after a failure, and none is
 * counted.
 */
export function blamed(row: TaskRow, moment: Moment, backoff: Backoff, random: () => number): TaskRow | undefined {
  const ready = readReady(row.ready);
  if (row.strange === true || ready?.letter !== '@' || ready.when === 0) return undefined;

  return blame(row, moment, backoff, random);
}

/**
 * The row of a lane's head (or of a child) once what it waited for has gone, or `undefined` if it stays as it is: a
 * timed, dead or unreadable one keeps what it has. Nothing else of the row changes.
 */
export function paid(row: TaskRow, moment: Moment): TaskRow | undefined {
  const letter = readReady(row.ready)?.letter;
  if (row.strange === true || (letter !== 'F' && letter !== 'H')) return undefined;
  if (row.runAt !== undefined && row.runAt > moment.wall) return dueOn(row, row.runAt);

  return dueAfter(row, moment, 0);
}

/** The row behind its lane's head, or kept by something of its own: whoever removes the obstacle brings it back. */
export function held(row: TaskRow): TaskRow {
  return { ...row, ready: readyPrefix('H', routeOf(row), row.priority) };
}

/** The row due again at its own date, which is still to come. */
export function dueOn(row: TaskRow, date: number): TaskRow {
  return { ...row, ready: timedKey('!', routeOf(row), rankOf(row), date) };
}

/** The row due after a wait by the runner's clock; `now` is 0 when a page writes it, which means at once. */
export function dueAfter(row: TaskRow, moment: Moment, wait: number): TaskRow {
  return { ...row, ready: timedKey('@', routeOf(row), rankOf(row), moment.now + wait) };
}

/** The row as a person wants it tried again: at once, with fresh counters, and back in its lane if it had left it. */
export function revived(row: TaskRow): TaskRow {
  const { dead: _, ...rest } = row;
  const fresh = { ...rest, failures: 0, interruptions: 0, blames: 0 };

  return dueAfter({ ...fresh, marks: marksInLane(row, true) }, { now: 0, wall: 0 }, 0);
}

/** A task that was cancelled while it ran: gone for every read and command, until its claim ends. */
export function cancelledWhileRunning(row: TaskRow): TaskRow {
  const marks = [...row.marks, cancelledMark];

  return { ...row, marks, cancelled: true, ready: readyPrefix('D', routeOf(row), row.priority) };
}

/** Set aside. With `block` it keeps its lane's mark, and so its place at the head. */
function died(row: TaskRow, reason: Death['reason'], moment: Moment, policy: Policy): TaskRow {
  return {
    ...row,
    dead: { reason, at: moment.wall },
    ready: readyPrefix('D', routeOf(row), row.priority),
    marks: marksInLane(row, (row.onDead ?? policy.onDead) === 'block'),
  };
}

/** The marks of a row that keeps its place in its lane, or of one that the lane goes on without. */
function marksInLane(row: TaskRow, stays: boolean): readonly string[] {
  if (row.lane === undefined) return row.marks;
  const marks = [laneMark, skippedMark].map((mark) => mark(row.owner, row.lane ?? ''));
  const mark = marks[stays ? 0 : 1] ?? '';

  return row.marks.includes(mark) ? row.marks : [...row.marks.filter((one) => !marks.includes(one)), mark];
}

/** The row due after the wait that so many failures, blames or deaths of its runner call for. */
function backedOff(row: TaskRow, count: number, moment: Moment, backoff: Backoff, random: () => number): TaskRow {
  return dueAfter(row, moment, retryDelay(backoff, count, random));
}

function blame(row: TaskRow, moment: Moment, backoff: Backoff, random: () => number): TaskRow {
  const blames = row.blames + 1;

  return backedOff({ ...row, blames }, row.failures + blames, moment, backoff, random);
}

/** Any attempt that ends by itself sets the interruptions back. */
function endedByItself(row: TaskRow): TaskRow {
  return { ...row, attempts: row.attempts + 1, interruptions: 0 };
}
