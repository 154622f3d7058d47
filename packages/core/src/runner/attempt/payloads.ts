import { payloadOf } from '../../store/rows.js';
import { look } from '../../store/transact.js';
import type { Leader, RunningAttempt } from '../term/leader.js';

/**
 * Reads the payloads that lie apart, once their claims are durable, in a transaction over payloads alone: it waits for
 * a large one that is being written, and nothing else does. If that fails, each is read by itself, so that one payload
 * that can't be read keeps no other from its handler. What could not be read stays `undefined`.
 */
export async function readPayloads({ context }: Leader, claimed: readonly RunningAttempt[]): Promise<void> {
  const apart = claimed.filter(({ stored }) => stored === undefined);
  if (apart.length === 0) return;

  const read = (attempts: readonly RunningAttempt[]): Promise<unknown> =>
    look(
      context,
      (stores) =>
        Promise.all(
          attempts.map(async (attempt) => {
            attempt.stored = await payloadOf(stores, attempt.claim.ref ?? '');
          }),
        ),
      ['payloads'],
    );
  await read(apart).catch(() => Promise.allSettled(apart.map((attempt) => read([attempt]))));
}
