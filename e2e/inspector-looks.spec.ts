/**
 * How the inspector looks and reads: axe in light and dark, narrow and wide, from left to right and from right to left.
 */
import { AxeBuilder } from '@axe-core/playwright';
import type { TaskbasketInspector } from 'taskbasket/inspector';

import { expect, test } from './fixture.js';
import { inEachState, openInspector, play, taskLike, untilSeen, untilTitles } from './inspector-page.js';
import { isLong } from './long.js';

const looks = [320, 1_280].flatMap((width) => (['ltr', 'rtl'] as const).map((dir) => ({ width, dir })));

/** Each theme, each width and each direction is seen each time; all of them with each other only in the long run. */
function looksIn(colorScheme: 'light' | 'dark') {
  if (isLong) return looks;

  return looks.filter(({ width, dir }) => (width === 320) === ((dir === 'rtl') === (colorScheme === 'light')));
}

for (const colorScheme of ['light', 'dark'] as const) {
  test(
    `in ${colorScheme}, axe finds nothing and nothing scrolls sideways, at 320 and 1280 pixels, in both directions`,
    { tag: '@sized' },
    async ({ page }, info) => {
      await page.emulateMedia({ colorScheme });
      await page.goto('/inspector.html');
      await play(page, inEachState());
      await expect(page.getByRole('listitem')).toHaveCount(11);
      await page.getByRole('button', { name: 'Discard: Lift' }).click();
      await page.getByRole('button', { name: /^Correct: / }).click();

      for (const { width, dir } of looksIn(colorScheme)) {
        await page.setViewportSize({ width, height: width === 320 ? 2_700 : 1_500 });
        await page.evaluate((direction) => (document.documentElement.dir = direction), dir);
        const { violations } = await new AxeBuilder({ page }).analyze();
        const found = violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]);
        expect(found, `${width} px wide, ${dir}`).toEqual([]);
        expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(width);
        if (isLong) await page.screenshot({ path: info.outputPath(`inspector-${colorScheme}-${width}-${dir}.png`) });
      }
    },
  );
}

test('what is touched is 44 pixels high', async ({ page }) => {
  await page.setViewportSize({ width: 320, height: 900 });
  await page.goto('/inspector.html');
  await play(page, inEachState());
  await expect(page.getByRole('listitem')).toHaveCount(11);

  const heights = (): Promise<number[]> =>
    page.getByRole('button').evaluateAll((all) => all.map((one) => one.getBoundingClientRect().height));
  expect((await heights()).length).toBeGreaterThan(10);
  // A row that is not in sight has no height before it was drawn once.
  await expect.poll(async () => Math.min(...(await heights()))).toBeGreaterThanOrEqual(44);
});

test('from right to left the title stands to the right of the state, and each text begins at the right', async ({
  page,
}) => {
  await page.goto('/inspector.html');
  await page.evaluate(() => (document.documentElement.dir = 'rtl'));
  await play(page, [taskLike('Report')]);
  await untilTitles(page, 'Report');
  const { title, state, aligned } = await page.evaluate(() => {
    const part = (name: string): Element =>
      document.querySelector('taskbasket-inspector')?.shadowRoot?.querySelector(`[part~=${name}]`) as Element;

    return {
      title: part('title').getBoundingClientRect().x,
      state: part('state').getBoundingClientRect().x,
      aligned: ['note', 'title', 'why', 'facts'].map((name) => getComputedStyle(part(name)).textAlign),
    };
  });
  expect(title).toBeGreaterThan(state);
  expect(aligned).toEqual(['right', 'right', 'right', 'right']);
});

test('times are told in the language of the words, and in the page’s own form of it', async ({ page }) => {
  await page.goto('/inspector.html');
  const until = Date.now() + 90 * 60_000;
  await play(page, [taskLike('Report', { reasons: [{ reason: 'backoff', until }] })]);
  const says = (why: string, facts: string): Promise<unknown> =>
    untilSeen(page, why, ({ rows: [row] }) => row?.why === why && row.facts.startsWith(facts));
  await says('Next try in 90 minutes.', 'Saved 5 minutes ago');

  await page.evaluate(() => {
    const inspector = document.querySelector('taskbasket-inspector') as TaskbasketInspector;
    inspector.words = {
      lang: 'de',
      reasons: { backoff: ({ until: at }, when) => `Nächster Versuch ${when(at)}.` },
      facts: ({ addedAt }, when) => `Gespeichert ${when(addedAt)}.`,
    };
  });
  await says('Nächster Versuch in 90 Minuten.', 'Gespeichert vor 5 Minuten.');
  expect(
    await page.evaluate(() => {
      const row = document.querySelector('taskbasket-inspector')?.shadowRoot?.querySelector('li');

      return row?.closest('[lang]')?.getAttribute('lang');
    }),
    'screen readers pronounce the words by this',
  ).toBe('de');
});

test('the app’s colours and parts are taken', async ({ page, database }) => {
  await openInspector(page, { database, worker: 'none' });
  await page.evaluate(async () => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(
      'taskbasket-inspector { --taskbasket-accent: rgb(1, 2, 3) } taskbasket-inspector::part(retry) { text-transform: uppercase }',
    );
    document.adoptedStyleSheets = [sheet];
  });
  await play(page, inEachState());
  await untilSeen(page, 'the rows', ({ rows }) => rows.length === inEachState().length);
  const [colour, transform] = await page.evaluate(() => {
    const shadow = document.querySelector('taskbasket-inspector')?.shadowRoot;
    const { color, textTransform } = getComputedStyle(shadow?.querySelector('[part~=retry]') as Element);

    return [color, textTransform];
  });
  expect([colour, transform]).toEqual(['rgb(1, 2, 3)', 'uppercase']);
});
