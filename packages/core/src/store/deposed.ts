import type { TaskRow } from '../pure/record.js';
import { deposedKey, isClaimed } from '../pure/record.js';
import type { Stores } from './requests.js';
import { runnerRow } from './rows.js';

/**
 * Makes each transaction of the app fail in which a handler of one of these tasks is about to end it. A page that ends
 * attempts calls this, in the same transaction. Their own runner need not: it refuses `completeTx` before its turn begins.
 */
export async function deposeClaims({ state }: Pick<Stores, 'state'>, rows: readonly TaskRow[]): Promise<void> {
  const runner = await runnerRow({ state });
  if (runner === undefined) return;
  for (const claim of runner.running) {
    if (rows.some((row) => isClaimed(row, [claim]))) state.put(true, deposedKey(runner.epoch, claim.claim));
  }
}
