import type { Letter } from './key.js';
import { cancelledMark } from './key.js';
import type { Claim, TaskRow } from './record.js';
import { isClaimed } from './record.js';

/**
 * What a task is, for whoever looks at it.
 *
 * - `fresh`: added, and not yet checked by a runner. `waiting`: due at its time, which may have come.
 * - `held`: something stands before it. `running`: a claim stands for it.
 * - `dead`: it waits for a decision. `unreadable`: this build, or this version of the library, cannot read it.
 * - `gone`: there is no row, or the task was cancelled while it runs. Then the row lies there until its claim ends.
 */
export type State = 'fresh' | 'waiting' | 'held' | 'running' | 'dead' | 'unreadable' | 'gone';

const byLetter: Readonly<Record<Letter, State>> = {
  F: 'fresh',
  '@': 'waiting',
  '!': 'waiting',
  H: 'held',
  U: 'unreadable',
  D: 'dead',
};

/** What a row is. A strange row is dead if its key says so, else unreadable. */
export function stateOf(row: TaskRow | undefined, claims?: readonly Claim[]): State {
  if (!isPresent(row)) return 'gone';
  if (isClaimed(row, claims)) return 'running';

  const state = byLetter[row.ready.charAt(0) as Letter] as State | undefined;

  return row.strange === true && state !== 'dead' ? 'unreadable' : (state ?? 'unreadable');
}

/** Whether the task of a row is there for reads and commands. The row of a task that was cancelled while it runs is not. */
export function isPresent(row: TaskRow | undefined): row is TaskRow {
  return row !== undefined && !row.marks.includes(cancelledMark);
}

/** Whether a task waits for a decision. */
export function isDead(row: TaskRow | undefined): boolean {
  return stateOf(row) === 'dead';
}
