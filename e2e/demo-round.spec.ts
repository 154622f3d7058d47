/**
 * An inspector's whole round, by keyboard alone, and in two tabs. The server's ledger and effects are the judge.
 */
import type { Locator, Page } from '@playwright/test';

import { discard, effectsOn, expect, pixel, reportItem, signIn, test, unsentItem, write } from './demo-page.js';
import { focusOn, until } from './fixture.js';

/**
 * Goes there by the Tab key, as a person does who has no mouse; back with Shift, because behind the page's end other browsers
 * than Chromium have their own buttons. The focus must be in sight on the way.
 */
async function tabTo(page: Page, target: Locator): Promise<void> {
  await expect(target).toBeVisible();
  for (let presses = 0; presses < 150; presses += 1) {
    const { there, above, shown } = await target.evaluate(focusAt);
    if (presses > 0) expect(shown, 'what has the focus shows it').toBe(true);
    if (there) return;
    await page.keyboard.press(above ? 'Shift+Tab' : 'Tab');
  }
  throw new Error(`The Tab key never came to ${String(target)}.`);
}

/**
 * Says whether this element has the focus, whether it comes before the focused element, and whether the focused element
 * (or the label that stands for it) has a ring. If nothing has the focus, no ring is needed. The list of unsent has a
 * shadow tree, and the form of a correction is shown inside it although it belongs to the document. Of an element in the
 * form and one in the shadow tree, the one that is higher on the page comes first.
 */
function focusAt(element: Element): { readonly there: boolean; readonly above: boolean; readonly shown: boolean } {
  const top = document.activeElement;
  const focused = top?.shadowRoot?.activeElement ?? top;
  const there = element === focused;
  if (!focused || focused === document.body) return { there, above: false, shown: true };
  const hostOf = (one: Element): Element =>
    one.closest('taskbasket-inspector') ?? (one.getRootNode() as Partial<ShadowRoot>).host ?? one;
  const [from, to] =
    focused.getRootNode() === element.getRootNode() ? [focused, element] : [focused, element].map(hostOf);
  const above =
    from === to
      ? element.getBoundingClientRect().top < focused.getBoundingClientRect().top
      : ((from?.compareDocumentPosition(to ?? element) ?? 0) & Node.DOCUMENT_POSITION_PRECEDING) !== 0;
  const marked = focused.matches('.choice input, .file input') ? focused.nextElementSibling : focused;
  const { outlineStyle, outlineWidth } = getComputedStyle(marked ?? focused);
  return { there, above, shown: outlineStyle !== 'none' && Number.parseFloat(outlineWidth) >= 2 };
}

async function press(page: Page, target: Locator): Promise<void> {
  await tabTo(page, target);
  await page.keyboard.press('Enter');
}

/** The focus is somewhere: a list that is drawn anew has not lost it. */
async function expectFocus(page: Page): Promise<void> {
  expect(await page.evaluate(() => document.activeElement?.tagName)).not.toBe('BODY');
}

