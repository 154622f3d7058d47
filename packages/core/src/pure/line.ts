import { isQuota } from './errors.js';
import { partOf } from './parts.js';
import { createSerialQueue } from './serial-queue.js';

/** Calls `store`, which stores so many bytes, when all earlier calls have ended. */
export type Line = <Result>(bytes: number, store: () => Promise<Result>) => Promise<Result>;

/** After so many refusals in a row because there is no room, nothing larger is tried. */
const refusalsInARow = 3;

/**
 * Makes a line in which values are stored one after the other. If three in a row find no room, each later value that is
 * at least as large as the smallest of them is refused at once, with the browser's error. So nobody waits for a
 * thousand transactions that must fail. A value that joins an empty line is always tried.
 */
export function createLine(): Line {
  const queue = createSerialQueue();
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
      if (isQuota(cause)) {
        noRoom = { refusals: refusals + 1, least: Math.min(least, bytes), error: cause };
      }
      throw failure;
    }
  }

  return async (bytes, store) => {
    waiting += 1;
    try {
      return await queue('line', () => tried(bytes, store));
    } finally {
      waiting -= 1;
      if (waiting === 0) noRoom = none;
    }
  };
}
