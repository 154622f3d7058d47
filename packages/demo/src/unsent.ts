/**
 * The list of what is not sent yet: the library's element, with the words of this app, and with what this app does when a
 * person corrects or discards a save.
 */
import { type InspectedTask, type TaskbasketInspector, defineInspector } from 'taskbasket/inspector';

import type { Announce } from './announcer.js';
import type { Basket, ExplainedTask, Snapshot, Unsent } from './basket.js';
import { createCorrection } from './correction.js';
import { byId, say } from './dom.js';
import type { Reports } from './reports.js';
import { reportOf, titleOf, wordsOfList } from './words.js';

/**
 * @param unsent The same tasks as on the list.
 * @param signInAgain For saves that wait because the server does not take the token.
 * @returns A function that shows on the list what is wrong with the worker.
 */
export function showUnsent(
  basket: Basket,
  unsent: Unsent,
  shown: number,
  reports: Reports,
  announce: Announce,
  signInAgain: () => Promise<void>,
): (problem: string) => void {
  defineInspector();
  const inspector = document.querySelector('taskbasket-inspector') as TaskbasketInspector;
  const count = byId('unsent-count', HTMLAnchorElement);
  inspector.label = (task) => titleOf(typed(task));
  inspector.canCorrect = () => true;
  inspector.words = wordsOfList();
  inspector.query = { limit: shown };
  inspector.basket = basket;
  unsent.subscribe(showCount);

  inspector.addEventListener('announce', (event) => {
    event.preventDefault();
    announce(event.detail);
  });

  inspector.addEventListener('retry', (event) => {
    const { task } = event.detail;
    announce(`Trying now: ${titleOf(typed(task))}.`);
    if (!task.reasons.some(({ reason }) => reason === 'signed-out')) return;
    event.preventDefault();
    void signInAgain().then(() => basket.retry(task.id));
  });

  inspector.addEventListener('correct', ({ detail: { task, slot } }) => {
    const isLatest = (): boolean => isLatestSave(task, unsent.get());
    const close = (): void => correction.form.remove();
    const correction = createCorrection(typed(task), { basket, reports, announce, isLatest, close });
    correction.form.slot = slot;
    inspector.append(correction.form);
    correction.focus();
  });

  inspector.addEventListener('discard', (event) => {
    event.preventDefault();
    const task = typed(event.detail.task);
    discard(task).catch((error: unknown) => {
      announce(`Not discarded: ${titleOf(task)}. ${error instanceof Error ? error.message : String(error)}`);
    });
  });

  async function discard(task: ExplainedTask): Promise<void> {
    const report = reportOf(task);
    const isPhoto = task.type === 'uploadPhoto';
    const isLatest = isLatestSave(task, unsent.get());
    // The photo of a save goes with it.
    const takesPhoto = isPhoto || (await basket.count({ parent: task.id })).count > 0;
    async function mark(by: string | undefined): Promise<void> {
      if (report === undefined) return;
      if (!isPhoto && isLatest) await reports.markCancelled(report, 'save', by);
      if (takesPhoto) await reports.markCancelled(report, 'photo', by);
    }

    // First the mark: whoever sees that the task is gone knows then that it was not sent.
    await mark(task.id);
    if (await basket.cancel(task.id, { children: true })) return;
    await mark(undefined);
    announce(`No longer there: ${titleOf(task)}.`);
  }

  function showCount({ tasks: { length }, more }: Snapshot): void {
    say(count, length === 0 ? undefined : `${more ? `${length}+` : length} not sent`);
  }

  return (problem) => (inspector.words = wordsOfList(problem));
}

/** The tasks on the list are those of this app's registry. */
function typed(task: InspectedTask): ExplainedTask {
  return task as ExplainedTask;
}

/** Whether no later save of the same report waits. */
function isLatestSave({ id, lane }: Pick<InspectedTask, 'id' | 'lane'>, { tasks }: Snapshot): boolean {
  return tasks.findLast((task) => task.type === 'saveReport' && task.lane === lane)?.id === id;
}
