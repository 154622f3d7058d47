import type { Page } from '@playwright/test';

import { add, expect, killWorker, namesOf, openLab, test, until, untilLed, untilLedger, views } from './fixture.js';

/** Signs in, or out; resolves with the code of its error, or with nothing. */
function sign(page: Page, owner: string | undefined): Promise<string | undefined> {
  return page.evaluate(async (who) => {
    const { basket } = window.lab;
    const call = who === undefined ? basket.signOut() : basket.signIn(who, { token: `token of ${who}` });

    return call.then(
      () => undefined,
      (error: unknown) => String((error as { readonly code?: unknown }).code),
    );
  }, owner);
}

/** Begins to sign out; gives back whether that has ended. */
async function signOutLater(page: Page): Promise<() => Promise<boolean>> {
  await page.evaluate(() => {
    const state = { ended: false };
    Object.assign(window, { signing: state });
    void window.lab.basket.signOut().finally(() => {
      state.ended = true;
    });
  });

  return () =>
    page.evaluate(() => (window as unknown as { readonly signing: { readonly ended: boolean } }).signing.ended);
}

test('scenario 32: what Ann wrote offline is not sent under Bob, whom she lets on, and is sent when she is back', async ({
  context,
  page,
  server,
  database,
}) => {
  server.setMood('refuse');
  await openLab(page, { database, session: true });
  await sign(page, 'ann');
  for (const name of ['a1', 'a2', 'a3', 'a4', 'a5']) await add(page, 'send', { name, lane: 'notes' });
  await untilLed(page);
  expect(await sign(page, undefined)).toBeUndefined();

  const bobs = await context.newPage();
  await openLab(bobs, { database, session: true });
  expect(await sign(bobs, 'bob')).toBeUndefined();
  expect(await views(bobs)).toEqual([]);
  for (const name of ['b1', 'b2', 'b3']) await add(bobs, 'send', { name, lane: 'notes' });
  server.setMood('up');
  await until(server.effects, (effects) => effects.length >= 3, 'three effects');
  await until(
    () => views(bobs),
    (left) => left.length === 0,
    'an empty basket of Bob’s',
  );
  expect(namesOf(server.effects())).toEqual(['b1', 'b2', 'b3']);
  expect(await views(page)).toEqual([]);

  expect(await sign(page, 'ann')).toBeUndefined();
  await until(server.effects, (effects) => effects.length >= 8, 'eight effects');
  expect(namesOf(server.effects())).toEqual(['b1', 'b2', 'b3', 'a1', 'a2', 'a3', 'a4', 'a5']);
  expect(await views(bobs)).toEqual([]);
});

test('a sign-out in the middle of an upload whose handler ignores its abort waits until the worker is done with it', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database, session: true });
  await sign(page, 'ann');
  await add(page, 'slow', { name: 'upload', ms: 4_000, deaf: true });
  await until(
    () => views(page),
    ([task]) => task?.running === true,
    'a running attempt',
  );
  const isOver = await signOutLater(page);
  expect(await isOver()).toBe(false);
  await until(isOver, (over) => over, 'the end of the sign-out');
  expect(namesOf(server.ledger())).toEqual(['upload']);
});

test('a sign-out whose worker is killed while a handler goes on has nobody to wait for any more', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database, session: true });
  await sign(page, 'ann');
  await add(page, 'never', { name: 'never' });
  await untilLedger(server, (ledger) => ledger.length === 1, 'a request');
  const isOver = await signOutLater(page);
  expect(await isOver()).toBe(false);
  await killWorker(page, server);
  await until(isOver, (over) => over, 'the end of the sign-out', 14_000);
  expect(server.ledger()).toHaveLength(1);
});
