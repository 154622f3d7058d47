import type { BrowserContext, Page } from '@playwright/test';

import {
  type DemoServer,
  add,
  addAll,
  expect,
  lockHolders,
  namesOf,
  openLab,
  sendersOf,
  test,
  untilDrained,
  untilLed,
  untilLedger,
} from './fixture.js';

const tabs = 5;
const each = 4;

function openTabs(context: BrowserContext): Promise<readonly Page[]> {
  return Promise.all(Array.from({ length: tabs }, () => context.newPage()));
}

/** The tasks of one tab. */
function tasksOf(tab: number): { readonly name: string }[] {
  return Array.from({ length: each }, (_, index) => ({ name: `${tab}-${index}` }));
}

/** Every task had its one effect, one worker sent them all, and one holds the lock. */
async function expectOneRunner(server: DemoServer, page: Page, count: number): Promise<void> {
  await untilDrained(server, page, count);
  expect(new Set(namesOf(server.effects())).size).toBe(count);
  expect(server.effects()).toHaveLength(count);
  expect(server.ledger()).toHaveLength(count);
  expect(sendersOf(server.ledger())).toHaveLength(1);
  expect(await lockHolders(page)).toHaveLength(1);
}

test('five tabs that are opened all at once have one runner', async ({ context, server, database }) => {
  const pages = await openTabs(context);
  await Promise.all(
    pages.map(async (page, tab) => {
      await openLab(page, { database });
      await addAll(page, tasksOf(tab));
    }),
  );

  await expectOneRunner(server, pages[0] as Page, tabs * each);
});

test('tabs that are opened one by one have the one runner of the first, also when that is closed while its tasks run', async ({
  context,
  server,
  database,
}) => {
  server.setMood('slow', { delay: 500 });
  const pages = await openTabs(context);
  const [first, ...others] = pages as [Page, ...Page[]];
  const holders = new Set<string>();
  for (const [tab, page] of pages.entries()) {
    await openLab(page, { database });
    holders.add(await untilLed(page));
    if (page === first) await addAll(page, tasksOf(tab));
  }
  await untilLedger(server, (ledger) => ledger.length > 0, 'a request');

  await first.close();
  await Promise.all(others.map((page, tab) => addAll(page, tasksOf(tab + 1))));

  await expectOneRunner(server, others[0] as Page, tabs * each);
  expect(holders.size).toBe(1);
});

test('without shared workers, tabs with a worker each take turns: one runs, and another goes on when it is closed', async ({
  context,
  server,
  database,
}) => {
  const [first, second] = (await openTabs(context)) as [Page, Page];
  await openLab(first, { database, worker: 'dedicated' });
  await untilLed(first);
  await openLab(second, { database, worker: 'dedicated' });
  await addAll(second, tasksOf(0));
  await untilDrained(server, second, each);
  expect(sendersOf(server.ledger())).toHaveLength(1);
  expect(await lockHolders(second)).toHaveLength(1);

  await first.close();
  await add(second, 'send', { name: 'last' });

  await untilDrained(server, second, each + 1);
  expect(sendersOf(server.ledger())).toHaveLength(2);
  expect(server.ledger()).toHaveLength(each + 1);
});
