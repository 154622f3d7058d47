/**
 * What does a person read about a save that is not sent yet?
 */
import type { UnsentTask } from './basket.ts';

/** What the save waits for, for style and tests. */
export type UnsentState = 'dead' | 'unreadable' | 'sending' | 'behind' | 'gate' | 'due' | 'waiting';

/**
 * Why the save is not sent, in plain words.
 *
 * @param isBehind An earlier save of the same report is not sent either.
 */
export function stateOf(
  task: UnsentTask,
  isBehind: boolean,
  now = Date.now(),
): { readonly state: UnsentState; readonly text: string } {
  if (task.state === 'dead')
    return { state: 'dead', text: `Refused: ${task.lastError?.message ?? task.dead?.reason ?? 'no reason was given'}` };
  if (task.unreadable) return { state: 'unreadable', text: 'This version of the page can’t read it. It is kept.' };
  // The attempt that runs is counted when it ends.
  if (task.running) return { state: 'sending', text: `Sending now, attempt ${task.attempts}` };
  if (isBehind) return { state: 'behind', text: 'Waits behind an earlier save of this report' };

  const { closedUntil, reason } = task.gate;
  if (closedUntil !== undefined) {
    const why = reason === undefined ? '' : `: ${reason.replace(/\.$/, '')}`;
    return {
      state: 'gate',
      text: `The server is away${why}. Next try, with one save first, at ${timeOfDay(closedUntil)}`,
    };
  }
  if (task.dueAt !== undefined && task.dueAt > now)
    return { state: 'due', text: `Next try at ${timeOfDay(task.dueAt)}` };
  return { state: 'waiting', text: 'Waits for its turn' };
}

/** The last error in one line, or nothing. */
export function errorOf({ lastError }: UnsentTask): string | undefined {
  if (!lastError) return undefined;
  const status = lastError.status === undefined ? '' : `status ${lastError.status}, `;
  return `${lastError.name}: ${lastError.message} (${status}at ${timeOfDay(lastError.at)})`;
}

export function attemptsOf({ attempts, failures, running }: UnsentTask): string | undefined {
  if (attempts === 0) return running ? undefined : 'Not tried yet';
  const tries = attempts === 1 ? '1 attempt' : `${attempts} attempts`;
  return failures === 0 ? tries : `${tries}, ${failures} failed`;
}

/** The report's title, as far as it can be read. */
export function titleOf({ payload, type }: UnsentTask): string {
  return payload?.title ?? `A save (${type})`;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const calendar = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });

/** A time today, or with its date. */
export function timeOfDay(at: number, now = Date.now()): string {
  const date = calendar.format(at);
  return date === calendar.format(now) ? clock.format(at) : `${date}, ${clock.format(at)}`;
}
