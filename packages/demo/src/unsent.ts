/**
 * The list of what is not sent yet: why, and what can be done about it.
 */
import type { Announce } from './announcer.js';
import type { Basket, ExplainedTask, Snapshot, Unsent } from './basket.js';
import { type Correction, createCorrection } from './correction.js';
import { byId, createRows, element, say, show } from './dom.js';
import type { Reports } from './reports.js';
import { createThumbnail } from './thumbnail.js';
import { type Told, attemptsOf, errorOf, reportOf, tell, titleOf, uploadedOf } from './words.js';

/**
 * @param signInAgain For saves that wait because the server does not take the token.
 * @param problem What is wrong with the worker, if anything.
 * @returns A function that shows the tasks of a snapshot.
 */
export function showUnsent(
  basket: Basket,
  reports: Reports,
  announce: Announce,
  signInAgain: () => Promise<void>,
  problem: () => string | undefined,
): (snapshot: ReturnType<Unsent['get']>) => void {
  const heading = byId('unsent-heading', HTMLHeadingElement);
  const note = byId('unsent-note', HTMLParagraphElement);
  const count = byId('unsent-count', HTMLAnchorElement);
  const list = byId('unsent', HTMLOListElement);
  const showRows = createRows<Line>(list, heading, ({ task }) => task.id, createRow);
  /** What says how long it is to the next try. */
  const clocks = new Set<() => void>();
  setInterval(() => {
    if (!document.hidden) for (const tick of clocks) tick();
  }, 1_000);

  function createRow(first: Line) {
    let line = first;
    let said: Told | undefined;
    let correction: Correction | undefined;
    const { id } = first.task;

    const title = element('h3', { testId: 'unsent-title', tabIndex: -1 });
    const label = element('p', { testId: 'unsent-label', className: 'label' });
    const state = element('p', { testId: 'unsent-state', className: 'why' });
    const bar = element('progress', { testId: 'unsent-progress', ariaLabel: 'Sent', hidden: true });
    const error = element('p', { testId: 'unsent-error', className: 'quiet' });
    const attempts = element('p', { testId: 'unsent-attempts', className: 'quiet' });
    const thumbnail = createThumbnail('unsent-photo');
    const retry = button('Try now', 'retry', () => void tryNow());
    const correct = button('Correct', 'correct', openCorrection);
    const discard = button('Discard', 'cancel', discardIt);
    correct.classList.add('main');

    const row = element(
      'li',
      { testId: 'unsent-item' },
      thumbnail.image,
      element('div', { className: 'head' }, title, label),
      state,
      bar,
      element(
        'div',
        { className: 'foot' },
        element('div', { className: 'facts' }, attempts, error),
        element('div', { className: 'buttons' }, correct, retry, discard),
      ),
    );
    row.dataset['taskId'] = id;

    function button(words: string, testId: string, act: () => void): HTMLButtonElement {
      const made = element('button', { type: 'button', testId }, words, element('span', { className: 'for-readers' }));
      made.addEventListener('click', act);
      return made;
    }

    function showLine(next: Line): void {
      line = next;
      const { task } = line;
      said = tell(task, problem());
      row.dataset['state'] = said.state;
      say(title, titleOf(task));
      say(label, said.label);
      say(error, said.state === 'dead' ? undefined : errorOf(task));
      say(attempts, attemptsOf(task));
      const uploaded = uploadedOf(task);
      bar.hidden = uploaded === undefined;
      bar.value = uploaded ?? 0;
      if (task.type === 'uploadPhoto') thumbnail.show(task.payload?.blob);
      for (const made of [retry, correct, discard]) say(made.querySelector('span') ?? made, ` ${titleOf(task)}`);

      const refused = said.state === 'dead' && task.payload !== undefined;
      if (!refused) closeCorrection();
      show(correct, refused && correction === undefined, title);
      show(retry, !['sending', 'behind', 'paused'].includes(said.state), title);
      tick();
    }

    function tick(): void {
      if (said) say(state, said.text(Date.now()));
    }

    function openCorrection(): void {
      const close = (): void => {
        const hadFocus = correction?.form.contains(document.activeElement) ?? false;
        closeCorrection();
        show(correct, line.task.state === 'dead', title);
        if (hadFocus) (correct.hidden ? title : correct).focus();
      };
      correction = createCorrection(line.task, { basket, reports, announce, isLatest: () => line.isLatest, close });
      row.append(correction.form);
      show(correct, false, title);
      correction.focus();
    }

    function closeCorrection(): void {
      if (correction?.form.contains(document.activeElement)) title.focus();
      correction?.form.remove();
      correction = undefined;
    }

    async function tryNow(): Promise<void> {
      if (said?.state === 'signed-out') await signInAgain();
      const found = await basket.retry(id);
      announce(`${found ? 'Trying now' : 'No longer there'}: ${titleOf(line.task)}.`);
    }

    async function discardTask(): Promise<void> {
      const { task, isLatest } = line;
      const report = reportOf(task);
      const isPhoto = task.type === 'uploadPhoto';
      // The photo of a save goes with it.
      const takesPhoto = isPhoto || (await basket.count({ parent: id })).count > 0;
      async function mark(by: string | undefined): Promise<void> {
        if (report === undefined) return;
        if (!isPhoto && isLatest) await reports.markCancelled(report, 'save', by);
        if (takesPhoto) await reports.markCancelled(report, 'photo', by);
      }

      // First the mark: whoever sees that the task is gone knows then that it was not sent.
      await mark(id);
      const found = await basket.cancel(id, { children: true });
      if (!found) await mark(undefined);
      announce(found ? `Discarded: ${titleOf(task)}. It is not sent.` : `No longer there: ${titleOf(task)}.`);
      heading.focus();
    }

    function discardIt(): void {
      void discardTask();
    }

    clocks.add(tick);
    return {
      row,
      show: showLine,
      gone() {
        clocks.delete(tick);
        thumbnail.show(undefined);
      },
    };
  }

  return (snapshot) => {
    showRows(linesOf(snapshot.tasks));
    say(note, snapshot.loaded ? noteFor(snapshot) : 'Looking…');
    const { length } = snapshot.tasks;
    say(count, length === 0 ? undefined : `${snapshot.more ? `${length}+` : length} not sent`);
    list.hidden = length === 0;
  };
}

interface Line {
  readonly task: ExplainedTask;
  /** No later save of the same report waits. */
  readonly isLatest: boolean;
}

function linesOf(list: readonly ExplainedTask[]): Line[] {
  const latest = new Map(list.filter(({ type }) => type === 'saveReport').map(({ lane, id }) => [lane, id]));
  return list.map((task) => ({ task, isLatest: latest.get(task.lane) === task.id }));
}

function noteFor({ tasks, more }: Snapshot): string {
  if (tasks.length === 0) return 'Everything is sent.';
  const waiting = `${more ? 'More than ' : ''}${tasks.length} ${tasks.length === 1 ? 'waits' : 'wait'}`;
  const refused = tasks.filter(({ state }) => state === 'dead').length;
  if (refused === 0) return `${waiting} to be sent.`;
  return `${waiting}; the server refused ${refused === tasks.length && !more ? (refused === 1 ? 'it' : 'them') : refused}.`;
}
