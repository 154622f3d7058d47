import { messageOf, TaskbasketError } from '../pure/errors.js';
import { rowOfId } from '../store/rows.js';
import type { TransactContext } from '../store/transact.js';
import { look } from '../store/transact.js';
import type { Prepared } from './place.js';
import { isRefusal, notStored } from './refusal.js';

/**
 * After a transaction of which it is not known whether it committed: looks for the task by its id, and tries once more
 * if it is not there.
 *
 * @throws TaskbasketError `quota`, `not-stored`: there is no such task. `unknown-outcome`: it could not be looked for.
 */
export async function onceMore(
  context: TransactContext,
  task: Prepared,
  error: unknown,
  again: () => Promise<void>,
): Promise<void> {
  if (!isRefusal(error) && (await isThere(context, task, error))) return;

  try {
    await again();
  } catch (second) {
    if (isRefusal(second) || !(await isThere(context, task, second))) throw notStored(task.row, second);
  }
}

async function isThere(context: TransactContext, { id, row }: Prepared, cause: unknown): Promise<boolean> {
  try {
    return (await look(context, (stores) => rowOfId(stores, id), ['tasks'])) !== undefined;
  } catch {
    throw new TaskbasketError(
      'unknown-outcome',
      `Whether the task "${row.type}" was stored is not known: ${messageOf(cause)} Look for its id with get, later.`,
      cause,
      id,
    );
  }
}
