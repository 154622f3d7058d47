import type { Locator, Page } from '@playwright/test';

import { type DemoServer, expect, test as base, until, untilLedger } from './fixture.ts';

/** Chromium writes this for every request of a page that fails, also one that the page expects and handles. */
const failedRequest = /^Failed to load resource: net::ERR_/;

interface DemoFixtures {
  /** The demo's page, loaded. When the test ends its console must hold no error. */
  readonly demo: Page;
  /** The requests of the page's own that may fail, by path: Chromium says so in the console. */
  readonly mayFail: string[];
}

const test = base.extend<DemoFixtures>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs from the pattern.
  mayFail: async ({}, use) => {
    await use([]);
  },

  demo: async ({ page, mayFail }, use) => {
    const errors: string[] = [];
    page.on('pageerror', (error) => void errors.push(`uncaught: ${error.message}`));
    page.on('console', (message) => {
      if (message.type() !== 'error') return;
      const { pathname } = new URL(message.location().url || 'none:');
      if (failedRequest.test(message.text()) && mayFail.includes(pathname)) return;
      errors.push(`${message.text()} (${message.location().url})`);
    });
    await page.goto('/');
    await use(page);
    expect(errors, 'errors in the console').toEqual([]);
  },
});

async function write(page: Page, title: string, text = ''): Promise<void> {
  await page.getByTestId('title').fill(title);
  await page.getByTestId('text').fill(text);
  await page.getByTestId('save').click();
  // The form is empty again once it is on disk.
  await expect(page.getByTestId('title')).toHaveValue('');
}

function unsentItem(page: Page, title: string): Locator {
  return page.getByTestId('unsent-item').filter({ hasText: title });
}

function reportItem(page: Page, title: string): Locator {
  return page.getByTestId('report-item').filter({ hasText: title });
}

function reportsOn(server: DemoServer): readonly { readonly title: string; readonly text: string }[] {
  return server.reports().map(({ title, text }) => ({ title, text }));
}

test('a report that is written is sent', async ({ demo, server }) => {
  await write(demo, 'Bridge 7', 'The railing is loose.');

  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 7.');
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  await expect(demo.getByTestId('unsent-note')).toHaveText('Everything is sent.');
  await expect(demo.getByTestId('unsent-item')).toHaveCount(0);
  expect(reportsOn(server)).toEqual([{ title: 'Bridge 7', text: 'The railing is loose.' }]);
  expect(server.effects()).toHaveLength(1);
});

test('changes of one report arrive in the order in which they were saved', async ({ demo, server }) => {
  server.setMood('503', { times: 1 });
  await write(demo, 'Bridge 7', 'first');
  for (const text of ['second', 'third']) {
    await reportItem(demo, 'Bridge 7').getByTestId('report-edit').click();
    await write(demo, 'Bridge 7', text);
  }

  await until(server.effects, (effects) => effects.length === 3, 'three effects');
  const texts = server.effects().map(({ body }) => (JSON.parse(body ?? '{}') as { readonly text: string }).text);
  expect(texts).toEqual(['first', 'second', 'third']);
  await expect(demo.getByTestId('unsent-note')).toHaveText('Everything is sent.');
  expect(reportsOn(server)).toEqual([{ title: 'Bridge 7', text: 'third' }]);
});

test('while the server is away, a save is shown with its error, gate, attempts and time, also after a reload', async ({
  demo,
  server,
}) => {
  server.setMood('503', { retryAfter: 60 });
  await write(demo, 'Bridge 7');

  const item = unsentItem(demo, 'Bridge 7');
  for (const look of ['before', 'after a reload'] as const) {
    if (look === 'after a reload') await demo.reload();
    await expect(item).toHaveAttribute('data-state', 'gate');
    await expect(item.getByTestId('unsent-state')).toHaveText(
      /^The server is away: The server answered 503\. Next try, with one save first, at \d\d:\d\d:\d\d$/,
    );
    await expect(item.getByTestId('unsent-error')).toHaveText(
      /^Last error: Unavailable: The server answered 503\. \(status 503, at \d\d:\d\d:\d\d\)$/,
    );
    await expect(item.getByTestId('unsent-attempts')).toHaveText('1 attempt');
    await expect(demo.getByTestId('unsent-note')).toHaveText('1 save.');
    await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'unsent');
  }
  expect(server.ledger()).toHaveLength(1);
});

