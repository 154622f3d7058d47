/** Which words does the element say? */
import type { Death, Reason, StoredError, TaskView } from '../index.js';

/**
 * What a person needs to know of a task. It is in the names of two parts: `item-dead`, `state-dead`.
 *
 * - `running`: it is being sent.
 * - `dead`: it needs a decision.
 * - `unreadable`: this build cannot read it.
 * - `paused`, `signed-out`: it waits until somebody resumes, or signs in.
 * - `behind`: it waits for another task.
 * - `stopped`: nobody runs tasks, or the browser has no room.
 * - `away`: its destination is away.
 * - `waiting`: it waits for its time or its turn.
 */
export type InspectedState =
  | 'running'
  | 'dead'
  | 'unreadable'
  | 'paused'
  | 'signed-out'
  | 'behind'
  | 'stopped'
  | 'away'
  | 'waiting';

/** Says when something was or will be, such as "in 12 seconds". `at` is in milliseconds of the wall clock. */
export type When = (at: number) => string;

/** The reason with this name, and its other fields. */
type ReasonNamed<Name, One = Reason> = One extends { readonly reason: infer Names }
  ? Name extends Names
    ? One
    : never
  : never;

/** The words of the element. Each function returns plain text, which is never read as HTML. */
export interface InspectorWords {
  /** The language of the words, such as `de` or `en-GB`. It is also the language of the times and for screen readers. */
  readonly lang: string;
  readonly heading: string;
  /** Shown until the list is read for the first time. With a session: also before the first `signIn` or `signOut`. */
  readonly loading: string;
  /** Shown under the heading. `dead`: how many tasks wait for a decision. `more`: there are more than `tasks`. */
  readonly note: (list: { readonly tasks: number; readonly dead: number; readonly more: boolean }) => string;
  /** The button that pauses the whole list. */
  readonly pause: string;
  /** The button that pauses one task. */
  readonly pauseOne: string;
  readonly retry: string;
  readonly correct: string;
  readonly discard: string;
  /** Asks for a confirmation; `discard` and `keep` are the answers. */
  readonly sure: string;
  readonly keep: string;
  /** The name of the bar that shows how much of a task is done. */
  readonly progress: string;
  /** The state of a task in one or two words. */
  readonly states: { readonly [State in InspectedState]: string };
  /** Why a task is not running now. Only the reason that matters most to a person is told. */
  readonly reasons: {
    readonly [Name in Exclude<Reason['reason'], 'dead'>]: (
      reason: ReasonNamed<Name>,
      when: When,
      task: TaskView,
    ) => string;
  };
  /** Why a task is dead. The message is the server's own sentence if the server sent problem details (RFC 9457). */
  readonly deaths: { readonly [Name in Death['reason']]: (error: StoredError | undefined, when: When) => string };
  /** Shown if there is no reason why the task does not run. */
  readonly next: string;
  /** When a task was added, and how often it was tried. */
  readonly facts: (task: TaskView, when: When) => string;
  /** Shown if the call behind a button has failed. */
  readonly failed: (error: unknown) => string;
  /** Announced if tasks succeeded, are dead, or were cancelled. Each is called with the labels of the tasks. */
  readonly sent: (labels: readonly string[]) => string;
  readonly refused: (labels: readonly string[]) => string;
  readonly discarded: (labels: readonly string[]) => string;
  /** Announced when a destination is away. */
  readonly away: string;
}

/** Some of the words. */
export type SomeInspectorWords = Partial<Omit<InspectorWords, 'states' | 'reasons' | 'deaths'>> & {
  readonly states?: Partial<InspectorWords['states']>;
  readonly reasons?: Partial<InspectorWords['reasons']>;
  readonly deaths?: Partial<InspectorWords['deaths']>;
};
