import type { OfOwner, Query, Reason, Snapshot } from '../index.js';
import { defined } from '../pure/parts.js';
import type { Scope } from '../pure/query.js';
import { button, element, say, show } from './dom.js';
import { allWords, english } from './english.js';
import { createNews } from './news.js';
import { askApp, createRow } from './row.js';
import { createRows } from './rows.js';
import type { InspectedBasket, InspectedTask, InspectorSettings } from './settings.js';
import { createWhen, languageFor } from './times.js';

/** Follows a basket while the element is in a document. */
export interface Panel {
  /** Begins to follow the basket, or goes on with the settings as they are now. */
  readonly start: () => void;
  /** Stops following the basket. The list stays as it is. */
  readonly stop: () => void;
}

const nothing: Snapshot<never> = { loaded: false, tasks: [], more: false };

/** Fills the shadow tree of the element. */
export function createPanel(host: HTMLElement, sheet: CSSStyleSheet, settings: Readonly<InspectorSettings>): Panel {
  let words = english;
  let when = createWhen(english.lang);
  let watched: ReturnType<InspectedBasket['watch']> | undefined;
  let value: Snapshot<InspectedTask> = nothing;
  let ends: readonly (() => void)[] = [];
  /** Counts the readings of the pauses. Only the result of the latest one is shown. */
  let asked = 0;
  /** How often what was said was taken back, because somebody else may be signed in. */
  let forgotten = 0;

  const heading = element('h2', 'heading');
  heading.tabIndex = -1;
  const pause = button('pause', () => void togglePause());
  const note = element('p', 'note');
  const problem = element('p', 'problem');
  problem.setAttribute('role', 'alert');
  const list = element('ul', 'list');
  list.setAttribute('role', 'list');
  const status = element('p', 'status');
  status.setAttribute('role', 'status');
  const box = element('div', 'box', element('div', 'head', heading, pause), note, problem, list, status);
  const shadow = host.attachShadow({ mode: 'open' });
  shadow.adoptedStyleSheets = [sheet];
  shadow.append(box);

  const label = (task: InspectedTask): string => askApp(settings.label, task, '') || task.type;
  const news = createNews(
    () => words,
    label,
    (text) => {
      // A screen reader does not read out a text that has not changed.
      if (tell('announce', text)) status.textContent = status.textContent === text ? `${text}\u00a0` : text;
    },
  );
  const rows = createRows(list, heading, (task) =>
    createRow(task, {
      words: () => words,
      when: (at) => when(at),
      label,
      canCorrect: (one) => askApp(settings.canCorrect, one, false),
      canDiscard: (one) => askApp(settings.canDiscard, one, true),
      async act(name, action) {
        const { basket } = settings;
        if (!tell(name, action) || basket === undefined || name === 'correct') return;
        const changed = await basket[name === 'discard' ? 'cancel' : name](action.task.id);
        if (changed === 0) throw new Error('It has ended, or its owner is not signed in here.');
      },
    }),
  );

  /** Dispatches an event. Returns false if the app has called `preventDefault()`. */
  function tell(name: string, detail: unknown): boolean {
    return host.dispatchEvent(new CustomEvent(name, { detail, bubbles: true, composed: true, cancelable: true }));
  }

  function start(): void {
    words = allWords(settings.words);
    when = createWhen(languageFor(host, words.lang));
    box.lang = words.lang;
    say(heading, words.heading);
    say(pause, words.pause);

    const { basket, query } = settings;
    // `watch` returns the same object for equal queries.
    const next = basket?.watch(query as Query<never>, { reasons: true });
    if (next !== watched) {
      stop();
      showAll(nothing);
    }
    watched = next;
    rows.renew();
    showAll(value);
    if (basket === undefined || next === undefined || ends.length > 0) return;
    const timer = setInterval(tick, 1_000);
    document.addEventListener('visibilitychange', look);
    ends = [
      () => clearInterval(timer),
      () => document.removeEventListener('visibilitychange', look),
      basket.on('settled', news.heard, whoseOf(query)),
      next.subscribe(showAll),
    ];
    look();
  }

  function stop(): void {
    for (const end of ends) end();
    ends = [];
    forget();
  }

  /** Somebody else may be signed in when the list is read again. */
  function forget(): void {
    forgotten += 1;
    news.forget();
    status.textContent = '';
    say(problem, '');
  }

  function tick(): void {
    if (!document.hidden) rows.tick();
  }

  function look(): void {
    tick();
    void lookForPause();
  }

  function showAll(next: Snapshot<InspectedTask>): void {
    const { loaded, tasks, more } = next;
    const changed = loaded !== value.loaded || filtersOf(next) !== filtersOf(value);
    value = next;
    if (!loaded) forget();
    news.look(tasks);
    const dead = tasks.filter(({ state }) => state === 'dead').length;
    say(note, loaded ? askApp(words.note, { tasks: tasks.length, dead, more }, '') : words.loading);
    // A pause has neither `id` nor `parent`: it would hold tasks that are not on the list.
    show(pause, loaded && (settings.query.id ?? settings.query.parent) === undefined, heading);
    rows.show(tasks);
    if (changed) void lookForPause();
  }

  async function togglePause(): Promise<void> {
    const { basket, query } = settings;
    const of = watched;
    const before = forgotten;
    const isPaused = pause.getAttribute('aria-pressed') === 'true';
    say(problem, '');
    try {
      await (isPaused ? basket?.resume(scopeOf(query)) : basket?.pause(scopeOf(query)));
      if (of === watched) showPause(!isPaused);
    } catch (error) {
      if (before === forgotten) say(problem, words.failed(error));
    }
  }

  async function lookForPause(): Promise<void> {
    const { basket, query } = settings;
    asked += 1;
    const mine = asked;
    try {
      const { pauses, noOwner } = (await basket?.health(whoseOf(query))) ?? { pauses: [] };
      // Without a session, the pause of everybody's tasks is the pause of all tasks.
      const own = nameOf(noOwner === undefined ? { ...query, everyOwner: false } : query);
      if (mine === asked) showPause(pauses.some((one) => typeof one !== 'string' && nameOf(one) === own));
    } catch {
      // The database cannot be read now. The next change of the list asks again.
    }
  }

  function showPause(isPaused: boolean): void {
    asked += 1;
    pause.setAttribute('aria-pressed', String(isPaused));
  }

  return { start, stop };
}

/** The filters of the pauses that hold tasks of the list, as one text. The pause of a task by its id is not in it. */
function filtersOf({ tasks }: Snapshot<InspectedTask>): string {
  const all = tasks.flatMap(({ reasons }) => reasons);
  const isScope = (one: Reason) => one.reason === 'paused' && typeof one.filter !== 'string';

  return [...new Set(all.filter(isScope).map((one) => JSON.stringify(one)))].join();
}

/** Whose tasks a query asks for. */
function whoseOf({ owner, everyOwner }: Query): OfOwner {
  return defined({ owner, everyOwner });
}

/** The tasks of a query, whatever their state. */
function scopeOf({ type, lane, gate, owner, everyOwner }: Query): Scope<never> {
  return defined({ type, lane, gate, owner, everyOwner }) as Scope<never>;
}

/**
 * The same text for equal scopes. The owner is not in it: `health` is asked for the owners of the query alone, and leaves
 * the owner who is signed in out of a pause.
 */
function nameOf({ type, lane, gate, everyOwner = false }: Scope): string {
  return JSON.stringify([[...new Set([type ?? []].flat())].sort(), lane, gate, everyOwner]);
}
