import type { InspectorWords, SomeInspectorWords, When } from './words.js';

/** The words, in English. */
export const english: InspectorWords = {
  lang: 'en',
  heading: 'Not sent yet',
  loading: 'Looking…',
  note: ({ tasks, dead, more }) => {
    if (tasks === 0) return 'Everything is sent.';
    const unsent = `${more ? 'More than ' : ''}${tasks} ${tasks === 1 ? 'is' : 'are'} not sent yet.`;

    return dead === 0 ? unsent : `${unsent} Your decision is needed for ${dead}.`;
  },
  pause: 'Pause',
  pauseOne: 'Pause',
  retry: 'Try now',
  correct: 'Correct',
  discard: 'Discard',
  sure: 'Discard this for good? It is not sent then.',
  keep: 'Keep',
  progress: 'Sent so far',
  states: {
    running: 'Sending',
    dead: 'Needs you',
    unreadable: 'Kept',
    paused: 'Paused',
    'signed-out': 'Signed out',
    behind: 'In line',
    stopped: 'Stopped',
    away: 'Server away',
    waiting: 'Waiting',
  },
  reasons: {
    running: () => 'It is being sent now.',
    'unknown-type': () => unreadable,
    'unknown-version': () => unreadable,
    undecodable: () => unreadable,
    'other-leader': () => 'Another version of this app is open in another tab, and cannot send it. Close that tab.',
    paused: ({ filter }) => (typeof filter === 'string' ? 'It is paused.' : 'It is paused together with others.'),
    'signed-out': () => 'It waits until you are signed in again.',
    'no-owner': () => 'It was saved before anybody signed in, and belongs to nobody.',
    lane: ({ dead }) => `It waits for an earlier change${dead ? ', which needs your decision' : ''}.`,
    parent: ({ state }) =>
      state === 'cancelled'
        ? 'Something that it needs was discarded.'
        : `It waits for something that it needs${state === 'dead' ? ', and that needs your decision' : ''}.`,
    'no-room': () => 'The browser has no room left. Free some space on this device.',
    'no-runner': () => 'Nothing is sent at the moment. Reload this page.',
    gate: ({ until, message, status }, when) => `The server is away${because(message, status)} ${next(until, when)}`,
    date: ({ until }, when, { lastError }) => `${failed(lastError)}${next(until, when)}`,
    backoff: ({ until }, when, { lastError }) => `${failed(lastError)}${next(until, when)}`,
    alone: () => 'The browser ended several times while it was sent. It is sent when nothing else is.',
    aside: () => 'It waits for something that is sent alone.',
    busy: () => 'It waits for its turn.',
    gone: () => 'It is sent, or was discarded.',
  },
  deaths: {
    permanent: (error) => `It was refused${because(error?.message, error?.status)}`,
    limit: (error) => `It failed too often${because(error?.message)}`,
    expired: () => 'It was not sent in time.',
    parent: () => 'Something that it needs was discarded.',
  },
  next: 'It is about to be sent.',
  facts: ({ addedAt, attempts }, when) => {
    const tried = attempts === 0 ? 'not tried yet' : attempts === 1 ? 'tried once' : `tried ${attempts} times`;

    return `Saved ${when(addedAt)}, ${tried}.`;
  },
  failed: (error) => `That did not work${because(error instanceof Error ? error.message : String(error))}`,
  sent: (labels) => `Sent: ${list(labels)}.`,
  refused: (labels) => `Needs your decision: ${list(labels)}.`,
  discarded: (labels) => `Discarded: ${list(labels)}.`,
  away: 'The server is away. What you save is kept, and sent later.',
};

/** All words: those that were given, and the others in English. */
export function allWords(given: SomeInspectorWords): InspectorWords {
  return {
    ...english,
    ...given,
    states: { ...english.states, ...given.states },
    reasons: { ...english.reasons, ...given.reasons },
    deaths: { ...english.deaths, ...given.deaths },
  };
}

const unreadable = 'This version of the app cannot read it. It is kept for a version that can.';

function failed(error: { readonly message: string } | undefined): string {
  return error === undefined ? '' : `The last try failed${because(error.message)} `;
}

function next(until: number | undefined, when: When): string {
  return until === undefined ? 'Something else is tried first.' : `Next try ${when(until)}.`;
}

/** Ends a sentence with its reason. */
function because(message: string | undefined, status?: number): string {
  const code = status ? ` (${status})` : '';
  const said = message?.trim() ?? '';

  return said === '' ? `${code}.` : `${code}: ${said}${/[.!?…]$/.test(said) ? '' : '.'}`;
}

/** Names two, and counts the others. */
function list([first = '', second, ...others]: readonly string[]): string {
  if (second === undefined) return first;

  return others.length === 0 ? `${first} and ${second}` : `${first} and ${others.length + 1} others`;
}
