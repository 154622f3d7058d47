import { toldOf } from '../../basket/context/messages.js';
import { messageOf, TaskbasketError } from '../../pure/errors.js';
import type { TaskRow } from '../../pure/record.js';
import { smallCopy } from '../../pure/size.js';
import type { Leader, RunningAttempt } from '../term/leader.js';
import { timeoutOf } from '../term/leader.js';

/** The progress of an attempt is told at most once in so many milliseconds. */
const gap = 250;

/** Makes the `progress` of an attempt. It tells the first value at once, and then the latest one. */
export function createProgress({ context }: Leader, attempt: RunningAttempt): (value: unknown) => void {
  const { clock } = context.ports;
  let latest: { readonly value: unknown } | undefined;
  let waits = false;

  function tell(): void {
    waits = false;
    if (latest === undefined || hasEnded(attempt)) return;
    const { row } = attempt;
    const hint = { ...toldOf(row), event: 'progress', number: row.attempts + 1, ...latest } as const;
    context.hub.say({ kind: 'progress', hints: [hint] });
    latest = undefined;
    waits = true;
    clock.timer(gap, tell);
  }

  return (value) => {
    const copy = copied(attempt.row, value);
    if (hasEnded(attempt)) return;
    attempt.deadline = clock.monotonic() + timeoutOf(attempt);
    attempt.renewed = 'progress';
    latest = { value: copy };
    if (!waits) tell();
  };
}

function hasEnded({ over, verdict, abortedFor }: RunningAttempt): boolean {
  return over || verdict !== undefined || abortedFor !== undefined;
}

function copied({ type }: TaskRow, value: unknown): unknown {
  try {
    return smallCopy(value);
  } catch (error) {
    const why = `The progress of "${type}" cannot be told: ${messageOf(error)}`;

    throw new TaskbasketError('payload', `${why} Pass plain data.`, error);
  }
}
