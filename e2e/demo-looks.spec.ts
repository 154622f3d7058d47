/**
 * How the demo looks and reads: axe on each state and theme, sizes, shifts, the manifest, and pictures to look at.
 */
import { AxeBuilder } from '@axe-core/playwright';
import type { Page } from '@playwright/test';

import { expect, pixel, signIn, test, unsentItem, write } from './demo-page.js';
import { cannot, chromiumSession, engine } from './engine.js';
import type { DemoServer } from './fixture.js';
import { isLong } from './long.js';

/** What axe finds serious or critical, in words. */
async function findings(page: Page): Promise<readonly string[]> {
  // During a transition a colour is neither the old one nor the new one.
  await page.evaluate(async () => {
    await Promise.allSettled(document.getAnimations().map(async ({ finished }) => finished));
  });
  const { violations } = await new AxeBuilder({ page }).analyze();
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .flatMap(({ id, nodes }) => nodes.map(({ html, failureSummary }) => `${id}: ${html}\n${failureSummary ?? ''}`));
}

/** A picture drawn by the browser, so that no file of somebody's lies in the repository. */
async function scene(page: Page, drawing: string): Promise<Buffer> {
  await page.setViewportSize({ width: 640, height: 480 });
  await page.setContent(`<style>body{margin:0}svg{display:block}</style>
    <svg viewBox="0 0 640 480" width="640" height="480" xmlns="http://www.w3.org/2000/svg">${drawing}</svg>`);
  return page.screenshot({ type: 'jpeg', quality: 80 });
}

const railing = `<rect width="640" height="480" fill="#b8d4e3"/><rect y="330" width="640" height="150" fill="#6d7a6b"/>
  <g stroke="#39474f" stroke-width="14" fill="none"><path d="M0 210H640M0 300H640M60 190V360M180 190V360M300 190V360M540 190V360"/>
  <path d="M430 190l40 170" stroke="#b23b2a"/></g>`;
const lamp = `<rect width="640" height="480" fill="#2c3550"/><rect y="330" width="640" height="150" fill="#3a3f44"/>
  <path d="M320 400V120q0-40 60-40" stroke="#c9ccd1" stroke-width="14" fill="none"/><ellipse cx="395" cy="92" rx="36" ry="16" fill="#ffd66b"/>`;

/** Two reports that are sent; one that is refused, with its photo and a later edit; and one that waits for the server. */
async function fill(page: Page, server: DemoServer, photos: { readonly lamp: Buffer; readonly railing: Buffer }) {
  const jpeg = (buffer: Buffer) => ({ name: 'photo.jpg', mimeType: 'image/jpeg', buffer });
  await write(page, {
    title: 'Underpass, Mill Lane',
    text: 'Two lamps out of six are dark. Reported to the electricians on site.',
    checks: { access: 'ok', railings: 'ok', surface: 'ok', lighting: 'defect', signs: 'na' },
    photo: jpeg(photos.lamp),
    alt: 'The dark lamp at the north end',
  });
  await write(page, {
    title: 'Footbridge 7, north ramp',
    text: 'All in order after the repair in March.',
    checks: { access: 'ok', railings: 'ok', surface: 'ok', lighting: 'ok', signs: 'ok' },
  });
  await expect(page.locator('[part=note]')).toHaveText('Everything is sent.');

  const stairs = 'Stairs at the customs house';
  await write(page, {
    title: stairs,
    checks: { railings: 'defect' },
    photo: jpeg(photos.railing),
    alt: 'The bent post',
  });
  await expect(unsentItem(page, stairs)).toHaveAttribute('part', 'item item-dead');
  await page.getByTestId('report-item').filter({ hasText: stairs }).getByTestId('report-edit').click();
  await write(page, {
    title: `${stairs}, west flight`,
    text: 'Third post from the top is bent outwards; the handrail holds.',
    checks: { railings: 'defect', surface: 'ok' },
  });
  server.setMood('503', { retryAfter: 60 });
  await write(page, {
    title: 'Quay wall, section 12',
    text: 'A joint is open over two metres. Needs a closer look at low tide.',
    checks: { access: 'ok', surface: 'defect' },
  });
  await expect(unsentItem(page, 'Quay wall, section 12')).toHaveAttribute('part', 'item item-away');
}

interface Look {
  readonly colorScheme: 'light' | 'dark';
  readonly width: number;
  readonly height: number;
}

/** Every theme and every width is seen each time; each state in each only in the long run. */
const looks: readonly Look[] = [
  { colorScheme: 'light', width: 360, height: 780 },
  { colorScheme: 'dark', width: 1280, height: 900 },
  { colorScheme: 'light', width: 1280, height: 900 },
  { colorScheme: 'dark', width: 360, height: 780 },
];

