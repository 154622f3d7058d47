/**
 * The page: a form, what is not sent yet, what is on this device, and the server behind it.
 */
import { createAnnouncer } from './announcer.js';
import { openNotesBasket, watchUnsent } from './basket.js';
import { byId } from './dom.js';
import { showForm } from './form.js';
import { showLedger } from './ledger.js';
import { showMoods } from './moods.js';
import { keepShell, showConnection } from './offline.js';
import { createReports } from './reports.js';
import { oneAtATime } from './rounds.js';
import { showSaved } from './saved.js';
import { createSignIn } from './sign-in.js';
import { showStorage } from './storage.js';
import { showUnsent } from './unsent.js';

/** Tasks on the list. */
const shown = 50;

const lists = byId('lists', HTMLDivElement);
const announce = createAnnouncer();
const basket = openNotesBasket((error) => {
  announce(`Nothing can be sent from this tab: ${error.message}`);
  tellProblem(error.message);
});
const signIn = createSignIn(basket, announce, () => form.isUnsaved(), begin);
const reports = createReports(basket, signIn.inspector);
const unsent = watchUnsent(basket, shown);
const storage = showStorage();
const tellProblem = showUnsent(basket, unsent, shown, reports, announce, signIn.again);
const look = oneAtATime(async () => {
  const inspector = signIn.inspector();
  if (inspector === undefined) return;
  const found = await reports.list(inspector);
  // Read after the reports: what is not there any more was sent, and is not only still to be seen.
  const tasks = await basket.list({ limit: shown + 1 });
  // Somebody else has come meanwhile, and has a look of their own.
  if (inspector !== signIn.inspector()) return;
  showReports(found, { loaded: true, tasks: tasks.slice(0, shown), more: tasks.length > shown });
  lists.dataset['shown'] = '';
});
const form = showForm(reports, announce, () => {
  void storage.ask();
  look();
});
const showReports = showSaved(reports, form.edit);

/** Nothing of the last inspector is shown to the next one. */
function begin(): void {
  form.clear();
  delete lists.dataset['shown'];
  showReports([], unsent.get());
}

unsent.subscribe(({ loaded }) => {
  if (loaded) look();
});
// One that was added and sent between two looks of the watch changes nothing there, and may have been seen by ours.
basket.on('settled', look);
showMoods(announce, showLedger());
showConnection();
signIn.start();
void keepShell();
