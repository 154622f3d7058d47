import type { TaskRow } from './record.js';

/**
 * What has become of a parent.
 *
 * - `ended`: it succeeded, or nothing is known of it.
 * - `cancelled`: it was removed, and its attempt has ended.
 * - `queued`, `running`, `dead`, `unreadable`: its child waits for it.
 */
export type ParentState = 'ended' | 'cancelled' | 'queued' | 'running' | 'dead' | 'unreadable';

/** A parent of a task, as it is now. */
export interface Parent {
  /** The id of the parent, or of the task that replaced it. */
  readonly id: string;
  readonly state: ParentState;
  /** What its handler returned. */
  readonly result?: unknown;
}

/** Whether a child waits for this parent. */
export function isAwaited({ state }: Parent): boolean {
  return state !== 'ended' && state !== 'cancelled';
}

/**
 * What its parents mean for a task. `die`: one of them was cancelled, and the task does not run without it. `hold`: it
 * waits for one of them. `undefined`: it may run.
 */
export function parentsSay(
  { onParent }: Pick<TaskRow, 'onParent'>,
  parents: readonly Parent[],
): 'die' | 'hold' | undefined {
  if (onParent !== 'run' && parents.some(({ state }) => state === 'cancelled')) return 'die';

  return parents.some(isAwaited) ? 'hold' : undefined;
}
