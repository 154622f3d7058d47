import type { Hint } from '../../basket/context/messages.js';
import type { TaskRow } from '../../pure/record.js';
import type { Moment } from '../../pure/transitions.js';
import type { Stores } from '../../store/requests.js';
import type { RunningAttempt } from '../term/leader.js';
import type { Memory } from '../term/memory.js';

/** What a turn changes in memory. It is applied when the transaction has completed. */
export interface Draft {
  readonly memory: Memory;
  readonly stores: Stores;
  readonly moment: Moment;
  /** The number of the first claim of this turn. */
  readonly nextClaim: number;
  /** The running set, without the attempts that this turn settles, and with those that it claims. */
  readonly running: Map<number, RunningAttempt>;
  /** The heads of lanes that this turn has read, after its deletes. `undefined`: the lane has no row. */
  readonly heads: Map<string, number | undefined>;
  /** The `seq` of the rows that this turn has deleted, or that have expired. They may be among those that were read. */
  readonly gone: Set<number>;
  /** The rows that the replacing of others has changed, by `seq`: the payloads of some, and the marks of children. */
  readonly rewritten: Map<number, TaskRow>;
  /** The events that are told after the commit. */
  readonly hints: Hint[];
  wrote: boolean;
}
