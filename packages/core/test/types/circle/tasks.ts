/**
 * One half of a circle: the registry opens the app's database, whose schema names the registry's stores, and whose
 * upgrade takes the registry. None of it may become `any`.
 */
import { defineTasks, task } from '../../../src/index.js';
import { openNotes } from './db.js';

export interface Note {
  readonly id: string;
  readonly text: string;
}

export const tasks = defineTasks(
  'field-notes',
  { saveNote: task<Note>({ lane: (note) => note.id }), ping: task() },
  { open: openNotes },
);
