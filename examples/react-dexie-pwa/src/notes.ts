/** What a person does with a note: save it, correct it, discard it. */
import { TaskbasketError, type ViewOf } from 'taskbasket';
import { basket, type UnsentTask } from './basket';
import { db, type Note, tasks } from './db';

/** Stores a note, its photos, and the tasks that send them. When it resolves, they are on disk, and will be sent. */
export async function saveNote(note: Note, files: readonly Blob[] = []): Promise<void> {
  const photos = files.map((file, place) => ({ id: `${note.id}-${place}`, note: note.id, file }));

  try {
    // Photos are large. They are written first, so that nothing has to wait for a long transaction.
    await db.photos.bulkPut(photos);
    const prepared = await Promise.all(photos.map((photo) => basket.prepare('sendPhoto', photo)));

    await db.transaction('rw', ['notes', ...tasks.stores], async (tx) => {
      await db.notes.put({ ...note, savedAt: Date.now(), sent: false });
      basket.addTx(tx, 'saveNote', note);
      for (const photo of prepared) basket.addTx(tx, photo);
    });
  } catch (error) {
    await db.photos.bulkDelete(photos.map(({ id }) => id)); // the note was not saved, so nobody would ever delete them
    throw error;
  }

  void navigator.storage?.persist(); // after the add, and not awaited: a browser may ask the person, who need not answer
}

/** Sends a refused note again, with other words. The task keeps its place, so the photos still come after it. */
export async function correctNote(id: string, note: Note): Promise<void> {
  await db.notes.update(note.id, note);
  try {
    if (await basket.update(id, note)) return; // it was dead, or had never been started
  } catch (error) {
    if (!(error instanceof TaskbasketError && error.code === 'started')) throw error;
  }

  await saveNote(note); // another tab was faster: this is a change of its own, which is sent after the other one
}

/** Sends another picture in the place of a refused one. */
export async function replacePhoto({ id, payload }: ViewOf<typeof tasks, 'sendPhoto'>, file: Blob): Promise<void> {
  if (!payload) return; // this build cannot read the task
  await db.photos.put({ ...payload, file });
  await basket.update(id, { ...payload, file });
}

/** Deletes what was not sent. A note takes its photos with it, because the server accepts no photo without its note. */
export async function discard({ id, type, lane, payload }: UnsentTask): Promise<void> {
  if (type === 'saveNote' && lane !== undefined) {
    await db.transaction('rw', ['notes', 'photos'], async () => {
      await db.notes.delete(lane);
      await db.photos.where({ note: lane }).delete();
    });
    await basket.cancel({ lane });
  } else {
    if (payload) await db.photos.delete(payload.id);
    await basket.cancel(id);
  }
}
