import type { Page } from '@playwright/test';

import type { DemoServer } from './fixture.js';
import {
  add,
  expect,
  killWorker,
  namesOf,
  openLab,
  test,
  until,
  untilDrained,
  untilLed,
  untilLedger,
  views,
} from './fixture.js';

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

/** Begins to sign out; gives back how that has ended: with nothing as long as it has not. */
async function signOutLater(page: Page): Promise<() => Promise<string>> {
  await page.evaluate(() => {
    const signing = { end: '' };
    Object.assign(window, { signing });
    window.lab.basket.signOut().then(
      () => (signing.end = 'signed out'),
      (error: unknown) => (signing.end = String(error)),
    );
  });

  return () => page.evaluate(() => (window as unknown as { readonly signing: { readonly end: string } }).signing.end);
}

/** Waits until a sign-out has ended well. If the handler kept it waiting, it would end with an error after 15 s. */
async function untilSignedOut(end: () => Promise<string>): Promise<void> {
  expect(await until(end, (told) => told !== '', 'an end of the sign-out')).toBe('signed out');
}

/** Signs in with tokens of which the app gives one after the other. */
function signWith(page: Page, owner: string, ...tokens: readonly string[]): Promise<void> {
  return page.evaluate(async ([who, all]) => window.lab.signIn(who, all), [owner, tokens] as const);
}

const asked = (page: Page): Promise<number> => page.evaluate(() => window.lab.asked());

/** Each effect by its name, with the owner and the token of the request. */
function sentBy(server: DemoServer): readonly (readonly [name: string | undefined, who: string | null | undefined])[] {
  return server.effects().map((effect) => {
    const sent = server.ledger().find(({ key, status }) => key === effect.key && status === 200);

    return [namesOf([effect])[0], sent?.worker];
  });
}

test('scenarios 32 and 67: what Ann wrote offline is not sent under Bob, whom she lets on, and is sent when she is back, with a token that was renewed; no token is stored', async ({
  context,
  page,
  server,
  database,
  secrets,
}) => {
  const [anns, bobs] = [
    ['a1', 'a2', 'a3', 'a4', 'a5'],
    ['b1', 'b2', 'b3'],
  ] as const;
  server.setMood('refuse');
  await openLab(page, { database, session: true });
  await signWith(page, 'ann', 'secret-1');
  for (const name of anns) await add(page, 'send', { name, lane: 'notes' });
  await untilLed(page);
  expect(await sign(page, undefined)).toBeUndefined();

  const other = await context.newPage();
  await openLab(other, { database, session: true });
  await signWith(other, 'bob', 'secret-2');
  expect(await views(other)).toEqual([]);
  for (const name of bobs) await add(other, 'send', { name, lane: 'notes' });
  server.setMood('up');
  await until(server.effects, (effects) => effects.length >= 3, 'three effects');
  await until(
    () => views(other),
    (left) => left.length === 0,
    'an empty basket of Bob’s',
  );
  expect(sentBy(server)).toEqual(bobs.map((name) => [name, 'bob secret-2']));
  expect(await views(page)).toEqual([]);

  // Her token is too old by now, so the app is asked once more.
  const before = await asked(page);
  await signWith(page, 'ann', ...Array.from({ length: before }, () => 'secret-1'), 'expired', 'secret-3');
  await until(server.effects, (effects) => effects.length >= 8, 'eight effects');
  expect(sentBy(server).slice(3)).toEqual(anns.map((name) => [name, 'ann secret-3']));
  expect((await asked(page)) - before).toBe(2);
  expect(await views(other)).toEqual([]);
  expect([...secrets.known]).toEqual(expect.arrayContaining(['secret-2', 'secret-3']));
  // No server has seen it for sure: Ann may have signed out before the first request.
  secrets.known.add('secret-1');
});

test('a worker that was killed gets the values of a page again, and one page of two is asked', async ({
  context,
  page,
  server,
  database,
}) => {
  const other = await context.newPage();
  for (const tab of [page, other]) {
    await openLab(tab, { database, session: true });
    await signWith(tab, 'ann', 'secret-1');
  }
  await add(page, 'send', { name: 'before' });
  await untilDrained(server, page, 1);
  const before = (await asked(page)) + (await asked(other));

  await killWorker(page, server);
  await add(page, 'send', { name: 'after' });
  await untilDrained(server, page, 2);
  expect((await asked(page)) + (await asked(other)) - before).toBe(1);
});

test('a sign-out while a handler goes on that ignores its abort: an error after 15 s, and nothing of hers starts', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database, session: true });
  await sign(page, 'ann');
  await add(page, 'never', { name: 'large' });
  await untilLedger(server, (ledger) => ledger.length === 1, 'a request');

  const began = Date.now();
  const ending = sign(page, undefined);
  await add(page, 'send', { name: 'late' }, { owner: 'ann' });
  expect(await ending).toBe('still-sending');
  expect(Date.now() - began).toBeGreaterThanOrEqual(15_000);
  expect(namesOf(server.ledger())).toEqual(['large']);
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
  await untilSignedOut(await signOutLater(page));
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
  const end = await signOutLater(page);
  expect(await end()).toBe('');
  await killWorker(page, server);
  await untilSignedOut(end);
  expect(server.ledger()).toHaveLength(1);
});
