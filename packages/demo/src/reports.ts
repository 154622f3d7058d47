/**
 * The reports on this device: saved together with the tasks that send them.
 */
import type { IDBPDatabase } from 'idb';

import type { Basket } from './basket.js';
import { type NotesDB, type Report, openNotes } from './db.js';
import type { Inspector } from './inspectors.js';
import { type ReportText, tasks } from './tasks.js';

export type Reports = ReturnType<typeof createReports>;

/** @param inspector Who is signed in. */
export function createReports(basket: Basket, inspector: () => Inspector | undefined) {
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

  /**
   * Writes the report, its new photo if there is one, and the tasks that send them: all or nothing. Resolves when they
   * are on disk.
   */
  async function save(report: ReportText, picture?: Blob): Promise<void> {
    const { id, title, photo } = report;
    const owner = inspector();
    if (owner === undefined) throw new Error('Nobody is signed in.');
    const saving = await basket.prepare('saveReport', report, { owner });
    // A photo is stored ahead of its task, because a transaction that waits for its bytes would hold up everything else.
    const upload =
      photo &&
      picture &&
      (await basket.prepare(
        'uploadPhoto',
        { id: photo.id, report: id, title, blob: picture },
        { owner, after: saving.id },
      ));
    const db = await connection();
    const tx = db.transaction(['reports', 'photos', ...tasks.stores], 'readwrite', { durability: 'strict' });
    const reports = tx.objectStore('reports');
    basket.addTx(tx, saving);
    const writes: Promise<unknown>[] = [];
    if (photo && picture && upload) {
      writes.push(tx.objectStore('photos').put({ id: photo.id, blob: picture }));
      basket.addTx(tx, upload);
    }
    writes.push(
      reports.get(id).then((before) => {
        const unsentPhoto = photo && !picture ? before?.photoCancelled : undefined;
        const note = unsentPhoto === undefined ? {} : { photoCancelled: unsentPhoto };
        return reports.put({ ...report, ...note, owner, savedAt: Date.now() });
      }),
    );
    await Promise.all([...writes, tx.done]);
  }

  /** Changes a report on this device only: the task that sends it is corrected by the caller. Gives back what was there. */
  function correct(report: ReportText): Promise<Report | undefined> {
    return change(report.id, (before) => ({ ...before, ...report }));
  }

  /** Puts another picture under a photo's id: the server refused the one that was there, so nobody else has it. */
  async function correctPhoto(id: string, blob: Blob): Promise<void> {
    const db = await connection();
    await db.put('photos', { id, blob });
  }

  /** Notes on the report that this save of it, or its photo, was discarded, or, without a task, that it was not. */
  async function markCancelled(id: string, what: 'save' | 'photo', task: string | undefined): Promise<void> {
    const field = what === 'save' ? 'cancelled' : 'photoCancelled';
    await change(id, ({ [field]: _, ...rest }) => (task === undefined ? rest : { ...rest, [field]: task }));
  }

  async function change(id: string, changed: (report: Report) => Report): Promise<Report | undefined> {
    const db = await connection();
    const tx = db.transaction('reports', 'readwrite');
    const report = await tx.store.get(id);
    if (report) await tx.store.put(changed(report));
    await tx.done;
    return report;
  }

  /** The inspector's reports, the last saved first; also those of before there were inspectors. */
  async function list(owner: Inspector): Promise<readonly Report[]> {
    const db = await connection();
    const reports = await db.getAll('reports');
    return reports.filter((report) => (report.owner ?? owner) === owner).toSorted((a, b) => b.savedAt - a.savedAt);
  }

  /** A photo's picture, or nothing. */
  async function pictureOf(id: string): Promise<Blob | undefined> {
    const db = await connection();
    return (await db.get('photos', id))?.blob;
  }

  return { save, correct, correctPhoto, markCancelled, list, pictureOf };
}
