/**
 * The reports on this device: saved together with the task that sends them.
 */
import type { IDBPDatabase } from 'idb';

import type { Basket } from './basket.ts';
import { type NotesDB, type Report, openNotes } from './db.ts';
import { type ReportText, tasks } from './tasks.ts';

export type Reports = ReturnType<typeof createReports>;

export function createReports(basket: Basket) {
  let opened: Promise<IDBPDatabase<NotesDB>> | undefined;

  /** One connection; another one once it was closed, as it is for an upgrade in another tab. */
  function connection(): Promise<IDBPDatabase<NotesDB>> {
    opened ??= openNotes(forget);
    opened.catch(forget);
    return opened;
  }

  function forget(): void {
    opened = undefined;
  }

  /** Writes the report and the task that sends it, both or none. Resolves when they are on disk. */
  async function save(report: ReportText): Promise<void> {
    const { id, title, text } = report;
    const db = await connection();
    const tx = db.transaction(['reports', ...tasks.stores], 'readwrite', { durability: 'strict' });
    const written = tx.objectStore('reports').put({ id, title, text, savedAt: Date.now() });
    basket.addTx(tx, 'saveReport', { id, title, text });
    await Promise.all([written, tx.done]);
  }

  /** Notes on the report that this save of it was cancelled, or, without a task, that it was not. */
  async function markCancelled(id: string, task: string | undefined): Promise<void> {
    const db = await connection();
    const tx = db.transaction('reports', 'readwrite');
    const report = await tx.store.get(id);
    if (report) {
      const { cancelled: _, ...rest } = report;
      await tx.store.put(task === undefined ? rest : { ...rest, cancelled: task });
    }
    await tx.done;
  }

  /** All reports, the last saved first. */
  async function list(): Promise<readonly Report[]> {
    const db = await connection();
    const reports = await db.getAll('reports');
    return reports.toSorted((a, b) => b.savedAt - a.savedAt);
  }

  return { save, markCancelled, list };
}
