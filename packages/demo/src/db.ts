/**
 * The app's own database. The task stores live in it, next to the reports and their photos.
 */
import { type DBSchema, type IDBPDatabase, openDB } from 'idb';
import { type StoresOf, createStores } from 'taskbasket';

import type { Inspector } from './inspectors.js';
import { type ReportText, tasks } from './tasks.js';

/** A report as it is kept on this device. */
export interface Report extends ReportText {
  /** Who saved it. Absent in a report that was saved before there were inspectors. */
  readonly owner?: Inspector;
  /** Milliseconds since 1970. */
  readonly savedAt: number;
  /** The task of a save that a person discarded; the next save takes it away. */
  readonly cancelled?: string;
  /** The task that a person discarded together with a photo. The next photo removes this mark. */
  readonly photoCancelled?: string;
}

/** A photo as it is kept on this device. */
export interface Photo {
  readonly id: string;
  readonly blob: Blob;
}

export interface NotesDB extends DBSchema, StoresOf {
  reports: { key: string; value: Report };
  photos: { key: string; value: Photo };
}

/**
 * Opens the database, and makes it the first time. The library calls this too, if it comes first.
 *
 * @param onClosed The connection was closed from elsewhere, and another one is needed.
 */
export function openNotes(onClosed?: () => void): Promise<IDBPDatabase<NotesDB>> {
  // 2: photos.
  return openDB<NotesDB>('field-notes', 2, {
    upgrade(db, _oldVersion, _newVersion, tx) {
      if (!db.objectStoreNames.contains('reports')) db.createObjectStore('reports', { keyPath: 'id' });
      if (!db.objectStoreNames.contains('photos')) db.createObjectStore('photos', { keyPath: 'id' });
      createStores(tx, tasks);
    },
    // Another tab wants to upgrade or delete the database: an open connection would hold it up.
    blocking: (_currentVersion, _blockedVersion, event) => {
      (event.target as IDBDatabase).close();
      onClosed?.();
    },
    terminated: () => onClosed?.(),
  });
}
