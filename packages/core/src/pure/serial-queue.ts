/** Does work in order: see `createSerialQueue`. */
export type SerialQueue = <Result>(key: unknown, work: () => Promise<Result>) => Promise<Result>;

/**
 * Keeps the order of calls. Work under a key begins when all earlier work under that key has ended. Work under the key
 * `undefined` waits for all earlier work, and all later work waits for it.
 */
export function createSerialQueue(): SerialQueue {
  const none = Promise.resolve();
  const ends = new Map<unknown, Promise<void>>();

  return (key, work) => {
    const before = key === undefined ? [...ends.values()] : [ends.get(key) ?? none, ends.get(undefined) ?? none];
    const result = Promise.all(before).then(work);
    const end = result.then(ended, ended);
    ends.set(key, end);

    return result;

    function ended(): void {
      if (ends.get(key) === end) ends.delete(key);
    }
  };
}
