import { rm } from 'node:fs/promises';

import { expect, openLab, test, until, untilDrained, untilLed, views } from './fixture.ts';
import { startOwnBrowser } from './own-browser.ts';

/** The counted rounds: those in which the kill came within 50 ms after an add had resolved. */
const rounds = 20;
const soon = 50;

/** Announces the times of adds that resolved, from the page; what it was told is outside when the browser dies. */
declare global {
  interface Window {
    journal(id: string, resolvedAt: number): void;
  }
}

test('scenario 1: the browser is killed within 50 ms after an add resolved, 20 times on one profile: no task is lost', async ({
  server,
  database,
}, info) => {
  test.setTimeout(240_000);
  const profile = info.outputPath('profile');
  // The first request closes the gate for longer than the test takes, so that no attempt runs while it is killed.
  const options = { database, base: 600_000, cap: 600_000 };
  server.setMood('503');
  const journal: string[] = [];

  let counted = 0;
  for (let round = 0; counted < rounds; round += 1) {
    expect(round, 'rounds in which the machine was too slow to kill in time').toBeLessThan(2 * rounds);
    const { context, kill, ended } = await startOwnBrowser(profile);
    const [page = await context.newPage()] = context.pages();
    await openLab(page, options, server);

    // Adds follow one another; the kill comes after the first, the second or the third, and in the midst of the next.
    let left = 1 + (round % 3);
    const killed = new Promise<number>((resolve) => {
      void page.exposeFunction('journal', (id: string, resolvedAt: number) => {
        journal.push(id);
        left -= 1;
        if (left > 0) return;
        kill();
        resolve(Date.now() - resolvedAt);
      });
    });
    await until(
      () => page.evaluate(() => typeof window.journal),
      (type) => type === 'function',
      'a way out of the page',
    );
    page
      .evaluate(async (first) => {
        for (let index = first; ; index += 1) {
          const id = await window.lab.basket.add('send', { name: `${index}` });
          window.journal(id, Date.now());
        }
      }, round * 1_000)
      .catch(() => undefined); // It ends with the browser.

    if ((await killed) <= soon) counted += 1;
    await ended;
  }

  server.setMood('up');
  const { context, kill, ended } = await startOwnBrowser(profile);
  const [page = await context.newPage()] = context.pages();
  await openLab(page, options, server);
  await untilLed(page);
  const stored = (await views(page)).map(({ id }) => id);
  // What was journaled is there. What was not may be: killed between the commit and the word of it.
  expect(stored).toEqual(expect.arrayContaining(journal));

  // The gate stands closed: a person's "try now" has it probed.
  await page.evaluate(async (id) => window.lab.basket.retry(id), journal[0] ?? '');
  await untilDrained(server, page, stored.length);
  const keys = server.effects().map(({ key }) => key);
  expect(new Set(keys)).toEqual(new Set(stored));
  expect(keys).toHaveLength(stored.length);

  kill();
  await ended;
  await rm(profile, { recursive: true, force: true });
});
