import type { Page } from '@playwright/test';

import { add, expect, openLab, test, until, untilDrained, views } from './fixture.js';
import { isLong, sized } from './long.js';

const rounds = sized(1, 20);

declare global {
  interface Window {
    /** Tells the test that an add resolved. */
    journal(id: string): void;
  }
}

/**
 * Adds so many tasks, one after the other. The browser is killed at the word that the last one is stored.
 *
 * No other write is on its way then: a kill in the midst of one can leave half a record at the end of Chromium's log.
 * Chromium 156 writes on behind that, takes its database for damaged at the next start but one, and deletes it, with all
 * that had long been safe on disk.
 */
function addAndKill(page: Page, count: number, kill: () => void, journal: string[]): Promise<void> {
  return new Promise((resolve, reject) => {
    let left = count;
    const told = (id: string): void => {
      journal.push(id);
      left -= 1;
      if (left > 0) return;
      kill();
      resolve();
    };

    const adding = page.exposeFunction('journal', told).then(() =>
      page.evaluate(async (number) => {
        for (let index = 0; index < number; index += 1) {
          const id = await window.lab.basket.add('send', { name: `${index}` });
          window.journal(id);
        }
      }, count),
    );
    adding.catch((error: unknown) => {
      if (left > 0) reject(error);
    });
  });
}

/** What the browser says of a database that it deleted by itself, which is beyond any library. */
function dataLoss(page: Page, database: string): Promise<string> {
  return page.evaluate(
    (name) =>
      new Promise<string>((resolve, reject) => {
        const opening = indexedDB.open(name);
        opening.addEventListener('upgradeneeded', (event) => {
          const { dataLossMessage } = event as IDBVersionChangeEvent & { readonly dataLossMessage?: string };
          reject(new Error(`The browser has lost its database: ${dataLossMessage ?? 'it does not say why'}`));
        });
        opening.addEventListener('success', () => {
          opening.result.close();
          resolve('none');
        });
      }),
    database,
  );
}

/** A runner leads, for the so-manieth time, and has nothing more to write. */
async function untilQuiet(page: Page, terms: number): Promise<void> {
  let before = '';
  await until(
    async () => JSON.stringify(await page.evaluate(async () => window.lab.dump())),
    (now) => {
      const isQuiet = now === before && now.includes(`"epoch":{"count":${terms},`);
      before = now;
      return isQuiet;
    },
    'a runner that is quiet',
  );
}

const title = `scenario 1: the browser is killed as soon as an add has resolved, ${isLong ? `${rounds} times on one profile` : 'once'}: no task is lost`;

test(title, { tag: '@sized' }, async ({ server, database, startBrowser }) => {
  test.setTimeout(240_000);
  // The first request closes the gate for longer than the test takes: a runner leads, and no attempt is killed.
  const options = { database };
  server.setMood('503', { retryAfter: 7_200 });
  const journal: string[] = [];

  for (let round = 0; round < rounds; round += 1) {
    const { page, kill, ended } = await startBrowser();
    await page.goto(`${server.url}/lab.html`);
    if (round > 0) expect(await dataLoss(page, database)).toBe('none');
    await page.evaluate(async (given) => void (await window.lab.open(given)), options);
    if (round === 0) {
      journal.push(await add(page, 'send', { name: 'first' }));
      await until(
        () => views(page),
        ([task]) => task?.gate.closedUntil !== undefined && !task.running,
        'a closed gate',
      );
    }
    await untilQuiet(page, round + 1);

    await addAndKill(page, 1 + (round % 3), kill, journal);
    await ended;
  }

  server.setMood('up');
  const { page } = await startBrowser();
  await openLab(page, options, server);
  await untilQuiet(page, rounds + 1);
  expect((await views(page)).map(({ id }) => id)).toEqual(journal);
  expect(server.ledger()).toHaveLength(1);

  // The gate stands closed: a person's "try now" has it probed.
  await page.evaluate(async (id) => window.lab.basket.retry(id), journal[0] ?? '');
  await untilDrained(server, page, journal.length);
  const keys = server.effects().map(({ key }) => key);
  expect(keys).toHaveLength(journal.length);
  expect(new Set(keys)).toEqual(new Set(journal));
});
