import type { Leader, RunningAttempt } from '../term/leader.js';

/** How long an attempt keeps its slot after its signal was aborted, in milliseconds. */
export const abortGrace = 10_000;

/** Why an attempt is aborted. */
const reasons = {
  timeout: 'The attempt took too long.',
  stop: 'The runner stops.',
  cancel: 'The task was cancelled.',
  owner: 'The owner of the task is not signed in any more.',
} as const;

/** Aborts an attempt, which then has ten seconds to end. */
export function abortAttempt(leader: Leader, attempt: RunningAttempt, cause: keyof typeof reasons): void {
  if (attempt.abortedFor !== undefined || attempt.over) return;

  attempt.abortedFor = cause;
  attempt.abandonAt = leader.context.ports.clock.monotonic() + abortGrace;
  attempt.controller.abort(new DOMException(reasons[cause], cause === 'timeout' ? 'TimeoutError' : 'AbortError'));
}

/**
 * Aborts an attempt whose task was cancelled, or is gone. If its handler is ending the task in a transaction of the app,
 * that may be why the task is gone. Then the attempt is aborted only if the transaction fails, and the runner is woken.
 * Never rejects.
 */
export async function cancelAttempt(leader: Leader, attempt: RunningAttempt, ring: () => void): Promise<void> {
  // After a cancel at a full disk each turn calls this. If it rang then, turns would follow one another without end.
  if (attempt.completed) return;
  if (attempt.completing !== undefined) await attempt.completing.then(ring);
  if (!attempt.completed) abortAttempt(leader, attempt, 'cancel');
}

/** Drops an attempt at once, because its runner may not write any more. Whatever the attempt does is ignored. */
export function deposeAttempt(attempt: RunningAttempt): void {
  attempt.over = true;
  attempt.controller.abort(new DOMException('Another runner has taken over.', 'AbortError'));
}
