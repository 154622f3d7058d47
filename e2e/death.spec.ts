import type { Page } from '@playwright/test';

import {
  type DemoServer,
  type LedgerRow,
  add,
  crash,
  expect,
  killWorker,
  openLab,
  sendersOf,
  test,
  untilDrained,
  untilLed,
  untilLedger,
} from './fixture.js';

/** A task whose request hangs: its attempt can be cut off at any time. */
async function hangInAttempt(page: Page, server: DemoServer): Promise<string> {
  server.setMood('hang', { times: 1 });
  const id = await add(page, 'send', { name: 'report' });
  await untilLedger(server, (ledger) => ledger.length === 1, 'a first request');
  return id;
}

/** The attempt that was cut off is followed by one that knows it, under the same key, and by another worker. */
async function expectRecovery(server: DemoServer, page: Page, id: string): Promise<void> {
  const [effect] = await untilDrained(server, page, 1);
  expect(effect?.key).toBe(id);
  expect(server.effects()).toHaveLength(1);
  const ledger = server.ledger();
  expect(ledger).toMatchObject([
    { key: id, attempt: 1, recovered: false },
    { key: id, attempt: 2, recovered: true, status: 200 },
  ]);
  expect(sendersOf(ledger)).toHaveLength(2);
}

test('scenario 2: the worker is killed while a handler awaits the network: a second attempt has the same key, and says recovered', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database });
  const id = await hangInAttempt(page, server);

  await killWorker(page, server);

  await expectRecovery(server, page, id);
});

test('scenario 3: the worker is killed after the server answered 200 and before the task was deleted: one effect', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database });
  // Its handler has the answer and does not end, so that the task is not deleted.
  const id = await add(page, 'never', { name: 'report' });
  await untilLedger(server, ([first]) => first?.status === 200, 'an answered request');

  await killWorker(page, server);

  const ledger = await untilLedger(server, ([, second]) => second?.status === 200, 'a second answered request');
  expect(ledger).toMatchObject([
    { key: id, attempt: 1, recovered: false, replayed: false },
    { key: id, attempt: 2, recovered: true, replayed: true },
  ]);
  expect(server.effects()).toHaveLength(1);
});

test('an answer that was lost on its way leaves one effect', async ({ page, server, database }) => {
  server.setMood('drop-after', { times: 1 });
  await openLab(page, { database });
  const id = await add(page, 'send', { name: 'report' });

  await untilDrained(server, page, 1);
  await untilLedger(server, (ledger) => ledger.length === 2, 'a second request');

  expect(server.ledger().map(({ key, status, replayed }): Partial<LedgerRow> => ({ key, status, replayed }))).toEqual([
    { key: id, status: 'dropped', replayed: false },
    { key: id, status: 200, replayed: true },
  ]);
  expect(server.effects()).toHaveLength(1);
});

test('the tab that started the worker crashes in mid-attempt: another tab goes on', async ({
  context,
  page,
  server,
  database,
}) => {
  await openLab(page, { database });
  await untilLed(page);
  const another = await context.newPage();
  await openLab(another, { database });
  const id = await hangInAttempt(another, server);

  await crash(page);

  await expectRecovery(server, another, id);
});

test('the only tab crashes in mid-attempt: a new one goes on', async ({ context, page, server, database }) => {
  await openLab(page, { database });
  const id = await hangInAttempt(page, server);

  await crash(page);
  const another = await context.newPage();
  await openLab(another, { database });

  await expectRecovery(server, another, id);
});
