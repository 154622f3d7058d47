import { isBodyKey } from '../../pure/key.js';
import { readPayloads as readAll } from '../../store/payloads.js';
import type { Leader, RunningAttempt } from '../term/leader.js';

/**
 * Reads the payloads of claimed tasks that are not in their rows. Returns the function that each attempt awaits: no
 * attempt waits for the heavy body of another. If the reading fails, each payload is read by itself, so that one that
 * cannot be read does not stop the others. A payload that could not be read stays `undefined`.
 */
export function readPayloads(
  { context }: Leader,
  claimed: readonly RunningAttempt[],
): (attempt: RunningAttempt) => Promise<void> {
  const apart = claimed.filter(({ stored }) => stored === undefined);
  const isHeavy = ({ claim }: RunningAttempt): boolean => isBodyKey(claim.ref ?? '');
  const read = async (attempts: readonly RunningAttempt[]): Promise<void> => {
    const found = await readAll(
      context,
      attempts.map(({ claim }) => claim.ref ?? ''),
    );
    for (const attempt of attempts) attempt.stored = found.get(attempt.claim.ref ?? '');
  };
  const reading = [apart.filter((one) => !isHeavy(one)), apart.filter(isHeavy)].map((attempts) =>
    read(attempts).catch(() => Promise.allSettled(attempts.map((attempt) => read([attempt])))),
  );

  return async (attempt) => void (await reading[isHeavy(attempt) ? 1 : 0]);
}
