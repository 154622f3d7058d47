import { nameOf } from './errors.js';
import { partOf } from './parts.js';
import { createTurns } from './turns.js';

/** Stores so many bytes when all that joined the line before has ended. */
export type Line = <Result>(bytes: number, store: () => Promise<Result>) => Promise<Result>;

/** After so many refusals in a row for want of room, what is larger is not tried. */
const refusalsInARow = 3;

/**
 * A line in which things are stored one after the other. If several in a row find no room, whatever behind them is at least
 * as large as the smallest of them is refused at once, with the browser's error: nobody waits for a thousand vain
 * transactions. What joins an empty line is always tried.
 */
export function createLine(): Line {
  const inTurn = createTurns();
  const none = { refusals: 0, least: Number.POSITIVE_INFINITY, error: undefined as unknown };
  let noRoom = none;
  let waiting = 0;

  async function tried<Result>(bytes: number, store: () => Promise<Result>): Promise<Result> {
    const { refusals, least, error } = noRoom;
    if (refusals >= refusalsInARow && bytes >= least) throw error;

    try {
      const result = await store();
      noRoom = none;

      return result;
    } catch (failure) {
      const cause = partOf(failure, 'code') === 'quota' ? partOf(failure, 'cause') : failure;
      if (nameOf(cause) === 'QuotaExceededError') {
        noRoom = { refusals: refusals + 1, least: Math.min(least, bytes), error: cause };
      }
      throw failure;
    }
  }

  return async (bytes, store) => {
    waiting += 1;
    try {
      return await inTurn('line', () => tried(bytes, store));
    } finally {
      waiting -= 1;
      if (waiting === 0) noRoom = none;
    }
  };
}
