/**
 * The page: a form, what is not sent yet, what is on this device, and the server behind it.
 */
import { createAnnouncer } from './announcer.ts';
import { openNotesBasket } from './basket.ts';
import { createNews } from './changes.ts';
import { byId } from './dom.ts';
import { explainUnsent } from './explained.ts';
import { showForm } from './form.ts';
import { showLedger } from './ledger.ts';
import { showMoods } from './moods.ts';
import { keepShell, showConnection } from './offline.ts';
import { createReports } from './reports.ts';
import { showSaved } from './saved.ts';
import { showStorage } from './storage.ts';
import { showUnsent } from './unsent.ts';

/** Tasks on the list; the others are counted. */
const shown = 50;

const lists = byId('lists', HTMLDivElement);
const announce = createAnnouncer();
let problem: string | undefined;
const basket = openNotesBasket((error) => {
  problem = error.message;
  announce(`Nothing can be sent from this tab: ${problem}`);
});
const reports = createReports(basket);
const unsent = basket.watch({ limit: shown });
const storage = showStorage();
const news = createNews(basket, announce);
const showUnsentTasks = showUnsent(basket, reports, announce, () => problem);
const edit = showForm(reports, announce, () => {
  void storage.ask();
  void look();
});
const showReports = showSaved(reports, edit);

unsent.subscribe(news);
explainUnsent(basket, unsent, (explained, snapshot) => {
  showUnsentTasks(explained, snapshot);
  void look();
});
showMoods(announce, showLedger());
showConnection();
void keepShell();

/** Shows the reports on this device, and which of them are sent. */
async function look(): Promise<void> {
  const found = await reports.list();
  showReports(found, unsent.get());
  lists.dataset['shown'] = '';
}
