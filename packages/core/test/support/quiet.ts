/**
 * Tells when nothing is going on: fake-indexeddb does all its work in `setImmediate`, read from the global at each use,
 * so counting what was asked for and has not been called yet is enough. Nothing is changed but the counting.
 */
const original = globalThis.setImmediate;
let pending = 0;

globalThis.setImmediate = ((callback: (...args: unknown[]) => void, ...args: unknown[]) => {
  pending += 1;

  return original(() => {
    pending -= 1;
    callback(...args);
  });
}) as typeof setImmediate;

/** Resolves after the event loop has gone round once; of no effect on what counts as going on. */
export function aTurnOfTheLoop(): Promise<void> {
  return new Promise((resolve) => {
    original(resolve);
  });
}

/** Resolves when nothing has been going on for a few turns of the loop. Rejects if that never comes. */
export async function quiet(): Promise<void> {
  let still = 0;
  for (let turns = 0; still < 4; turns += 1) {
    if (turns > 100_000) throw new Error('It never comes to rest: something goes round and round.');
    await aTurnOfTheLoop();
    still = pending === 0 ? still + 1 : 0;
  }
}
