import type { TaskRow } from '../pure/record.js';
import { deposedKey, isClaimed } from '../pure/record.js';
import type { Stores } from './requests.js';
import { runnerRow } from './rows.js';

/**
 * A handler of one of these tasks may be about to end it in a transaction of the app (`completeTx`). This makes such a
 * transaction fail. A page that ends attempts calls this in its own transaction. The runner need not: once an attempt has
 * ended, its `completeTx` throws. If `completeTx` was called earlier, the transaction of the app is older than the turn
 * that settles the attempt, and so it runs first.
 */
export async function deposeClaims({ state }: Pick<Stores, 'state'>, rows: readonly TaskRow[]): Promise<void> {
  const runner = await runnerRow({ state });
  if (runner === undefined) return;
  for (const claim of runner.running) {
    if (rows.some((row) => isClaimed(row, [claim]))) state.put(true, deposedKey(runner.epoch, claim.claim));
  }
}
