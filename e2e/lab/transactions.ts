/**
 * Adds tasks in the app's own transaction, together with a note, and says how that ended.
 */
import { Dexie } from 'dexie';
import { openDB } from 'idb';
import type { Basket } from 'taskbasket';

import { type Note, openExisting } from './app.js';
import type { LabPayload, LabTasks } from './tasks.js';

export interface Writing {
  /** What is added, in order, all as `send`. */
  readonly adds: readonly LabPayload[];
  readonly note?: Note;
  /**
   * What the app does right after the adds. `leave`: nothing, so that it commits by itself; `commit`: calls `commit()`;
   * `abort`: aborts it; `throw`: throws an error, which a browser answers with an abort if it is thrown in the handler
   * of a request, Dexie if it is thrown in its scope, and idb not at all; `fail`: makes a request that fails, and does
   * not handle that; `close`: closes the tab.
   */
  readonly end?: 'leave' | 'commit' | 'abort' | 'throw' | 'fail' | 'close';
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
    switch (end) {
      case 'commit':
        tx.commit();
        break;
      case 'abort':
        tx.abort();
        break;
      case 'throw':
        tx.objectStore('notes').count().addEventListener('success', throwAsTold);
        break;
      case 'fail':
        addTwice(tx.objectStore('notes'));
        break;
      case 'close':
        self.close();
        break;
      case 'leave':
      case undefined:
    }
    return { ids, ...(await ended) };
  } finally {
    db.close();
  }
}

/** In a transaction of idb. */
export async function writeWithIdb(basket: LabBasket, tasks: LabTasks, { adds, note, end }: Writing): Promise<Written> {
  const db = await openDB(tasks.name);
  const ids: string[] = [];
  try {
    const tx = db.transaction(['notes', ...tasks.stores], 'readwrite');
    const ended = tx.done.then(
      () => ({ outcome: 'complete' }) as const,
      (error: unknown) => ({ outcome: 'abort', error: String(error) }) as const,
    );
    // How the transaction ends says it all.
    const ignore = (request: Promise<unknown>): void => void request.catch(() => undefined);
    const write = async (): Promise<void> => {
      if (note) ignore(tx.objectStore('notes').put(note));
      for (const payload of adds) ids.push(basket.addTx(tx, 'send', payload));
      switch (end) {
        case 'commit':
          return tx.commit();
        case 'abort':
          return tx.abort();
        case 'throw':
          return throwAsTold();
        case 'fail':
          return [1, 2].forEach(() => ignore(tx.objectStore('notes').add({ id: 'twice' })));
        case 'close':
          return self.close();
        case 'leave':
        case undefined:
      }
    };
    await write().catch(() => undefined);
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
      const put = note ? db.table('notes').put(note) : undefined;
      ids = adds.map((payload) => basket.addTx(tx, 'send', payload));
      switch (end) {
        case 'commit':
          return tx.idbtrans.commit();
        case 'abort':
          return tx.abort();
        case 'throw':
          return throwAsTold();
        case 'fail':
          return addTwice(tx.idbtrans.objectStore('notes'));
        case 'close':
          return self.close();
        case 'leave':
        case undefined:
          await put;
      }
    });
    return { ids, outcome: 'complete' };
  } catch (error) {
    return { ids, outcome: 'abort', error: String(error) };
  } finally {
    db.close();
  }
}

function throwAsTold(): never {
  throw new Error('As told: throw');
}

/** The second request fails, and nobody handles it: the transaction aborts. */
function addTwice(notes: IDBObjectStore): void {
  notes.add({ id: 'twice' });
  notes.add({ id: 'twice' });
}