test(
  'the whole round can be made by keyboard alone: written, photographed, refused, changed and discarded without a network, tried again, corrected, sent in order',
  { tag: '@long' },
  async ({ demo, server }) => {
    await expect(demo.getByTestId('offline-ready')).toHaveText('This page opens offline.');

    await test.step('a report with a defect that nobody described is refused, and its photo waits', async () => {
      await tabTo(demo, demo.getByTestId('title'));
      await demo.keyboard.type('Bridge 7');
      await tabTo(demo, demo.getByTestId('access-ok'));
      await demo.keyboard.press('Space');
      await tabTo(demo, demo.getByTestId('railings-ok'));
      await demo.keyboard.press('ArrowRight');
      await expect(demo.getByTestId('railings-defect')).toBeChecked();
      await tabTo(demo, demo.getByTestId('photo'));
      await demo.getByTestId('photo').setInputFiles(pixel);
      await tabTo(demo, demo.getByTestId('photo-alt'));
      await demo.keyboard.type('The loose post');
      await press(demo, demo.getByTestId('save'));
      await expect(demo.getByTestId('title')).toBeFocused();

      await expect(unsentItem(demo, 'Bridge 7').locator('[part=why]')).toHaveText(
        'The server refused it (422): The text is empty, but a defect must be described. Correct it.',
      );
      await expect(demo.getByTestId('announcement')).toContainText('Refused by the server: Bridge 7.');
      await expect(unsentItem(demo, 'Photo of Bridge 7').locator('[part=why]')).toHaveText(
        'Waits for its report, which was refused.',
      );
      await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'refused');
      await expectFocus(demo);
    });

    server.down();
    await demo.reload();

    await test.step('without a network it is changed, and the change waits behind it', async () => {
      await press(demo, reportItem(demo, 'Bridge 7').getByTestId('report-edit'));
      await expect(demo.getByTestId('title')).toBeFocused();
      await expect(demo.getByTestId('railings-defect')).toBeChecked();
      await demo.keyboard.press('End');
      await demo.keyboard.type(', north ramp');
      await demo.keyboard.press('Tab');
      await demo.keyboard.type('Third post bent.');
      await press(demo, demo.getByTestId('save'));
      await expect(unsentItem(demo, 'Bridge 7, north ramp').locator('[part=why]')).toHaveText(
        'Waits for the earlier edit of this report, which was refused.',
      );
    });

    await test.step('two more are written, and one of them is discarded', async () => {
      for (const title of ['Quay wall', 'Wrong place']) {
        await tabTo(demo, demo.getByTestId('title'));
        await demo.keyboard.type(title);
        await press(demo, demo.getByTestId('save'));
        await expect(unsentItem(demo, title).locator('[part=why]')).toHaveText(
          /^The server can’t be reached\. (Next try (in \d+ seconds?|now)|One save is tried first)\.$/,
        );
      }
      await press(demo, unsentItem(demo, 'Wrong place').locator('[part~=discard]'));
      await press(demo, unsentItem(demo, 'Wrong place').locator('[part~=confirm]'));
      await expect(unsentItem(demo, 'Wrong place')).toHaveCount(0);
      await expect(demo.getByTestId('announcement')).toContainText('Discarded: Wrong place. It is not sent.');
      await expect(reportItem(demo, 'Wrong place')).toHaveAttribute('data-state', 'cancelled');
      await expect(unsentItem(demo, 'Quay wall').getByRole('heading')).toBeFocused();
    });

    server.setMood('503', { retryAfter: 600 });
    server.up();

    await test.step('the server is there again, and busy: "try now" does not wait for its time', async () => {
      const wall = unsentItem(demo, 'Quay wall');
      await expect(wall.locator('[part=why]')).toHaveText(/^The server is busy \(503\)\. Next try in /);
      server.setMood('up');
      await press(demo, wall.locator('[part~=retry]'));
      await expect(reportItem(demo, 'Quay wall')).toHaveAttribute('data-state', 'sent');
      await expect(demo.getByTestId('announcement')).toContainText('Sent: Quay wall.');
      await expectFocus(demo);
      expect(effectsOn(server)).toEqual(['Quay wall']);
    });

    await test.step('the refused one is corrected, and what waited for it follows in order', async () => {
      await press(demo, unsentItem(demo, 'Bridge 7').locator('[part~=correct]'));
      const text = demo.getByTestId('correction').getByLabel('Text');
      await expect(text).toBeFocused();
      await expect(text).toHaveAccessibleDescription('The text is empty, but a defect must be described.');
      await demo.keyboard.type('A post of the railing is loose.');
      await press(demo, demo.getByTestId('correct-send'));

      await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
      await expectFocus(demo);
      await expect(reportItem(demo, 'Bridge 7, north ramp')).toHaveAttribute('data-state', 'sent');
    });

    // The photo waits for its report alone, and the change of it too: neither waits for the other.
    expect(effectsOn(server).slice(0, 2)).toEqual(['Quay wall', 'Bridge 7']);
    expect([...effectsOn(server)].sort()).toEqual(['Bridge 7', 'Bridge 7, north ramp', 'Quay wall', 'photo']);
    expect(server.ledger().some(({ body }) => body?.includes('Wrong place'))).toBe(false);
    const [refused, corrected] = server.ledger().filter(({ body }) => body?.includes('"title":"Bridge 7"'));
    expect(refused?.status).toBe(422);
    expect(corrected).toMatchObject({ status: 200, key: `${refused?.key ?? ''}.1` });
    expect(new Set(server.effects().map(({ key }) => key)).size).toBe(4);
    expect(server.photos()[0]?.bytes.equals(pixel.buffer)).toBe(true);
  },
);

test(
  'two tabs show the same, and what one corrects leaves the other’s list too',
  { tag: '@long' },
  async ({ demo, context, listen, server }) => {
    const long = 'The footbridge over the northern arm of the old harbour, west side';
    await write(demo, { title: long, text: 'Rust.' });
    const other = await context.newPage();
    listen(other);
    await other.goto('/');

    const reason = `The server refused it (422): The title has ${long.length} characters, and 60 is the most that is taken. Correct it.`;
    for (const page of [demo, other]) {
      await expect(unsentItem(page, long).locator('[part=why]')).toHaveText(reason);
      await expect(reportItem(page, long)).toHaveAttribute('data-state', 'refused');
    }

    // Both begin to correct it; the second form goes when the first was sent, and its focus is not lost.
    await demo.bringToFront(); // Of the tabs of a window one has the focus; Playwright's Chromium gives it to all.
    await unsentItem(demo, long).locator('[part~=correct]').click();
    await expect(demo.getByTestId('correction').getByLabel('Title')).toBeFocused();
    await unsentItem(other, long).locator('[part~=correct]').click();
    await other.getByTestId('correction').getByLabel('Title').fill('Harbour footbridge');
    await other.getByTestId('correct-send').click();
    for (const page of [demo, other]) {
      await expect(page.locator('[part=note]')).toHaveText('Everything is sent.');
      await expect(reportItem(page, 'Harbour footbridge')).toHaveAttribute('data-state', 'sent');
      await expect(page.getByTestId('announcement')).toContainText('Sent: ');
    }
    await expectFocus(demo);
    expect(effectsOn(server)).toEqual(['Harbour footbridge']);
  },
);

