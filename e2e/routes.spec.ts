/** What docs/testing.md says of the routes of Playwright, for apps that are tested with them. */
import type { Page } from '@playwright/test';

import { blocks } from '../packages/core/test/manual/blocks.js';
import { needChromiumProtocol } from './engine.js';
import { add, expect, namesOf, openLab, test, until, untilDrained, untilLed, views } from './fixture.js';

/** The code of the manual, as the test of an app imports it. */
async function runHandlersInPage(page: Page): Promise<void> {
  const code = blocks.find(({ name }) => name === 'handlers-in-page.js')?.code ?? '';
  const manual = (await import(`data:text/javascript,${encodeURIComponent(code)}`)) as {
    readonly runHandlersInPage: (page: Page) => Promise<void>;
  };
  await manual.runHandlersInPage(page);
}

test('neither the routes of Playwright nor its offline switch reach what a SharedWorker sends', async ({
  page,
  context,
  server,
  database,
}) => {
  needChromiumProtocol(); // Another engine may be driven in another way.
  let routed = 0;
  for (const routes of [page, context]) {
    await routes.route('**/api/echo/**', (route) => {
      routed += 1;

      return route.abort();
    });
  }
  await openLab(page, { database });
  await untilLed(page); // Offline, the page could not load its worker.
  await context.setOffline(true);
  await add(page, 'send', { name: 'from the worker' });

  await untilDrained(server, page, 1);
  expect(routed).toBe(0);
});

test('routes of Playwright reach what the handlers send, once a page has no SharedWorker and runs them itself', async ({
  page,
  server,
  database,
}) => {
  needChromiumProtocol();
  await runHandlersInPage(page);
  await page.route('**/api/echo/**', (route) => route.fulfill({ status: 422 }));
  await openLab(page, { database });
  await until(
    () => page.evaluate(() => window.lab.errors()),
    (errors) => errors.some(({ problem }) => problem === 'unsupported'),
    'an error that says that there is no SharedWorker',
  );
  await page.evaluate(() => window.lab.run());
  await add(page, 'send', { name: 'from the page' });
  await until(
    () => views(page),
    ([task]) => task?.state === 'dead',
    'a dead task',
  );
  expect(server.ledger()).toEqual([]);

  await page.unroute('**/api/echo/**');
  await page.evaluate(async () => window.lab.basket.retry({}));
  await untilDrained(server, page, 1);
  expect(namesOf(server.ledger())).toEqual(['from the page']);
});
