/**
 * The page: a form, what is not sent yet, what is on this device, and the server's mood.
 */
import { createAnnouncer } from './announcer.ts';
import { type Snapshot, openNotesBasket } from './basket.ts';
import { changesBetween } from './changes.ts';
import { showForm } from './form.ts';
import { showMood } from './mood.ts';
import { keepShell, showConnection } from './offline.ts';
import { createReports } from './reports.ts';
import { showSaved } from './saved.ts';
import { showUnsent } from './unsent.ts';

const announce = createAnnouncer();
const basket = openNotesBasket((error) => announce(`Nothing can be sent from this tab: ${error.message}`));
const reports = createReports(basket);
const unsent = basket.watch();

const edit = showForm(reports, announce, () => void look());
const showUnsentTasks = showUnsent(basket, reports, announce);
const showReports = showSaved(edit);
let shown: Snapshot = { loaded: false, tasks: [], more: false };

unsent.subscribe((snapshot) => {
  if (!snapshot.loaded) return;
  showUnsentTasks(snapshot);
  void look();
});
showMood();
showConnection();
void keepShell();

/** Shows the reports, and says what happened since the last look. */
async function look(): Promise<void> {
  const found = await reports.list();
  const snapshot = unsent.get();
  showReports(found, snapshot);

  const cancelled = new Set(found.flatMap((report) => report.cancelled ?? []));
  for (const sentence of changesBetween(shown, snapshot, cancelled)) announce(sentence);
  shown = snapshot;
}
