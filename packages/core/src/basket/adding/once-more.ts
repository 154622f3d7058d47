import { messageOf, TaskbasketError } from '../../pure/errors.js';
import type { Stores } from '../../store/requests.js';
import { outcomeOfId, rowOfId } from '../../store/rows.js';
import type { TransactContext } from '../../store/transact.js';
import { read } from '../../store/transact.js';
import type { EncodedTask } from './prepare.js';
import { isRefusal, notStored } from './refusal.js';

/**
 * Goes on after a transaction that failed, and yet may have committed. Reads whether the tasks are there, and tries
 * once more if none is. One task that is found proves that all were stored. The outcome of a task counts too, because
 * the task may have ended, and a cancelled task must not come back.
 *
 * @throws TaskbasketError `quota`, `not-stored`: no task was stored. `unknown-outcome`: the tasks could not be read.
 */
export async function onceMore(
  context: TransactContext,
  tasks: readonly [EncodedTask, ...EncodedTask[]],
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
  tasks: readonly [EncodedTask, ...EncodedTask[]],
  cause: unknown,
): Promise<boolean> {
  const [{ id, row }] = tasks;
  try {
    // The transaction may still commit, so a second try might store the task twice.
    if (cause instanceof TaskbasketError) throw cause;

    return await read(context, (stores) => anyOf(stores, tasks), ['tasks', 'outcomes']);
  } catch {
    throw new TaskbasketError(
      'unknown-outcome',
      `Whether the task "${row.type}" was stored is not known: ${messageOf(cause)} Look for it with get, later.`,
      cause,
      id,
    );
  }
}

async function anyOf(stores: Pick<Stores, 'tasks' | 'outcomes'>, tasks: readonly EncodedTask[]): Promise<boolean> {
  for (const { id } of tasks) {
    const found = await Promise.all([rowOfId(stores, id), outcomeOfId(stores, id)]);
    if (found.some((one) => one !== undefined)) return true;
  }

  return false;
}
