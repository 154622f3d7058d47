/**
 * The tasks of the app, shared by page and worker. No handler is in here.
 */
import { defineTasks, session, task } from 'taskbasket';

import type { Checks } from './checklist.js';
import { openNotes } from './db.js';

/** What a report says of its photo; the picture itself is sent apart. */
export interface PhotoNote {
  readonly id: string;
  /** What it shows, for those who cannot see it. */
  readonly alt: string;
}

/** A report as it is sent. */
export interface ReportText {
  readonly id: string;
  readonly title: string;
  readonly text: string;
  /** Absent in a report that was saved before there was a checklist. */
  readonly checks?: Checks;
  readonly photo?: PhotoNote;
}

/** What the server answers to a report. */
export interface Saved {
  /** The server's own number of the report, which it gives to a new one. */
  readonly number: number;
}

/** A photo as it is sent. It never changes: another picture is another photo. */
export interface PhotoUpload {
  readonly id: string;
  readonly report: string;
  /** The title of the report when the photo was taken: for people. */
  readonly title: string;
  readonly blob: Blob;
}

/** Both go to the same server: when that is away, neither is tried. */
const gate = 'server';

export const tasks = defineTasks(
  'field-notes',
  {
    /**
     * Saves of one report arrive in the order in which they were made. A save that was not tried yet is replaced by the
     * next one: each holds the whole report.
     */
    saveReport: task<ReportText, Saved>({ lane: (report) => report.id, key: (report) => report.id, gate }),
    /**
     * A photo waits for the save that names it (`after`): it is sent under the number that the server gave to the report,
     * and a refused report keeps its photo back until it is corrected. It is in no lane, so a later change of the text
     * does not wait for the upload.
     */
    uploadPhoto: task<PhotoUpload>({ gate }),
  },
  {
    /** A save belongs to the inspector who made it, and is sent with that inspector's token. */
    session: session<{ token: string }>(),
    open: () => openNotes(),
  },
);
