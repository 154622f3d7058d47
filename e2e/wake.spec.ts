import type { Page } from '@playwright/test';

import { type DemoServer, add, expect, openLab, test, until, views } from './fixture.js';

/** A gate that is closed for so long, in milliseconds, that nothing but a page's word brings its probe forward in time. */
const long = 120_000;

/** Leaves a task behind a gate that is closed for long; the destination is there again. */
async function openClosed(page: Page, server: DemoServer, database: string): Promise<string> {
  server.setMood('refuse');
  await openLab(page, { database, base: long, cap: 2 * long });
  const id = await add(page, 'send', { name: 'report' });
  const [view] = await until(
    () => views(page),
    ([task]) => task?.gate.closedUntil !== undefined && !task.running,
    'a closed gate',
  );
  expect((view?.gate.closedUntil ?? 0) - Date.now()).toBeGreaterThan(long / 4);
  server.setMood('up');
  return id;
}

async function expectSentSoon(server: DemoServer, id: string): Promise<void> {
  await until(server.effects, (effects) => effects.some(({ key }) => key === id), 'the effect');
}

test('a page that is back online has closed gates probed soon', async ({ page, context, server, database }) => {
  const id = await openClosed(page, server, database);
  await context.setOffline(true);
  await context.setOffline(false);
  await expectSentSoon(server, id);
});

test('a page that is looked at again has closed gates probed soon', async ({ page, server, database }) => {
  const id = await openClosed(page, server, database);
  // Playwright's pages are always visible: as the browser tells it.
  await page.evaluate(() => document.dispatchEvent(new Event('visibilitychange')));
  await expectSentSoon(server, id);
});
