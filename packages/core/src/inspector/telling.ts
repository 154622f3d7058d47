import type { Reason, StoredError } from '../index.js';
import { partOf } from '../pure/parts.js';
import type { InspectedTask } from './settings.js';
import type { InspectedState, InspectorWords, When } from './words.js';

/** The state for each reason. The reason that matters most to a person comes first. */
const states: { readonly [Name in Reason['reason']]: InspectedState } = {
  running: 'running',
  dead: 'dead',
  'unknown-type': 'unreadable',
  'unknown-version': 'unreadable',
  undecodable: 'unreadable',
  'other-leader': 'unreadable',
  paused: 'paused',
  'signed-out': 'signed-out',
  'no-owner': 'signed-out',
  lane: 'behind',
  parent: 'behind',
  'no-room': 'stopped',
  'no-runner': 'stopped',
  gate: 'away',
  date: 'waiting',
  backoff: 'waiting',
  alone: 'waiting',
  aside: 'waiting',
  busy: 'waiting',
  gone: 'waiting',
};

const ranked = Object.keys(states);

/** In these states a pause would change nothing now: it is too late for one, or the task waits for a person anyway. */
const unpaused: readonly InspectedState[] = ['running', 'dead', 'unreadable', 'signed-out'];

/** What is told of a task. */
export interface Told {
  readonly state: InspectedState;
  readonly canRetry: boolean;
  readonly canPause: boolean;
  /** Whether the task is paused by itself, whatever else holds it. */
  readonly isPaused: boolean;
  /** Why the task is not running now. */
  readonly why: (words: InspectorWords, when: When) => string;
}

/** What a person reads of a task. */
export function tell(task: InspectedTask): Told {
  const [first] = [...task.reasons].sort((a, b) => ranked.indexOf(a.reason) - ranked.indexOf(b.reason));
  const state = first === undefined ? 'waiting' : states[first.reason];

  return {
    state,
    canRetry: first !== undefined && canRetry(first, task.attempts),
    canPause: !unpaused.includes(state),
    isPaused: task.reasons.some((one) => one.reason === 'paused' && one.filter === task.id),
    why: (words, when) => (first === undefined ? words.next : sentence(first, words, when, task)),
  };
}

/** Whether "try now" changes anything. Before the first attempt of a task, its date is the app's, and stays. */
function canRetry({ reason }: Reason, attempts: number): boolean {
  return ['dead', 'backoff', 'gate', 'signed-out'].includes(reason) || (reason === 'date' && attempts > 0);
}

function sentence(reason: Reason, { reasons, deaths }: InspectorWords, when: When, task: InspectedTask): string {
  if (reason.reason === 'dead') {
    // A later version of the library may know more reasons.
    const { [reason.because]: why = deaths.permanent } = deaths;

    return why(reason.error && saidBy(reason.error), when);
  }

  // Each function takes the reason of its name, which TypeScript cannot follow.
  return (reasons[reason.reason] as (reason: Reason, when: When, task: InspectedTask) => string)(reason, when, task);
}

/** The most characters of a server's sentence that are shown. */
const longestSentence = 300;

/** The error with the server's own sentence as its message, if the server sent problem details (RFC 9457). */
function saidBy(error: StoredError): StoredError {
  const problems = [partOf(error.detail, 'body'), error.detail];
  const texts = problems.flatMap((problem) => [partOf(problem, 'detail'), partOf(problem, 'title')]);
  const said = texts.find((text): text is string => typeof text === 'string' && text.trim() !== '') ?? error.message;

  return { ...error, message: shortened(said) };
}

function shortened(text: string): string {
  return text.length > longestSentence ? `${text.slice(0, longestSentence)}…` : text;
}
