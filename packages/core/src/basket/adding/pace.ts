/** Adds are placed for at most so many milliseconds in a row; then the page has its turn. */
const slice = 25;

/**
 * Keeps a page alive while many requests are placed in one transaction. Call it after each request: it gives back a promise
 * to wait for when the page is due its turn. A transaction goes on only in the answer to one of its own requests, so small
 * requests are placed along the way. The answer to any of these will do: the answer to the last one would come after all
 * the others.
 */
export function createPace(tasks: IDBObjectStore, monotonic: () => number): () => Promise<void> | undefined {
  let began = monotonic();
  let asked = began;
  let open = 0;
  let goOn: (() => void) | undefined;

  function ask(): void {
    const request = tasks.getKey(0);
    open += 1;
    request.addEventListener('success', answered);
    request.addEventListener('error', answered); // The transaction's end tells.
  }

  function answered(): void {
    open -= 1;
    began = goOn === undefined ? began : monotonic();
    goOn?.();
    goOn = undefined;
  }

  return () => {
    const now = monotonic();
    if (now - asked >= slice / 5) {
      asked = now;
      ask();
    }
    if (now - began < slice) return undefined;
    if (open === 0) ask();

    return new Promise((resolve) => {
      goOn = resolve;
    });
  };
}
