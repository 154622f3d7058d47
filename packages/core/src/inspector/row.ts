import { callSafely } from '../pure/errors.js';
import { partOf } from '../pure/parts.js';
import { button, element, name, say, show } from './dom.js';
import type { InspectedTask, InspectorAction, InspectorEvents } from './settings.js';
import type { Told } from './telling.js';
import { tell } from './telling.js';
import type { InspectorWords, When } from './words.js';

/** What the rows share. */
export interface RowContext {
  readonly words: () => InspectorWords;
  readonly when: When;
  readonly label: (task: InspectedTask) => string;
  readonly canCorrect: (task: InspectedTask) => boolean;
  readonly canDiscard: (task: InspectedTask) => boolean;
  /** Dispatches an event. Then does what the event says, unless the app has called `preventDefault()`. */
  readonly act: (name: RowEvent, action: InspectorAction) => Promise<unknown>;
}

type RowEvent = Exclude<keyof InspectorEvents, 'announce'>;

/** A task on the list. */
export interface Row {
  readonly item: HTMLElement;
  /** Gets the focus when the button that has it is hidden. */
  readonly title: HTMLElement;
  readonly show: (task: InspectedTask) => void;
  /** Updates the times in the texts. */
  readonly tick: () => void;
  /** Removes the app's form. */
  readonly gone: () => void;
}

/** Makes the row of a task. */
export function createRow(first: InspectedTask, context: RowContext): Row {
  const { words, when, label, act } = context;
  let task = first;
  let told: Told;
  /** Whether the app's form had the focus when the focus last moved. */
  let inForm = false;

  const title = element('h3', 'title');
  title.tabIndex = -1;
  const state = element('span', 'state');
  const why = element('p', 'why');
  const progress = element('progress', 'progress');
  const facts = element('p', 'facts');
  const problem = element('p', 'problem');
  problem.setAttribute('role', 'alert');
  const correct = button('correct', () => doIt('correct'));
  const retry = button('retry', () => doIt('retry'));
  const pause = button('pause-one', () => doIt(told.isPaused ? 'resume' : 'pause'));
  const discard = button('discard', () => ask(true));
  const actions = element('div', 'actions', correct, retry, pause, discard);
  const question = element('p', 'question');
  const yes = button('confirm', ({ detail }) => {
    // The second click of a double click on "Discard" can fall on this button. It confirms nothing.
    if (detail > 1) return;
    ask(false);
    title.focus({ preventScroll: true });
    doIt('discard');
  });
  const keep = button('keep', () => ask(false));
  const confirm = element('div', 'confirmation', question, yes, keep);
  confirm.setAttribute('role', 'group');
  confirm.hidden = true;
  confirm.addEventListener('keydown', (event) => {
    if (event.key !== 'Escape') return;
    // A dialog in which the list stands stays open.
    event.preventDefault();
    ask(false);
  });
  const form = element('slot', 'form');
  form.name = `correct-${first.id}`;
  form.addEventListener('focusin', () => (inForm = true));
  form.addEventListener('focusout', ({ relatedTarget }) => (inForm = relatedTarget === null));
  form.addEventListener('slotchange', () => {
    offer();
    // If the removed form had the focus, no element has it now.
    const lost = inForm && document.activeElement === document.body && form.assignedElements().length === 0;
    if (!lost) return;
    inForm = false;
    (correct.hidden ? title : correct).focus({ preventScroll: true });
  });
  const item = element('li', 'item', element('div', 'top', title, state), why, progress, facts);
  item.append(problem, actions, confirm, form);

  function ask(open: boolean): void {
    confirm.hidden = !open;
    actions.hidden = open;
    (open ? keep : discard).focus({ preventScroll: true });
  }

  function doIt(what: RowEvent): void {
    say(problem, '');
    act(what, { task, slot: form.name }).catch((error: unknown) => say(problem, words().failed(error)));
  }

  /** Shows the buttons that have an effect now. */
  function offer(): void {
    const isOpen = form.assignedElements().length > 0;
    const canCorrect = told.state === 'dead' && task.payload !== undefined && context.canCorrect(task);
    if (!canCorrect && isOpen) gone();
    show(correct, canCorrect && !isOpen, title);
    show(retry, told.canRetry, title);
    show(pause, told.canPause, title);
    const canDiscard = context.canDiscard(task);
    show(discard, canDiscard, title);
    if (canDiscard) return;
    show(confirm, false, title);
    actions.hidden = false;
  }

  function showTask(next: InspectedTask): void {
    task = next;
    told = tell(task);
    const said = words();
    const of = label(task);
    item.setAttribute('part', `item item-${told.state}`);
    state.setAttribute('part', `state state-${told.state}`);
    say(title, of);
    say(state, said.states[told.state]);
    say(question, said.sure);
    confirm.setAttribute('aria-label', said.sure);
    name(correct, said.correct, of);
    name(retry, said.retry, of);
    name(pause, said.pauseOne, of);
    pause.setAttribute('aria-pressed', String(told.isPaused));
    name(discard, said.discard, of);
    name(yes, said.discard, of);
    name(keep, said.keep, of);
    name(progress, said.progress, of);
    const done = task.running ? doneOf(task.progress) : undefined;
    progress.hidden = done === undefined;
    progress.value = done ?? 0;
    offer();
    tick();
  }

  function tick(): void {
    const said = words();
    say(why, told.why(said, when));
    say(facts, said.facts(task, when));
  }

  function gone(): void {
    for (const one of form.assignedElements()) one.remove();
  }

  return { item, title, show: showTask, tick, gone };
}

/** How much is done, from 0 to 1. The handler has told it as such a number, or as `{ loaded, total }`. */
function doneOf(progress: unknown): number | undefined {
  const part =
    typeof progress === 'number' ? progress : Number(partOf(progress, 'loaded')) / Number(partOf(progress, 'total'));

  return part >= 0 && part <= 1 ? part : undefined;
}

/** Calls a function of the app. If the function throws, the error is reported as uncaught. */
export function askApp<Given, Answer>(ofApp: (given: Given) => Answer, given: Given, otherwise: Answer): Answer {
  let answer = otherwise;
  callSafely((one) => (answer = ofApp(one)), given);

  return answer;
}
