import type { NewTask, TaskRow } from '../../src/pure/record.js';
import { newRow } from '../../src/pure/record.js';

/** A task as an add would describe it. */
export function newTask(more: Partial<NewTask> = {}): NewTask {
  return {
    id: 'task-1',
    type: 'saveNote',
    version: 2,
    owner: null,
    gate: 'api',
    priority: 1,
    addedAt: 1_000,
    payload: { inline: { text: 'hello' } },
    ...more,
  };
}

/** A stored row, with a field of a later version in it. */
export function storedRow(
  more: Partial<TaskRow> = {},
  task: Partial<NewTask> = {},
): TaskRow & { readonly later: string } {
  return { ...newRow(newTask(task)), seq: 7, later: 'kept', ...more };
}
