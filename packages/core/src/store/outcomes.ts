import { messageOf } from '../pure/errors.js';
import type { OutcomeRow } from '../pure/record.js';
import { isAnyChild } from './parents.js';
import type { Stores } from './requests.js';
import { answer } from './requests.js';

/** How many outcomes are kept. */
export const outcomesKept = 10_000;

/** Adds an outcome. If its result cannot be stored at all, adds it without the result. */
export function addOutcome(outcomes: IDBObjectStore, outcome: OutcomeRow): IDBRequest<IDBValidKey> {
  try {
    return outcomes.add(outcome);
  } catch (error) {
    const { result: _, ...rest } = outcome;

    return outcomes.add({ ...rest, unstorable: messageOf(error) });
  }
}

/**
 * Stores an outcome, and deletes the one that is now too many. While tasks have parents, that is left to the chore, which
 * finds out whose outcome a child still needs.
 */
export function keepOutcome(
  { outcomes, tasks }: Pick<Stores, 'outcomes' | 'tasks'>,
  outcome: OutcomeRow,
  kept: number = outcomesKept,
): Promise<void> {
  const added = answer(addOutcome(outcomes, outcome));

  return added.then(async (n) => {
    if (Number(n) > kept && !(await isAnyChild({ tasks }))) outcomes.delete(Number(n) - kept);
  });
}
