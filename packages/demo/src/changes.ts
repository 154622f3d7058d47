/**
 * What happened between two looks at the list, for those who can't see it?
 */
import type { Snapshot, UnsentTask } from './basket.ts';
import { titleOf } from './words.ts';

/**
 * Sentences to be read out, the most important last.
 *
 * @param cancelled Tasks that a person cancelled: they are gone, but were not sent.
 */
export function changesBetween(before: Snapshot, after: Snapshot, cancelled: ReadonlySet<string>): string[] {
  if (!before.loaded || before.more || after.more) return [];
  const then = byId(before.tasks);
  const now = byId(after.tasks);

  const gone = before.tasks.filter((task) => !now.has(task.id));
  const sent = gone.filter((task) => !cancelled.has(task.id)).map((task) => `Sent: ${titleOf(task)}.`);
  const away = after.tasks.some(isGateClosed) && !before.tasks.some(isGateClosed) ? ['The server is away.'] : [];
  const refused = after.tasks
    .filter((task) => task.state === 'dead' && then.has(task.id) && then.get(task.id)?.state !== 'dead')
    .map((task) => `Refused: ${titleOf(task)}.`);
  return [...sent, ...away, ...refused];
}

function byId(tasks: readonly UnsentTask[]): Map<string, UnsentTask> {
  return new Map(tasks.map((task) => [task.id, task]));
}

function isGateClosed(task: UnsentTask): boolean {
  return task.gate.closedUntil !== undefined;
}
