import { answer } from '../../store/requests.js';

/** Adds are placed for so long, in milliseconds; then the page has its turn. */
const slice = 25;

/**
 * Keeps a page alive while many requests are placed in one transaction: called after each, it gives back what to wait for
 * when the page is due its turn. What it waits for is a request of the same transaction, since nothing else may be
 * awaited in one; asked half a slice before, so that its answer is there and nothing stands still.
 */
export function createPace(tasks: IDBObjectStore, monotonic: () => number): () => Promise<unknown> | undefined {
  let began = monotonic();
  let turn: Promise<unknown> | undefined;

  return () => {
    const placing = monotonic() - began;
    if (placing < slice / 2) return undefined;
    if (turn === undefined) {
      turn = answer(tasks.getKey(0));
      turn.catch(() => undefined); // The transaction's end tells.
    }
    if (placing < slice) return undefined;

    return turn.then(() => {
      began = monotonic();
      turn = undefined;
    });
  };
}
