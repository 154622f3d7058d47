/** Two people share a device. The server's ledger says whose token each note came with. */
import type { Page } from '@playwright/test';

import type { EffectRow } from './fixture.js';
import { expect, killWorker, namesOf, test, until, untilLedger } from './fixture.js';

async function visit(page: Page, owner: string, ...tokens: readonly string[]): Promise<void> {
  await page.goto('/accounts.html');
  await page.evaluate(async ([who, all]) => window.accounts.signIn(who, all), [owner, tokens] as const);
}

async function save(page: Page, ...names: readonly string[]): Promise<void> {
  await page.evaluate(async (all) => {
    for (const name of all) await window.accounts.basket.add('saveNote', { name });
  }, names);
}

const countOf = (page: Page): Promise<number> =>
  page.evaluate(async () => (await window.accounts.basket.count()).count);

const numbered = (who: string, count: number): string[] => Array.from({ length: count }, (_, n) => `${who} ${n + 1}`);

test('scenarios 32 and 67: Ann writes offline and signs out, Bob signs in: the server holds his under his token, and hers under hers once she is back', async ({
  page,
  server,
}) => {
  const withTokens = (effects: readonly EffectRow[]): readonly unknown[] =>
    effects.map(({ key, path }) => {
      const [sent] = server.ledger().filter((row) => row.key === key && row.status === 200);

      return [...namesOf([{ path }]), sent?.worker];
    });
  server.setMood('503');
  await visit(page, 'ann', 'secret-a1');
  await save(page, ...numbered('ann', 5));
  await untilLedger(server, (ledger) => ledger.length > 0, 'a first try');
  expect(await page.evaluate(async () => window.accounts.signOut())).toBeUndefined();

  await visit(page, 'bob', 'secret-b1');
  expect(await countOf(page)).toBe(0);
  expect(await page.evaluate(async () => (await window.accounts.basket.list()).length)).toBe(0);
  await save(page, ...numbered('bob', 3));
  server.setMood('up');
  await until(server.effects, (effects) => effects.length === 3, 'three notes of Bob');
  await until(
    () => countOf(page),
    (count) => count === 0,
    'an empty basket of Bob',
  );
  expect(withTokens(server.effects())).toEqual(numbered('bob', 3).map((name) => [name, 'bob secret-b1']));

  // Her token is too old by now. The app is asked once more.
  await visit(page, 'ann', 'expired', 'secret-a2');
  await page.evaluate(() => localStorage.setItem('planted', 'secret-planted'));
  await until(server.effects, (effects) => effects.length === 8, 'five notes of Ann');
  expect(withTokens(server.effects()).slice(3)).toEqual(numbered('ann', 5).map((name) => [name, 'ann secret-a2']));
  expect(await page.evaluate(() => window.accounts.asked())).toBe(2);
  expect((await page.evaluate(async () => window.accounts.stored())).match(/secret-\w+/g)).toEqual(['secret-planted']);
});

test('a worker that was killed gets the values of a page again, and one page of two is asked', async ({
  page,
  context,
  server,
}) => {
  const other = await context.newPage();
  await visit(page, 'ann', 'a1');
  await visit(other, 'ann', 'a1');
  await save(page, 'before');
  await until(server.effects, (effects) => effects.length === 1, 'a first note');
  const askedBefore = await page.evaluate(() => window.accounts.asked());
  const otherBefore = await other.evaluate(() => window.accounts.asked());

  await killWorker(page, server);
  await save(page, 'after');
  await until(server.effects, (effects) => effects.length === 2, 'a second note');
  const asked = (await page.evaluate(() => window.accounts.asked())) - askedBefore;
  expect(asked + (await other.evaluate(() => window.accounts.asked())) - otherBefore).toBe(1);
});

test('signing out in the middle of an upload whose handler ignores its abort: an error after 15 s, and nothing of hers starts', async ({
  page,
  server,
}) => {
  await visit(page, 'ann', 'a1');
  await page.evaluate(async () => void (await window.accounts.basket.add('upload', { name: 'large' })));
  await untilLedger(server, (ledger) => ledger.length === 1, 'an upload');

  const began = Date.now();
  const ending = page.evaluate(async () => window.accounts.signOut());
  await page.evaluate(
    async () => void (await window.accounts.basket.add('saveNote', { name: 'late' }, { owner: 'ann' })),
  );
  expect(await ending).toBe('still-sending');
  expect(Date.now() - began).toBeGreaterThanOrEqual(15_000);
  expect(namesOf(server.ledger())).toEqual(['large']);
});
