/**
 * The list of what is not sent yet: why, the last error, when it is tried again; cancel and "try now".
 */
import type { Announce } from './announcer.ts';
import type { Basket, Snapshot, UnsentTask } from './basket.ts';
import { byId, createRows, element, say } from './dom.ts';
import type { Reports } from './reports.ts';
import { attemptsOf, errorOf, stateOf, titleOf } from './words.ts';

/** @returns A function that shows what the snapshot holds. */
export function showUnsent(basket: Basket, reports: Reports, announce: Announce): (snapshot: Snapshot) => void {
  const heading = byId('unsent-heading', HTMLHeadingElement);
  const note = byId('unsent-note', HTMLParagraphElement);
  const list = byId('unsent', HTMLOListElement);
  const showRows = createRows<Line>(list, ({ task }) => task.id, createRow);

  function createRow({ task }: Line) {
    const { id, lane } = task;
    const title = element('h3', { testId: 'unsent-title' });
    const state = element('p', { testId: 'unsent-state' });
    const error = element('p', { testId: 'unsent-error', className: 'quiet' });
    const attempts = element('p', { testId: 'unsent-attempts', className: 'quiet' });
    const retry = element('button', { type: 'button', textContent: 'Try now', testId: 'retry' });
    const cancel = element('button', { type: 'button', textContent: 'Cancel', testId: 'cancel' });
    retry.addEventListener('click', () => void tryNow(id, title.textContent));
    cancel.addEventListener('click', () => void cancelSave(id, lane, title.textContent));

    const buttons = element('div', { className: 'buttons' }, retry, cancel);
    const row = element('li', { testId: 'unsent-item' }, title, state, error, attempts, buttons);
    row.dataset['taskId'] = id;

    const show = (line: Line): void => {
      const told = stateOf(line.task, line.isBehind);
      row.dataset['state'] = told.state;
      say(title, titleOf(line.task));
      say(state, told.text);
      state.classList.toggle('bad', told.state === 'dead');
      const last = errorOf(line.task);
      say(error, last === undefined ? undefined : `Last error: ${last}`);
      say(attempts, attemptsOf(line.task));
      retry.ariaLabel = `Try now: ${titleOf(line.task)}`;
      cancel.ariaLabel = `Cancel: ${titleOf(line.task)}`;
    };
    return { row, show };
  }

  async function tryNow(id: string, title: string): Promise<void> {
    const there = await basket.retry(id);
    announce(there ? `Trying now: ${title}.` : `No longer there: ${title}.`);
  }

  /** The lane of a save is its report's id. */
  async function cancelSave(id: string, report: string | undefined, title: string): Promise<void> {
    // First the mark: whoever sees that the task is gone knows then that it was not sent.
    if (report !== undefined) await reports.markCancelled(report, id);
    const there = await basket.cancel(id);
    if (!there && report !== undefined) await reports.markCancelled(report, undefined);
    announce(there ? `Cancelled: ${title}. This save is not sent.` : `No longer there: ${title}.`);
    heading.focus();
  }

  return (snapshot) => {
    showRows(linesOf(snapshot.tasks));
    say(note, noteFor(snapshot));
  };
}

interface Line {
  readonly task: UnsentTask;
  readonly isBehind: boolean;
}

/** The tasks in their order, each with the word whether an earlier one of its lane is before it. */
function linesOf(tasks: readonly UnsentTask[]): Line[] {
  const lanes = new Set<string>();
  return tasks.map((task) => {
    const isBehind = task.lane !== undefined && lanes.has(task.lane);
    if (task.lane !== undefined) lanes.add(task.lane);
    return { task, isBehind };
  });
}

function noteFor({ tasks, more }: Snapshot): string {
  if (tasks.length === 0) return 'Everything is sent.';
  const saves = tasks.length === 1 ? '1 save' : `${tasks.length} saves`;
  return more ? `The first ${saves} of more.` : `${saves}.`;
}
