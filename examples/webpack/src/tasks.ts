// tasks.ts
import { defineTasks, task } from 'taskbasket';

export type Note = { id: string; text: string };
export const tasks = defineTasks('field-notes', { saveNote: task<Note>({ lane: (note) => note.id }) });
