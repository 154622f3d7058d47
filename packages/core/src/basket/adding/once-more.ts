import { messageOf, TaskbasketError } from '../../pure/errors.js';
import type { Stores } from '../../store/requests.js';
import { outcomeOfId, rowOfId } from '../../store/rows.js';
import type { TransactContext } from '../../store/transact.js';
import { read } from '../../store/transact.js';
import type { Prepared } from './prepare.js';
import { isRefusal, notStored } from './refusal.js';

/**
 * Goes on after a transaction that may have committed or not. It looks for the tasks by their ids, and tries once more if
 * none is there. One task that is found proves that all were stored. A task may have ended since, so its outcome counts
 * too: what was cancelled does not come back.
 *
 * @throws TaskbasketError `quota`, `not-stored`: there is no such task. `unknown-outcome`: it could not be looked for.
 */
export async function onceMore(
  context: TransactContext,
  tasks: readonly [Prepared, ...Prepared[]],
  error: unknown,
  again: () => Promise<void>,
): Promise<void> {
  if (!isRefusal(error) && (await isThere(context, tasks, error))) return;

  try {
    await again();
  } catch (second) {
    if (isRefusal(second) || !(await isThere(context, tasks, second))) throw notStored(tasks[0].row, second);
  }
}

async function isThere(
  context: TransactContext,
  tasks: readonly [Prepared, ...Prepared[]],
  cause: unknown,
): Promise<boolean> {
  const [{ id, row }] = tasks;
  try {
    // It may still commit: tried again, it might be stored twice.
    if (cause instanceof TaskbasketError) throw cause;

    return await read(context, (stores) => anyOf(stores, tasks), ['tasks', 'outcomes']);
  } catch {
    throw new TaskbasketError(
      'unknown-outcome',
      `Whether the task "${row.type}" was stored is not known: ${messageOf(cause)} Look for its id with get, later.`,
      cause,
      id,
    );
  }
}

async function anyOf(stores: Pick<Stores, 'tasks' | 'outcomes'>, tasks: readonly Prepared[]): Promise<boolean> {
  for (const { id } of tasks) {
    const found = await Promise.all([rowOfId(stores, id), outcomeOfId(stores, id)]);
    if (found.some((one) => one !== undefined)) return true;
  }

  return false;
}
