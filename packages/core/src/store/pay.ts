import type { TaskRow } from '../pure/record.js';
import type { Moment } from '../pure/transitions.js';
import { paid } from '../pure/transitions.js';
import type { Stores } from './requests.js';
import { headOfLane } from './rows.js';

/**
 * Brings a lane's head back, in the transaction that removed what stood before it; gives back the row, if it was
 * written. One that is claimed is left alone: its own end pays the lane.
 */
export async function payLane(
  stores: Stores,
  lane: string,
  moment: Moment,
  isClaimed: (head: TaskRow) => boolean,
): Promise<TaskRow | undefined> {
  const head = await headOfLane(stores, lane);
  if (head === undefined || isClaimed(head)) return undefined;

  const next = paid(head, moment);
  if (next !== undefined) stores.tasks.put(next);

  return next;
}
