import { payloadOf } from '../../store/rows.js';
import { look } from '../../store/transact.js';
import type { Leader, RunningAttempt } from '../term/leader.js';

/**
 * Reads the payloads that lie apart, once their claims are durable, in a transaction over payloads alone: it waits for
 * a large one that is being written, and nothing else does. What could not be read stays `undefined`.
 */
export async function readPayloads({ context }: Leader, claimed: readonly RunningAttempt[]): Promise<void> {
  const apart = claimed.filter(({ stored }) => stored === undefined);
  if (apart.length === 0) return;

  await look(
    context,
    (stores) =>
      Promise.all(
        apart.map(async (attempt) => {
          attempt.stored = await payloadOf(stores, attempt.claim.ref ?? '');
        }),
      ),
    ['payloads'],
  ).catch(() => undefined); // Each of them is handed back, and is due again at once.
}
