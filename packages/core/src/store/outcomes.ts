import type { OutcomeRow } from '../pure/record.js';
import { isAnyChild } from './parents.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';

/** How many outcomes are kept. */
export const outcomesKept = 10_000;

/**
 * Stores an outcome, and deletes the one that is now too many. While tasks have parents, that is left to the chore, which
 * finds out whose outcome a child still needs. Throws at once if the result cannot be stored.
 */
export function keepOutcome(
  { outcomes, tasks }: Pick<Stores, 'outcomes' | 'tasks'>,
  outcome: OutcomeRow,
  kept: number = outcomesKept,
): Promise<void> {
  const added = answer(outcomes.add(outcome));

  return added.then(async (n) => {
    if (Number(n) > kept && !(await isAnyChild({ tasks }))) outcomes.delete(Number(n) - kept);
  });
}
