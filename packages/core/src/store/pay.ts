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

type IsClaimed = (head: TaskRow) => boolean;

/**
 * Brings back the heads of lanes, in the transaction that removed what stood before them. One that is claimed is left
 * alone: its own end pays the lane. A lane may be named often; `undefined` stands for none.
 */
export function payLanes(
  stores: Pick<Stores, 'tasks'>,
  lanes: readonly (string | undefined)[],
  moment: Moment,
  isClaimed: IsClaimed,
): Promise<readonly PaidLane[]> {
  const named = [...new Set(lanes)].filter((lane) => lane !== undefined);

  return Promise.all(named.map((lane) => payLane(stores, lane, moment, isClaimed)));
}

async function payLane(
  stores: Pick<Stores, 'tasks'>,
  lane: string,
  moment: Moment,
  isClaimed: IsClaimed,
): Promise<PaidLane> {
  const head = await headOfLane(stores, lane);
  const written = head === undefined || isClaimed(head) ? undefined : paid(head, moment);
  if (written !== undefined) stores.tasks.put(written);

  return { lane, head: head?.seq, written };
}
