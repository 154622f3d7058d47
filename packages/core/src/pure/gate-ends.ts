import type { Backoff } from './backoff.js';
import type { GateAttempt, GateRow } from './gate.js';
import { currentGate, gateClosed, gatePassed, toBlame } from './gate.js';
import type { Owner } from './owner.js';
import type { StoredError } from './record.js';
import type { Verdict } from './verdict.js';

/** An attempt that has ended. */
export interface EndedAttempt extends GateAttempt {
  readonly owner: Owner;
  readonly verdict: Verdict | undefined;
}

/** What the rules of a gate need of its runner. */
export interface GateRules {
  readonly backoff: Backoff;
  /** How many attempts run at once. */
  readonly concurrency: number;
  readonly random: () => number;
}

/** The verdicts that show that the destination was reached. Other verdicts say nothing about it. */
const answers: ReadonlySet<string> = new Set(['success', 'failure', 'permanent', 'later', 'signed-out']);

/**
 * A gate after the attempts that ended in one turn, and the ids of the tasks that an answer proves wrong. Such attempts
 * count as ending together. So answers are read last: one answer shows that the destination is there.
 */
export function gateAfter(
  name: string,
  found: GateRow | undefined,
  ended: readonly EndedAttempt[],
  now: number,
  { backoff, concurrency, random }: GateRules,
): { readonly gate: GateRow | undefined; readonly wrong: ReadonlySet<string> } {
  let gate = found;
  const wrong = new Set<string>();
  for (const attempt of ended) {
    const { verdict } = attempt;
    if (verdict?.kind !== 'unavailable') continue;

    const { error, retryAfter } = verdict;
    const reason = attempt.owner === null ? error.message : inPublic(error);
    const closing = { now, name, reason, status: error.status, retryAfter };
    gate = gateClosed(currentGate(gate, now, backoff), attempt, closing, backoff, random);
  }

  for (const attempt of ended) {
    if (gate === undefined || attempt.verdict === undefined || !isAnswer(attempt.verdict)) continue;

    const before = currentGate(gate, now, backoff);
    gate = gatePassed(before, attempt, now, concurrency);
    if (before !== undefined && gate !== before) for (const id of toBlame(before, attempt.id, now)) wrong.add(id);
  }
  for (const { id, verdict } of ended) if (verdict?.kind !== 'unavailable') wrong.delete(id);

  return { gate, wrong };
}

function isAnswer(verdict: Verdict): boolean {
  return answers.has(verdict.kind) && !('unsent' in verdict);
}

/** What everybody on the device may read of an error. Its message may name what one person wrote. */
function inPublic({ status }: StoredError): string {
  // A redirect that scripts cannot read has the status 0.
  return status ? `The server answered ${status}.` : 'The network or the destination is away.';
}
