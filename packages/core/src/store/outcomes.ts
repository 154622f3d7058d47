import type { OutcomeRow } from '../pure/record.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';

/** How many outcomes are kept. */
export const outcomesKept = 10_000;

/** Stores an outcome, and deletes the one that is now too many. Throws at once if the result cannot be stored. */
export function keepOutcome(
  { outcomes }: Pick<Stores, 'outcomes'>,
  outcome: OutcomeRow,
  kept: number = outcomesKept,
): Promise<void> {
  const added = answer(outcomes.add(outcome));

  return added.then((n) => {
    if (Number(n) > kept) outcomes.delete(Number(n) - kept);
  });
}
