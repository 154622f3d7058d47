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
  /** The head as it was written. `undefined`: it was not. */
  readonly written: TaskRow | undefined;
}

type NeedsNothing = (head: TaskRow) => boolean;

/**
 * Brings back the heads of lanes, in the transaction that removed the heads before them. A head that needs nothing
 * stays as it is: it is claimed, and its own end pays the lane, or the runner has not read it yet. A lane may be named
 * more than once; `undefined` stands for no lane.
 */
export function payLanes(
  stores: Pick<Stores, 'tasks'>,
  lanes: readonly (string | undefined)[],
  moment: Moment,
  needsNothing: NeedsNothing,
): Promise<readonly PaidLane[]> {
  const named = [...new Set(lanes)].filter((lane) => lane !== undefined);

  return Promise.all(named.map((lane) => payLane(stores, lane, moment, needsNothing)));
}

async function payLane(
  stores: Pick<Stores, 'tasks'>,
  lane: string,
  moment: Moment,
  needsNothing: NeedsNothing,
): Promise<PaidLane> {
  const head = await headOfLane(stores, lane);
  const written = head === undefined || needsNothing(head) ? undefined : paid(head, moment);
  if (written !== undefined) stores.tasks.put(written);

  return { lane, head: head?.seq, written };
}