test(
  'each state of the page is without serious findings of axe, in light and dark, narrow and wide; the long run pictures it',
  { tag: '@long' },
  async ({ demo, context, server }, info) => {
    let turn = 0;

    /** Puts on one look after the other, in the long run; else each state has the next one. The same page is seen in each. */
    async function inEachLook(see: (look: Look) => Promise<void>): Promise<void> {
      turn += 1;
      for (const look of isLong ? looks : looks.slice(turn % 2, (turn % 2) + 1)) {
        await demo.emulateMedia({ colorScheme: look.colorScheme });
        await demo.setViewportSize({ width: look.width, height: look.height });
        await see(look);
      }
    }

    async function picture(name: string, { colorScheme, width }: Look, fullPage = true): Promise<void> {
      if (isLong) await demo.screenshot({ fullPage, path: info.outputPath(`${name}-${colorScheme}-${width}.png`) });
    }

    async function expectNoFindings(state: string, { colorScheme, width }: Look): Promise<void> {
      expect(await findings(demo), `${state}, ${colorScheme}, ${width} px wide`).toEqual([]);
    }

    const artist = await context.newPage();
    const photos = { lamp: await scene(artist, lamp), railing: await scene(artist, railing) };
    await artist.close();

    await demo.getByTestId('sign-out').click();
    await expect(demo.getByTestId('sign-in')).toBeVisible();
    await inEachLook(async (look) => {
      await expectNoFindings('nobody is signed in', look);
      await picture('nobody', look, false);
    });
    await signIn(demo, 'ann');

    await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
    await inEachLook((look) => expectNoFindings('empty', look));

    await demo.getByTestId('save').click();
    await expect(demo.getByTestId('title')).toHaveAttribute('aria-invalid', 'true');
    await demo.getByTestId('railings-defect').check();
    await demo.getByTestId('access-ok').check();
    await demo.getByTestId('signs-na').check();
    await demo.getByTestId('photo').setInputFiles(pixel);
    await expect(demo.getByTestId('photo-alt')).toBeVisible();
    await inEachLook(async (look) => {
      await expectNoFindings('the form with an error', look);
      await picture('form', look);
    });
    await demo.reload();

    await fill(demo, server, photos);
    await demo.getByTestId('mood-open').click();
    await demo.getByTestId('title').fill('Lift, platform 2');
    await demo.getByTestId('text').fill('Doors close too fast for a wheelchair.');
    await demo.getByTestId('access-defect').check();
    await demo.getByTestId('lighting-ok').check();
    await expect(demo.getByTestId('ledger-line').first()).toBeVisible();
    await inEachLook(async (look) => {
      await expectNoFindings('filled', look);
      expect(await demo.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(look.width);
    });
    await demo.evaluate(() => {
      // What was announced is out of sight after a while.
      document.getElementById('announcement')?.classList.remove('in-sight');
    });
    await demo.mouse.move(0, 0);
    await expect(demo.getByTestId('announcement')).toHaveCSS('opacity', '0');
    await inEachLook(async (look) => {
      await demo.evaluate(() => scrollTo(0, 0));
      await picture('filled', look);
      // In light and 1280 px wide this is docs/demo.webp.
      await picture('top', look, false);
    });

    await demo.getByTestId('sign-out').click();
    await inEachLook(async (look) => {
      await expectNoFindings('the question before somebody leaves', look);
      await picture('leave', look, false);
    });
    await demo.getByTestId('leave-no').click();

    await demo.locator('[part~=pause]').click();
    await expect(unsentItem(demo, 'Quay wall, section 12')).toHaveAttribute('part', 'item item-paused');
    await unsentItem(demo, 'Stairs at the customs house').locator('[part~=correct]').click();
    await inEachLook(async (look) => {
      await expectNoFindings('a correction, while what is not sent is held back', look);
      await picture('correction', look);
    });
  },
);

test('what is touched is 44 pixels high at least; at 320 pixels, which is 1280 at four times the size, nothing scrolls sideways', async ({
  demo,
  server,
}) => {
  await demo.setViewportSize({ width: 360, height: 780 });
  server.setMood('4xx');
  await write(demo, { title: `Bridge${'7'.repeat(60)}`, text: 'x'.repeat(200), photo: pixel });
  await demo.locator('[part~=item]').first().locator('[part~=correct]').click();
  await demo.getByTestId('photo').setInputFiles(pixel);
  await demo.getByTestId('mood-open').click();

  const small = await demo.evaluate(() => {
    const touched =
      'button, summary, textarea, a:not(.skip), input:not([type=radio], [type=file]), .choice label, .file';
    return [...document.querySelectorAll<HTMLElement>(touched)]
      .filter((element) => element.checkVisibility() && element.getBoundingClientRect().height < 44)
      .map((element) => `${element.outerHTML.slice(0, 120)}: ${element.getBoundingClientRect().height}`);
  });
  expect(small).toEqual([]);

  await demo.setViewportSize({ width: 320, height: 640 });
  await expect(demo.getByTestId('ledger-line').first()).toBeVisible();
  expect(await demo.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(320);
});

test('nothing moves by itself while the page loads and fills', async ({ demo, server }) => {
  if (engine !== 'chromium') cannot(12, 'Only Chromium tells of layout shifts');
  server.setMood('503', { retryAfter: 600 });
  for (const title of ['Bridge 7', 'Bridge 8']) await write(demo, { title });
  await expect(demo.locator('[part~=item]')).toHaveCount(2);
  await demo.reload();
  await expect(demo.getByTestId('offline-ready')).toBeVisible();
  await expect(demo.locator('[part~=item]')).toHaveCount(2);

  const shifted = await demo.evaluate(
    () =>
      new Promise<number>((resolve) => {
        let sum = 0;
        new PerformanceObserver((list) => {
          for (const entry of list.getEntries()) sum += (entry as unknown as { readonly value: number }).value;
        }).observe({ type: 'layout-shift', buffered: true });
        // The entries that are buffered come in a task of their own.
        requestAnimationFrame(() => setTimeout(() => resolve(sum)));
      }),
  );
  expect(shifted).toBeLessThan(0.01);
});

test('the page can be installed', async ({ demo }) => {
  await expect(demo.getByTestId('offline-ready')).toHaveText('This page opens offline.');
  const session = await chromiumSession(demo);
  const { errors, data = '{}' } = await session.send('Page.getAppManifest');
  expect(errors).toEqual([]);
  expect(JSON.parse(data)).toMatchObject({ display: 'standalone', start_url: '/' });
  const { installabilityErrors } = await session.send('Page.getInstallabilityErrors');
  // A test's browser keeps nothing, which is the one thing that it may say.
  expect(installabilityErrors.map(({ errorId }) => errorId).filter((id) => id !== 'in-incognito')).toEqual([]);
});
