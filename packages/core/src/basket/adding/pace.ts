/** Requests are made for at most so many milliseconds in a row; then the page can do other work. */
const slice = 25;

/**
 * Keeps a page responsive while many requests are made in one transaction. Call it after each request. If it returns a
 * promise, wait for it: the page does other work meanwhile. A transaction can only go on in the answer to one of its
 * own requests, so small requests are made along the way. The promise resolves with the answer to the first of these,
 * because the answer to the last one comes after all others.
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
    request.addEventListener('error', answered); // The end of the transaction says whether it failed.
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
