import type { EventOf } from '../index.js';
import type { InspectedTask } from './settings.js';
import type { InspectorWords } from './words.js';

/** How long news is collected before it is told in one announcement, in milliseconds. */
const together = 1_000;
/** The least time between two announcements, in milliseconds, so that a screen reader can read out the first. */
const untouched = 5_000;

/** Tells people who do not see the list what has happened. */
export interface News {
  /** Is called with each list, because only tasks that are or were on the list are told. */
  readonly look: (tasks: readonly InspectedTask[]) => void;
  readonly heard: (event: EventOf<'settled'>) => void;
  /** Forgets the list and what is not told yet, because the next list may belong to somebody else. */
  readonly forget: () => void;
}

/** Announces how tasks of the list ended, and that a destination is away. */
export function createNews(
  words: () => InspectorWords,
  label: (task: InspectedTask) => string,
  announce: (text: string) => void,
): News {
  let before: readonly InspectedTask[] = [];
  let listed: readonly InspectedTask[] = [];
  /** The ids of the tasks that were refused before a list has shown them, and are not told yet. */
  let unlisted = new Set<string>();
  let ended = new Map<string, { readonly state: EventOf<'settled'>['state']; readonly task: InspectedTask }>();
  let away = false;
  let isToldAway = false;
  let toldAt = Number.NEGATIVE_INFINITY;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function tellSoon(): void {
    timer ??= setTimeout(tell, Math.max(together, toldAt + untouched - performance.now()));
  }

  function tell(): void {
    const said = words();
    const all = [...ended.values()];
    ended = new Map();
    timer = undefined;
    const told = (state: string, sentence: (labels: readonly string[]) => string): string => {
      const labels = new Set(all.filter((one) => one.state === state).map(({ task }) => label(task)));

      return labels.size === 0 ? '' : sentence([...labels]);
    };
    const sentences = [told('done', said.sent), told('cancelled', said.discarded), told('dead', said.refused)];
    if (away && !isToldAway) sentences.push(said.away);
    isToldAway = away;
    const text = sentences.filter((sentence) => sentence !== '').join(' ');
    if (text === '') return;
    toldAt = performance.now();
    announce(text);
  }

  function heard({ id, state }: Pick<EventOf<'settled'>, 'id' | 'state'>): void {
    const task = [...listed, ...before].find((one) => one.id === id);
    if (task === undefined && state === 'dead') unlisted.add(id);
    if (task === undefined) return;
    unlisted.delete(id);
    ended.set(id, { state, task });
    tellSoon();
  }

  return {
    look(tasks) {
      before = listed;
      listed = tasks;
      // A list that was read before the refusal may still show the task as queued.
      for (const { id, state } of tasks) if (unlisted.has(id) && state === 'dead') heard({ id, state });
      away = tasks.some(({ reasons }) => reasons.some(({ reason }) => reason === 'gate'));
      if (away !== isToldAway) tellSoon();
    },

    heard,

    forget() {
      clearTimeout(timer);
      timer = undefined;
      before = listed = [];
      unlisted = new Set();
      ended = new Map();
      away = isToldAway = false;
    },
  };
}
