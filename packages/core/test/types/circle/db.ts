/** The other half: the app's own database, as idb types it. */
import type { DBSchema, IDBPDatabase } from 'idb';
import { openDB } from 'idb';

import type { StoresOf } from '../../../src/index.js';
import { createStores } from '../../../src/index.js';
import type { Note } from './tasks.js';
import { tasks } from './tasks.js';

export interface NotesDB extends DBSchema, StoresOf {
  notes: { key: string; value: Note & { readonly unsent?: string } };
}

export function openNotes(): Promise<IDBPDatabase<NotesDB>> {
  return openDB<NotesDB>('field-notes', 3, {
    upgrade(db, _from, _to, tx) {
      if (!db.objectStoreNames.contains('notes')) db.createObjectStore('notes', { keyPath: 'id' });
      createStores(tx, tasks);
    },
  });
}
