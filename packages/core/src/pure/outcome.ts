import { messageOf } from './errors.js';
import type { OutcomeRow, TaskRow } from './record.js';
import { outcomeOf } from './record.js';
import { storeFor, weigh } from './size.js';

const tooHeavy = 'It is larger than 256 KB, or holds an object of the browser, such as a Blob or Headers.';

/** The outcome of a task that succeeded with a result. It says why the result is absent, if that cannot be stored. */
export function doneWith(row: TaskRow, result: unknown, at: number): OutcomeRow {
  const outcome = outcomeOf(row, 'done', at);
  try {
    if (storeFor(weigh(result)) === 'bodies') throw new RangeError(tooHeavy);

    return { ...outcome, result };
  } catch (error) {
    return { ...outcome, unstorable: messageOf(error) };
  }
}

/** Adds an outcome. If its result cannot be stored at all, which `add` says by an error, adds it without the result. */
export function addStorable<Added>(outcome: OutcomeRow, add: (outcome: OutcomeRow) => Added): Added {
  try {
    return add(outcome);
  } catch (error) {
    const { result: _, ...rest } = outcome;

    return add({ ...rest, unstorable: messageOf(error) });
  }
}
