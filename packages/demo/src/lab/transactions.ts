/**
 * Adds tasks in the app's own transaction, together with a note, and says how that ended.
 */
import { Dexie } from 'dexie';
import { openDB } from 'idb';
import type { Basket } from 'taskbasket';

import { type Note, openExisting } from './app.ts';
import type { LabPayload, LabTasks } from './tasks.ts';

export interface Writing {
  /** What is added, in order, all as `send`. */
  readonly adds: readonly LabPayload[];
  readonly note?: Note;
  /**
   * `leave`: nothing, it commits by itself; `commit`: calls `commit()` right after; `abort`: aborts it; `throw`: the
   * unhandled error of a request aborts it (Dexie: an error thrown in its scope).
   */
  readonly end?: 'leave' | 'commit' | 'abort' | 'throw';
}

export interface Written {
  readonly ids: readonly string[];
  readonly outcome: 'complete' | 'abort';
  readonly error?: string;
}

type LabBasket = Basket<LabTasks>;

/** In a transaction of IndexedDB itself. */
export async function writeRaw(basket: LabBasket, tasks: LabTasks, { adds, note, end }: Writing): Promise<Written> {
  const db = await openExisting(tasks.name);
  try {
    const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
    const ended = new Promise<Omit<Written, 'ids'>>((resolve) => {
      tx.addEventListener('complete', () => resolve({ outcome: 'complete' }));
      tx.addEventListener('abort', () => resolve({ outcome: 'abort', error: String(tx.error) }));
    });
    if (note) tx.objectStore('notes').put(note);
    const ids = adds.map((payload) => basket.addTx(tx, 'send', payload));
    if (end === 'commit') tx.commit();
    if (end === 'abort') tx.abort();
    if (end === 'throw') failIn(tx);
    return { ids, ...(await ended) };
  } finally {
    db.close();
  }
}

/** In a transaction of idb. */
export async function writeWithIdb(basket: LabBasket, tasks: LabTasks, { adds, note, end }: Writing): Promise<Written> {
  const db = await openDB(tasks.name);
  try {
    const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
    const ended = tx.done.then(
      () => ({ outcome: 'complete' }) as const,
      (error: unknown) => ({ outcome: 'abort', error: String(error) }) as const,
    );
    const put = note ? tx.objectStore('notes').put(note) : undefined;
    // How the transaction ends says it all.
    put?.catch(() => undefined);
    const ids = adds.map((payload) => basket.addTx(tx, 'send', payload));
    if (end === 'commit') tx.commit();
    if (end === 'abort') tx.abort();
    if (end === 'throw') {
      tx.objectStore('notes')
        .add({ id: 'twice' })
        .catch(() => undefined);
      tx.objectStore('notes')
        .add({ id: 'twice' })
        .catch(() => undefined);
    }
    return { ids, ...(await ended) };
  } finally {
    db.close();
  }
}

/** In a transaction of Dexie. */
export async function writeWithDexie(basket: LabBasket, tasks: LabTasks, writing: Writing): Promise<Written> {
  const { adds, note, end } = writing;
  const db = await new Dexie(tasks.name).open();
  let ids: readonly string[] = [];
  try {
    await db.transaction('rw', ['notes', ...tasks.stores], async (tx) => {
      if (note) await db.table('notes').put(note);
      ids = adds.map((payload) => basket.addTx(tx, 'send', payload));
      if (end === 'commit') tx.idbtrans.commit();
      if (end === 'abort') tx.abort();
      if (end === 'throw') throw new Error('As told: throw');
    });
    return { ids, outcome: 'complete' };
  } catch (error) {
    return { ids, outcome: 'abort', error: String(error) };
  } finally {
    db.close();
  }
}

/** A request that fails and that nobody handles: the transaction aborts. */
function failIn(tx: IDBTransaction): void {
  tx.objectStore('notes').add({ id: 'twice' });
  tx.objectStore('notes').add({ id: 'twice' });
}
