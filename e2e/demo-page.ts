/**
 * The demo's page for its tests: what is written there, and a console that must stay clean.
 */
import { fileURLToPath } from 'node:url';

import type { Locator, Page } from '@playwright/test';

import { type DemoServer, expect, test as base } from './fixture.js';

export { expect };

/** Chromium writes this for every request of a page that fails, also one that the page expects and handles. */
const failedRequest = /^Failed to load resource: net::ERR_/;

interface DemoFixtures {
  /** The demo's page, where Ann is signed in. When the test ends its console must hold no error. */
  readonly demo: Page;
  /** The requests of the page's own that may fail, by path: Chromium says so in the console. */
  readonly mayFail: string[];
  /** Collects the errors of a page's console, a further tab's too. */
  readonly listen: (page: Page) => void;
}

export const test = base.extend<DemoFixtures>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs from the pattern.
  dist: async ({}, use) => {
    await use(fileURLToPath(new URL('../packages/demo/dist', import.meta.url)));
  },

  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs from the pattern.
  mayFail: async ({}, use) => {
    // The page asks for a token whenever a worker starts, also while the server is away.
    await use(['/sign-in/ann', '/sign-in/bob']);
  },

  listen: async ({ mayFail }, use) => {
    const errors: string[] = [];
    await use((page) => {
      page.on('pageerror', (error) => void errors.push(`uncaught: ${error.message}`));
      page.on('console', (message) => {
        if (message.type() !== 'error') return;
        const { pathname } = new URL(message.location().url || 'none:');
        if (failedRequest.test(message.text()) && mayFail.includes(pathname)) return;
        errors.push(`${message.text()} (${message.location().url})`);
      });
    });
    expect(errors, 'errors in the console').toEqual([]);
  },

  demo: async ({ page, listen }, use) => {
    listen(page);
    await page.goto('/');
    await signIn(page, 'ann');
    await use(page);
  },
});

/** Chooses the inspector. The browser keeps the choice: further tabs and reloads do not ask. */
export async function signIn(page: Page, inspector: 'ann' | 'bob'): Promise<void> {
  await page.getByTestId(`sign-in-${inspector}`).click();
}

/** A red picture of one pixel. */
export const pixel = {
  name: 'pixel.png',
  mimeType: 'image/png',
  buffer: Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAIAAACQd1PeAAAADElEQVR4nGM4YKAAAALEARHMijteAAAAAElFTkSuQmCC',
    'base64',
  ),
};

export interface Written {
  readonly title: string;
  readonly text?: string;
  /** `{ railings: 'defect' }` */
  readonly checks?: Readonly<Record<string, 'ok' | 'defect' | 'na'>>;
  readonly photo?: { readonly name: string; readonly mimeType: string; readonly buffer: Buffer };
  /** What the photo shows. */
  readonly alt?: string;
}

/** Fills the form and saves it, by mouse. */
export async function write(page: Page, { title, text = '', checks = {}, photo, alt = '' }: Written): Promise<void> {
  await page.getByTestId('title').fill(title);
  await page.getByTestId('text').fill(text);
  for (const [point, answer] of Object.entries(checks)) await page.getByTestId(`${point}-${answer}`).check();
  if (photo) {
    await page.getByTestId('photo').setInputFiles(photo);
    await page.getByTestId('photo-alt').fill(alt);
  }
  await page.getByTestId('save').click();
  // The form is empty again once it is on disk.
  await expect(page.getByTestId('title')).toHaveValue('');
}

/** What is not sent, by its title; as a whole, since an edit's title can begin like another's. */
export function unsentItem(page: Page, title: string): Locator {
  return page.locator('[part~=item]').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
}

/** Discards what is not sent, and confirms that. */
export async function discard(item: Locator): Promise<void> {
  await item.locator('[part~=discard]').click();
  await item.locator('[part~=confirm]').click();
}

/** Presses "Try now", unless what waited has gone by itself: the server is there again. */
export async function tryNow(item: Locator): Promise<void> {
  await item
    .locator('[part~=retry]')
    .click({ timeout: 15_000 })
    .catch(() => undefined);
}

export function reportItem(page: Page, title: string): Locator {
  return page.getByTestId('report-item').filter({ has: page.getByRole('heading', { name: title, exact: true }) });
}

export function reportsOn(server: DemoServer): readonly { readonly title: string; readonly text: string }[] {
  return server.reports().map(({ title, text }) => ({ title, text }));
}

/** The titles, or the word photo, of what had an effect, in order. */
export function effectsOn(server: DemoServer): readonly string[] {
  return server.effects().map(({ path, body }) => {
    if (path.includes('/photos/')) return 'photo';
    return (JSON.parse(body ?? '{}') as { readonly title: string }).title;
  });
}
