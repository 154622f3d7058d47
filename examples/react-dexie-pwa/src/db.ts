/** What is on this device: notes, photos, and the tasks that send them, in one database. Page and worker share this file. */
import { Dexie, type Table } from 'dexie';
import { defineTasks, dexieStores, task } from 'taskbasket';

/** A note as it is sent. */
export type Note = { id: string; title: string; text: string };

/** A photo as it is sent. `note` is the id of its note. */
export type Photo = { id: string; note: string; file: Blob };

/** A note as it is kept here. */
export type KeptNote = Note & { savedAt: number; sent: boolean };

export const tasks = defineTasks(
  'field-notes',
  {
    // One lane for a note and its photos: a photo is sent after its note. One gate, because both go to one server.
    saveNote: task<Note>({ lane: (note) => note.id, gate: 'server' }),
    sendPhoto: task<Photo>({ lane: (photo) => photo.note, gate: 'server', timeout: 10 * 60_000 }),
  },
  { open: () => db.open() },
);

class NotesDB extends Dexie {
  notes!: Table<KeptNote, string>;
  photos!: Table<Photo, string>;
}

export const db = new NotesDB('field-notes', { chromeTransactionDurability: 'strict' });
db.version(1).stores({ notes: 'id, savedAt', photos: 'id, note', ...dexieStores(tasks) });
