import type { TaskRow } from '../pure/record.js';
import type { Moment } from '../pure/transitions.js';
import { paid } from '../pure/transitions.js';
import type { Stores } from './requests.js';
import { headOfLane } from './rows.js';

/** A lane after it was paid. */
export interface PaidLane {
  readonly lane: string;
  /** The `seq` of its head, if it has one. */
  readonly head: number | undefined;
  /** The head as it was written, if it was. */
  readonly written: TaskRow | undefined;
}

/**
 * Brings a lane's head back, in the transaction that removed what stood before it. One that is claimed is left alone:
 * its own end pays the lane.
 */
export async function payLane(
  stores: Pick<Stores, 'tasks'>,
  lane: string,
  moment: Moment,
  isClaimed: (head: TaskRow) => boolean,
): Promise<PaidLane> {
  const head = await headOfLane(stores, lane);
  const written = head === undefined || isClaimed(head) ? undefined : paid(head, moment);
  if (written !== undefined) stores.tasks.put(written);

  return { lane, head: head?.seq, written };
}
