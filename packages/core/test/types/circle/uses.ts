/** What is left of the types after the circle: all of them. */
import type { NameOf, PayloadOf, Registry, TaskType } from '../../../src/index.js';
import { openBasket } from '../../../src/index.js';
import type { Same } from '../claims.js';
import { claim } from '../claims.js';
import { openNotes } from './db.js';
import type { Note } from './tasks.js';
import { tasks } from './tasks.js';

claim<Same<typeof tasks, Registry<{ saveNote: TaskType<Note>; ping: TaskType<void> }>>>();
claim<Same<NameOf<typeof tasks>, 'saveNote' | 'ping'>>();
claim<Same<PayloadOf<typeof tasks, 'saveNote'>, Note>>();

export async function saveWithItsTask(note: Note): Promise<void> {
  const basket = openBasket(tasks);
  const db = await openNotes();

  const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
  const unsent = basket.addTx(tx, 'saveNote', note);
  await tx.objectStore('notes').put({ ...note, unsent });
  tx.commit();

  // @ts-expect-error -- the app's own store keeps its type beside ours
  await tx.objectStore('notes').put({ ...note, unsent: 7 });
  // @ts-expect-error -- a name that is no store is still told
  db.transaction(['note', ...tasks.stores], 'readwrite');
  // @ts-expect-error -- and so is a wrong payload
  basket.addTx(tx, 'saveNote', { id: 'note-1' });
}