test('"try now" sends a save at once, and the others that waited for the server after it', async ({ demo, server }) => {
  server.setMood('503', { retryAfter: 60 });
  await write(demo, 'Bridge 7');
  await expect(unsentItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'gate');
  await write(demo, 'Bridge 8');
  await expect(unsentItem(demo, 'Bridge 8')).toHaveAttribute('data-state', 'gate');

  server.setMood('up');
  await unsentItem(demo, 'Bridge 8').getByTestId('retry').click();

  await expect(demo.getByTestId('unsent-note')).toHaveText('Everything is sent.');
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  await expect(reportItem(demo, 'Bridge 8')).toHaveAttribute('data-state', 'sent');
  expect(server.effects()).toHaveLength(2);
  expect(server.ledger()).toHaveLength(3);
});

test('a cancelled save is not sent', async ({ demo, server }) => {
  server.setMood('503', { retryAfter: 60 });
  await write(demo, 'Bridge 7');
  await expect(unsentItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'gate');
  await write(demo, 'Bridge 8');
  await expect(unsentItem(demo, 'Bridge 8')).toBeVisible();

  await unsentItem(demo, 'Bridge 7').getByTestId('cancel').click();
  await expect(demo.getByTestId('announcement')).toContainText('Cancelled: Bridge 7. This save is not sent.');
  await expect(unsentItem(demo, 'Bridge 7')).toHaveCount(0);
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'cancelled');

  server.setMood('up');
  await unsentItem(demo, 'Bridge 8').getByTestId('retry').click();
  await expect(reportItem(demo, 'Bridge 8')).toHaveAttribute('data-state', 'sent');
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'cancelled');
  expect(reportsOn(server)).toEqual([{ title: 'Bridge 8', text: '' }]);
});

test('a save that the server refuses is kept, and says why', async ({ demo, server }) => {
  server.setMood('4xx', { status: 413 });
  await write(demo, 'Bridge 7');

  const item = unsentItem(demo, 'Bridge 7');
  await expect(item).toHaveAttribute('data-state', 'dead');
  await expect(item.getByTestId('unsent-state')).toHaveText('Refused: The server answered 413.');

  server.setMood('up');
  await item.getByTestId('retry').click();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(server.effects()).toHaveLength(1);
});

test('without the server the page opens by its service worker, and a report saved then is sent when it is back', async ({
  demo,
  server,
}) => {
  await expect(demo.getByTestId('offline-ready')).toHaveText('This page opens offline.');
  await server.down();

  await demo.reload();
  await expect(demo.getByRole('heading', { name: 'Field notes' })).toBeVisible();
  await write(demo, 'Bridge 7', 'Written without a server.');
  const item = unsentItem(demo, 'Bridge 7');
  await expect(item).toHaveAttribute('data-state', 'gate');
  await expect(item.getByTestId('unsent-error')).toContainText('Failed to fetch');
  await demo.reload();
  await expect(item).toBeVisible();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'unsent');
  expect(server.ledger()).toEqual([]);

  await server.up();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent', { timeout: 20_000 });
  expect(reportsOn(server)).toEqual([{ title: 'Bridge 7', text: 'Written without a server.' }]);
  expect(server.effects()).toHaveLength(1);
});

test('the service worker never answers for the API', async ({ demo, mayFail, server }) => {
  await expect(demo.getByTestId('offline-ready')).toHaveText('This page opens offline.');
  await demo.reload();
  expect(await demo.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
  // If it looked at all, it would find this.
  await demo.evaluate(async () => {
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      await cache.put('/api/reports', new Response('"from the service worker"'));
    }
  });

  const answered = demo.waitForResponse('/api/reports');
  expect(await demo.evaluate(async () => (await fetch('/api/reports')).json() as Promise<unknown>)).toEqual([]);
  expect((await answered).fromServiceWorker()).toBe(false);
  await untilLedger(server, (ledger) => ledger.length === 1, 'a request to the API');

  await server.down();
  mayFail.push('/api/reports');
  const outcome = await demo.evaluate(() =>
    fetch('/api/reports').then(
      () => 'answered',
      () => 'failed',
    ),
  );
  expect(outcome).toBe('failed');
});