test('a save that another tab discarded is not announced as sent', async ({ demo, context, listen, server }) => {
  server.setMood('503', { retryAfter: 600 });
  await write(demo, { title: 'Bridge 7' });
  await expect(unsentItem(demo, 'Bridge 7')).toHaveAttribute('part', 'item item-away');
  const other = await context.newPage();
  listen(other);
  await other.goto('/');
  await discard(unsentItem(other, 'Bridge 7'));

  await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
  await write(demo, { title: 'Bridge 8' });
  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 8.');
  await expect(demo.getByTestId('announcement')).not.toContainText('Sent: Bridge 7');
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'cancelled');
});

test('the focus stays where it is while the list changes around it, and is not lost with what leaves', async ({
  demo,
  server,
}) => {
  server.setMood('500');
  for (const title of ['Bridge 7', 'Bridge 8']) await write(demo, { title });
  const button = unsentItem(demo, 'Bridge 8').locator('[part~=discard]');
  await focusOn(button);
  server.setMood('500', { match: 'Bridge 8' });

  await expect(unsentItem(demo, 'Bridge 7')).toHaveCount(0);
  await expect(button).toBeFocused();
  server.setMood('up');
  await until(server.effects, (effects) => effects.length === 2, 'two effects');
  await expect(unsentItem(demo, 'Bridge 8')).toHaveCount(0);
  await expect(demo.getByRole('heading', { name: 'Not sent yet' })).toBeFocused();
});

test(
  'a photo that the server refuses is replaced by another one, under a new key',
  { tag: '@long' },
  async ({ demo, server }) => {
    server.setMood('4xx', { status: 415, match: '/photos/', times: 1 });
    await write(demo, { title: 'Bridge 7', photo: pixel, alt: 'The loose post' });
    const item = unsentItem(demo, 'Photo of Bridge 7');
    await expect(item.locator('[part=why]')).toHaveText(/^The server refused it \(415\): /);

    await item.locator('[part~=correct]').click();
    await expect(demo.getByLabel('Another photo')).toBeFocused();
    await demo.getByTestId('correct-send').click();
    await expect(demo.getByLabel('Another photo')).toHaveAccessibleDescription('Choose a photo.');
    const other = Buffer.concat([pixel.buffer, Buffer.from('more')]);
    await demo.getByLabel('Another photo').setInputFiles({ ...pixel, buffer: other });
    await demo.getByTestId('correct-send').click();

    await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
    expect(effectsOn(server)).toEqual(['Bridge 7', 'photo']);
    expect(server.photos()[0]?.bytes.equals(other)).toBe(true);
    const [refused, taken] = server.ledger().filter(({ path }) => path.includes('/photos/'));
    expect(taken?.key).toBe(`${refused?.key ?? ''}.1`);
  },
);

test('without a worker the list says that nobody runs tasks, and why; another tab that has one sends them', async ({
  context,
  listen,
  server,
}) => {
  const page = await context.newPage();
  listen(page);
  await page.addInitScript(() => {
    Object.defineProperty(globalThis, 'SharedWorker', {
      value: function Blocked() {
        throw new Error('Shared workers are switched off here.');
      },
    });
  });
  await page.goto('/');
  await signIn(page, 'ann');
  await write(page, { title: 'Bridge 7' });
  await expect(unsentItem(page, 'Bridge 7').locator('[part=why]')).toHaveText(
    /^Nobody runs tasks: .*"Shared workers are switched off here"\./,
  );
  expect(server.ledger()).toEqual([]);

  const other = await context.newPage();
  listen(other);
  await other.goto('/');
  await expect(page.locator('[part=note]')).toHaveText('Everything is sent.');
  await expect(reportItem(page, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(effectsOn(server)).toEqual(['Bridge 7']);
});

test('a visitor breaks the server, and sees what it received', async ({ demo, server }) => {
  await demo.getByTestId('mood-open').click();
  await expect(demo.getByText('It has received nothing yet.')).toBeVisible();
  await demo.getByTestId('mood-times').fill('1');
  await demo.getByTestId('mood-drop-after').click();
  await expect(demo.getByTestId('mood-current')).toHaveText('Now: Hangs up late, for one request.');
  await expect(demo.getByTestId('mood-drop-after')).toHaveAttribute('aria-pressed', 'true');

  await write(demo, { title: 'Bridge 7' });
  const lines = demo.getByTestId('ledger-line');
  await expect(lines).toHaveCount(2);
  await expect(lines.nth(1)).toContainText('cut off');
  await expect(lines.nth(0)).toContainText('200, known');
  await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
  const [first, second] = server.ledger();
  expect(second?.key).toBe(first?.key);
  expect(effectsOn(server)).toEqual(['Bridge 7']);
});
