/**
 * What does a person read about a save that is not sent yet?
 */
import type { Reason } from 'taskbasket';

import type { ExplainedTask, UnsentTask } from './basket.js';
import type { Uploaded } from './upload.js';

/** What the save waits for, for style and tests. */
export type UnsentState =
  | 'dead'
  | 'unreadable'
  | 'sending'
  | 'behind'
  | 'gate'
  | 'due'
  | 'nobody'
  | 'signed-out'
  | 'paused'
  | 'waiting';

export interface Told {
  readonly state: UnsentState;
  /** In one or two words. */
  readonly label: string;
  /** The whole sentence; `now` decides what it says of times. */
  readonly text: (now: number) => string;
}

/** Reasons in the order in which they are told: the first that is there. */
const order: readonly Reason['reason'][] = [
  'running',
  'dead',
  'unknown-type',
  'unknown-version',
  'undecodable',
  'other-leader',
  'paused',
  'signed-out',
  'no-owner',
  'lane',
  'parent',
  'no-runner',
  'no-room',
  'gate',
  'alone',
  'aside',
  'backoff',
  'date',
  'busy',
  'gone',
];

/**
 * Why the save is not sent, in plain words.
 *
 * @param problem What is wrong with the worker, if anything.
 */
export function tell(task: ExplainedTask, problem: string | undefined): Told {
  const first = order.flatMap((name) => task.reasons.find(({ reason }) => reason === name) ?? [])[0];

  switch (first?.reason) {
    case 'running':
      return told('sending', 'Sending', `Is being sent now, attempt ${task.attempts}${percent(task)}.`);
    case 'dead':
      return told('dead', 'Refused', refusal(first.because, first.error));
    case 'unknown-type':
    case 'unknown-version':
    case 'undecodable':
    case 'other-leader':
      return told('unreadable', 'Kept', 'This version of the app can’t read it. It is kept for one that can.');
    case 'signed-out':
      return told('signed-out', 'Signed out', 'Signed out: “Try now” signs you in again.');
    case 'no-owner':
      return told('waiting', 'Waiting', 'Was saved before there were inspectors. It waits for one of them.');
    case 'lane':
      return told('behind', 'In line', waitsFor('the earlier edit of this report', first.dead));
    case 'no-runner':
      return told('nobody', 'Stopped', `Nobody runs tasks: ${problem ?? 'the worker is only starting.'}`);
    case 'no-room':
      return told(
        'nobody',
        'Stopped',
        'The browser has no room to write that it is sent. Free some space on the disk.',
      );
    case 'gate':
      return first.until === undefined
        ? told('gate', 'Server away', `${away(first)} One save is tried first.`)
        : until('gate', 'Server away', away(first), first.until);
    case 'parent':
      return told('behind', 'In line', waitsFor('its report', first.state === 'dead'));
    case 'alone':
      return told(
        'waiting',
        'Waiting',
        `The browser ended ${first.interruptions} times while it was sent. It is sent alone.`,
      );
    case 'backoff':
    case 'date':
      return until(
        'due',
        'Tried again',
        `The last try failed: ${withStop(task.lastError?.message ?? 'no reason was given')}`,
        first.until,
      );
    case 'paused':
      return told('paused', 'Paused', 'Waits until you switch “Send later” off.');
    case 'aside':
    case 'busy':
    case 'gone':
    case undefined:
      return told('waiting', 'Waiting', 'Waits for its turn.');
  }
}

function told(state: UnsentState, label: string, sentence: string): Told {
  return { state, label, text: () => sentence };
}

function until(state: UnsentState, label: string, why: string, at: number): Told {
  return { state, label, text: (now) => `${why} Next try ${moment(at, now)}.` };
}

function refusal(because: string, error: { readonly message: string; readonly status?: number } | undefined): string {
  const why = withStop(error?.message ?? 'no reason was given');
  if (because === 'parent') return 'Its report was discarded.';
  if (because !== 'permanent') return `Given up: ${why}`;
  return `The server refused it${error?.status === undefined ? '' : ` (${error.status})`}: ${why} Correct it.`;
}

/** What comes first, and whether the server refused that. */
function waitsFor(what: string, dead: boolean): string {
  return dead ? `Waits for ${what}, which was refused.` : `Waits for ${what}.`;
}

/** Why the server is away. */
function away({ message, status }: Extract<Reason, { readonly reason: 'gate' }>): string {
  if (status === 429) return 'The server asks for a pause (429).';
  if (status !== undefined && status > 0) return `The server is busy (${status}).`;
  return /fetch|network|load failed/i.test(message)
    ? 'The server can’t be reached.'
    : `The server is away: ${withStop(message)}`;
}

/** How much of it was handed to the network, from 0 to 1, or nothing if that is not known. */
export function uploadedOf({ progress }: UnsentTask): number | undefined {
  const { loaded, total } = (progress ?? {}) as Partial<Uploaded>;
  return loaded === undefined || !total ? undefined : loaded / total;
}

function percent(task: UnsentTask): string {
  const uploaded = uploadedOf(task);
  return uploaded === undefined ? '' : `: ${Math.floor(uploaded * 100)} %`;
}

/** The last error in one line, or nothing. */
export function errorOf({ lastError }: UnsentTask): string | undefined {
  return lastError && `Last error at ${timeOfDay(lastError.at)}: ${withStop(lastError.message)}`;
}

export function attemptsOf({ attempts, failures, running, addedAt }: UnsentTask): string {
  const saved = `Saved at ${timeOfDay(addedAt)}`;
  if (attempts === 0 || (running && attempts === 1)) return `${saved}, not tried before`;
  const tries = attempts === 1 ? 'tried once' : `tried ${attempts} times`;
  return failures === 0
    ? `${saved}, ${tries}`
    : `${saved}, ${tries}, failed ${failures === 1 ? 'once' : `${failures} times`}`;
}

/** The id of the report that it belongs to, as far as it can be read. */
export function reportOf({ lane, payload, type }: UnsentTask): string | undefined {
  return type === 'uploadPhoto' ? payload?.report : lane;
}

/** The report's title, as far as it can be read. */
export function titleOf({ payload, type }: UnsentTask): string {
  if (!payload) return type === 'uploadPhoto' ? 'A photo' : 'A save of a report';
  return type === 'uploadPhoto' ? `Photo of ${payload.title}` : payload.title;
}

const clock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit', second: '2-digit' });
const shortClock = new Intl.DateTimeFormat('en-GB', { hour: '2-digit', minute: '2-digit' });
const calendar = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });

/** A time today, or with its date. */
export function timeOfDay(at: number, now = Date.now()): string {
  const date = calendar.format(at);
  return date === calendar.format(now) ? clock.format(at) : `${date}, ${clock.format(at)}`;
}

/** A time to come: "in 12 s", "in 3 min", "at 14:05". */
export function moment(at: number, now: number): string {
  const seconds = Math.ceil((at - now) / 1_000);
  if (seconds <= 0) return 'now';
  if (seconds < 60) return `in ${seconds} s`;
  if (seconds < 60 * 60) return `in ${Math.ceil(seconds / 60)} min`;
  const today = calendar.format(at) === calendar.format(now);
  return `${today ? '' : `on ${calendar.format(at)} `}at ${shortClock.format(at)}`;
}

function withStop(sentence: string): string {
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
