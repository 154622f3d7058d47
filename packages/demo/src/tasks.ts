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
    saveReport: task<ReportText>({ lane: (report) => report.id, key: (report) => report.id, gate }),
    /**
     * In the lane of its report, behind the save that names it: the server takes no photo of a report that it does not
     * know, and a refused report keeps its photo back until it is corrected. The price: a later change of the text
     * waits for the upload. In a lane of its own the photo could come first, be refused for good, and be lost to its
     * report.
     */
    uploadPhoto: task<PhotoUpload>({ lane: (photo) => photo.report, gate }),
  },
  {
    /** A save belongs to the inspector who made it, and is sent with that inspector's token. */
    session: session<{ token: string }>(),
    open: () => openNotes(),
  },
);
