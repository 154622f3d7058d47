import type { Hint } from '../../basket/context/hub.js';
import type { Moment } from '../../pure/transitions.js';
import type { Stores } from '../../store/requests.js';
import type { RunningAttempt } from '../term/leader.js';
import type { Memory } from '../term/memory.js';

/** Everything that a turn changes in memory, applied when its transaction has completed. */
export interface Draft {
  readonly memory: Memory;
  readonly stores: Stores;
  readonly moment: Moment;
  /** The number of the first claim of this turn. */
  readonly nextClaim: number;
  /** The running set without what is settled, and without what is about to be claimed. */
  readonly running: Map<number, RunningAttempt>;
  /** The heads of lanes that this turn read, after everything was deleted that it deletes. `undefined`: no row is left. */
  readonly heads: Map<string, number | undefined>;
  /** What is told once it is durable. */
  readonly hints: Hint[];
  wrote: boolean;
}
