import type { Letter } from './key.js';
import { cancelledMark } from './key.js';
import type { Claim, TaskRow } from './record.js';
import { isClaimed } from './record.js';

/**
 * The state of a task.
 *
 * - `fresh`: it was added, and no runner has checked it.
 * - `waiting`: it is due at a time, which may have passed.
 * - `held`: another task of its lane goes first.
 * - `running`: it is claimed.
 * - `dead`: it waits for a decision.
 * - `unreadable`: this build, or this version of the library, cannot read it.
 * - `gone`: there is no row, or the task was cancelled while it runs. Then the row stays until its claim ends.
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

/** The state of a row. A strange row is dead if its key says so, or else unreadable. */
export function stateOf(row: TaskRow | undefined, claims?: readonly Claim[]): State {
  if (!isPresent(row)) return 'gone';
  if (isClaimed(row, claims)) return 'running';

  const state = byLetter[row.ready.charAt(0) as Letter] as State | undefined;

  return row.strange === true && state !== 'dead' ? 'unreadable' : (state ?? 'unreadable');
}

/** Whether reads and commands find the row. They do not find a row whose task was cancelled while it runs. */
export function isPresent(row: TaskRow | undefined): row is TaskRow {
  return row !== undefined && !row.marks.includes(cancelledMark);
}

/** Whether a task waits for a decision. */
export function isDead(row: TaskRow | undefined): boolean {
  return stateOf(row) === 'dead';
}
