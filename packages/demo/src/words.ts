/**
 * What does a person read about a save that is not sent yet?
 */
import type { Reason, StoredError } from 'taskbasket';
import type { SomeInspectorWords, When } from 'taskbasket/inspector';

import type { UnsentTask } from './basket.js';
import type { Uploaded } from './upload.js';

/**
 * What the list of unsent says in this app.
 *
 * @param problem What is wrong with the worker, if anything.
 */
export function wordsOfList(problem?: string): SomeInspectorWords {
  return {
    lang: 'en-GB',
    note: ({ tasks, dead, more }) => {
      if (tasks === 0) return 'Everything is sent.';
      const unsent = `${more ? 'More than ' : ''}${tasks} ${tasks === 1 ? 'is' : 'are'} not sent yet`;
      if (dead === 0) return `${unsent}.`;
      const refused = dead === tasks && !more ? (dead === 1 ? 'it' : 'them') : `${dead} of them`;
      return `${unsent}; the server refused ${refused}.`;
    },
    pause: sendLater,
    pauseOne: holdBack,
    progress: 'Sent',
    states: { dead: 'Refused' },
    reasons: {
      running: (_reason, _when, task) => `Is being sent now, attempt ${task.attempts}${percent(task)}.`,
      'signed-out': () => 'Signed out: “Try now” signs you in again.',
      'no-owner': () => 'Was saved before there were inspectors. It waits for one of them.',
      lane: ({ dead }) => waitsFor('the earlier edit of this report', dead),
      parent: ({ state }) => waitsFor('its report', state === 'dead'),
      'no-runner': () => `Nobody runs tasks: ${problem ?? 'the worker is only starting.'}`,
      'no-room': () => 'The browser has no room to write that it is sent. Free some space on the disk.',
      gate: (reason, when) =>
        `${away(reason)} ${reason.until === undefined ? 'One save is tried first.' : next(reason.until, when)}`,
      backoff: ({ until }, when, task) => `${failed(task)} ${next(until, when)}`,
      date: ({ until }, when, task) => `${failed(task)} ${next(until, when)}`,
      alone: ({ interruptions }) => `The browser ended ${interruptions} times while it was sent. It is sent alone.`,
      paused: ({ filter }) => `Waits until you switch “${typeof filter === 'string' ? holdBack : sendLater}” off.`,
    },
    deaths: {
      permanent: (error) =>
        `The server refused it${error?.status === undefined ? '' : ` (${error.status})`}: ${whyOf(error)} Correct it.`,
      limit: (error) => `Given up: ${whyOf(error)}`,
      parent: () => 'Its report was discarded.',
    },
    facts: (task) => [attemptsOf(task), task.state === 'dead' ? undefined : errorOf(task)].filter(Boolean).join(' '),
    sent: (labels) => `Sent: ${names(labels)}.`,
    refused: (labels) => `Refused by the server: ${names(labels)}.`,
    discarded: (labels) => `Discarded: ${names(labels)}. ${labels.length === 1 ? 'It is' : 'They are'} not sent.`,
    away: 'The server is away. What you write is kept, and sent later.',
  };
}

const sendLater = 'Send later';
const holdBack = 'Hold back';

/** The fields of a task that the words need. */
type AnyTask = Pick<UnsentTask, 'attempts' | 'failures' | 'running' | 'addedAt' | 'lastError' | 'progress'>;

function next(until: number, when: When): string {
  return `Next try ${when(until)}.`;
}

function failed({ lastError }: AnyTask): string {
  return `The last try failed: ${whyOf(lastError)}`;
}

function whyOf(error: StoredError | undefined): string {
  return withStop(error?.message ?? 'no reason was given');
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

/** Two by name, the others counted. */
function names(labels: readonly string[]): string {
  return labels.length <= 2 ? labels.join(' and ') : `${labels[0]} and ${labels.length - 1} others`;
}

/** How much of it was handed to the network, from 0 to 1, or nothing if that is not known. */
function uploadedOf({ progress }: AnyTask): number | undefined {
  const { loaded, total } = (progress ?? {}) as Partial<Uploaded>;
  return loaded === undefined || !total ? undefined : loaded / total;
}

function percent(task: AnyTask): string {
  const uploaded = uploadedOf(task);
  return uploaded === undefined ? '' : `: ${Math.floor(uploaded * 100)} %`;
}

/** The last error in one line, or nothing. */
function errorOf({ lastError }: AnyTask): string | undefined {
  return lastError && `Last error at ${timeOfDay(lastError.at)}: ${withStop(lastError.message)}`;
}

function attemptsOf({ attempts, failures, running, addedAt }: AnyTask): string {
  const saved = `Saved at ${timeOfDay(addedAt)}`;
  if (attempts === 0 || (running && attempts === 1)) return `${saved}, not tried before.`;
  const tries = attempts === 1 ? 'tried once' : `tried ${attempts} times`;
  return failures === 0
    ? `${saved}, ${tries}.`
    : `${saved}, ${tries}, failed ${failures === 1 ? 'once' : `${failures} times`}.`;
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
const calendar = new Intl.DateTimeFormat('en-GB', { dateStyle: 'medium' });

/** A time today, or with its date. */
export function timeOfDay(at: number, now = Date.now()): string {
  const date = calendar.format(at);
  return date === calendar.format(now) ? clock.format(at) : `${date}, ${clock.format(at)}`;
}

function withStop(sentence: string): string {
  return /[.!?]$/.test(sentence) ? sentence : `${sentence}.`;
}
