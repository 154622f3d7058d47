/**
 * The tasks of the app, shared by page and worker. No handler is in here.
 */
import { defineTasks, task } from 'taskbasket';

import { openNotes } from './db.ts';

/** A report as it is sent. */
export interface ReportText {
  readonly id: string;
  readonly title: string;
  readonly text: string;
}

export const tasks = defineTasks(
  'field-notes',
  {
    /** Saves of one report arrive in the order in which they were made. */
    saveReport: task<ReportText>({ lane: (report) => report.id }),
  },
  { open: () => openNotes() },
);
