import type { Page } from '@playwright/test';

import {
  type DemoServer,
  type LedgerRow,
  add,
  expect,
  killWorker,
  openLab,
  rows,
  sendersOf,
  test,
  until,
  untilDrained,
  untilLed,
  untilLedger,
  views,
} from './fixture.js';

/** A handler that heeds no signal: what it does after it was deposed is still to come, and must change nothing. */
const deaf = { name: 'report', ms: 6_000, deaf: true } as const;

/** The requests of both attempts by their number: on a busy machine the second one may come first. */
async function untilBothAnswered(server: DemoServer): Promise<readonly LedgerRow[]> {
  const ledger = await untilLedger(
    server,
    (all) => all.length >= 2 && all.every(({ status }) => status !== null),
    'an answer to both',
  );

  return [...ledger].sort((a, b) => Number(a.attempt) - Number(b.attempt));
}

/** Keeps in the page whatever the watched list has ever shown of a task's state. */
function watchStates(page: Page): Promise<void> {
  return page.evaluate(() => {
    const seen: string[] = [];
    Object.assign(window, { seen });
    window.lab.basket.watch().subscribe(({ tasks }) => void seen.push(...tasks.map(({ state }) => state)));
  });
}

function seenStates(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => [...new Set((window as unknown as { readonly seen: readonly string[] }).seen)]);
}

test('the lock is stolen while an attempt runs: the old runner writes nothing more, and the new one does the task', async ({
  context,
  page,
  server,
  database,
}) => {
  // What the old runner is answered would make the task dead, if it could still write.
  server.setMood('4xx', { attempt: 1 });
  await openLab(page, { database });
  const holder = await untilLed(page);

  // This page's runner stands in the queue, so that it is the next one when the stolen lock is free again.
  const another = await context.newPage();
  await openLab(another, { database, worker: 'page' });
  await watchStates(another);
  await until(
    () => another.evaluate(async () => (await navigator.locks.query()).pending?.map(({ name }) => name) ?? []),
    (names) => names.some((name) => name?.endsWith(':runner')),
    'a runner in the queue',
  );

  const id = await add(page, 'slow', deaf);
  await until(
    () => views(page),
    ([task]) => task?.running === true,
    'a running attempt',
  );
  await another.evaluate(async () => {
    const { held = [] } = await navigator.locks.query();
    const name = held.find((lock) => lock.name?.endsWith(':runner'))?.name ?? '';
    await navigator.locks.request(name, { steal: true }, () => undefined);
  });

  await untilDrained(server, another, 1);
  expect(await untilBothAnswered(server)).toMatchObject([
    { key: id, attempt: 1, recovered: false, status: 422 },
    { key: id, attempt: 2, recovered: true, status: 200 },
  ]);
  expect(sendersOf(server.ledger())).toHaveLength(2);
  expect(server.effects()).toHaveLength(1);
  expect(await seenStates(another)).toEqual(['queued']);
  expect(await untilLed(another)).not.toBe(holder);
});

test('scenario 40: the epoch is raised under a runner that keeps its lock: it writes nothing, and rescues the task as any other', async ({
  page,
  server,
  database,
}) => {
  server.setMood('4xx', { attempt: 1 });
  await openLab(page, { database });
  await watchStates(page);
  const id = await add(page, 'slow', deaf);
  await until(
    () => views(page),
    ([task]) => task?.running === true,
    'a running attempt',
  );

  // What another runner's first transaction writes, by a lock that a browser lost; and then that one is gone too.
  await page.evaluate(async (name) => {
    const opening = indexedDB.open(name);
    await new Promise((resolve) => opening.addEventListener('success', resolve));
    const tx = opening.result.transaction('taskbasket.state', 'readwrite');
    const state = tx.objectStore('taskbasket.state');
    const reading = state.get('runner') as IDBRequest<{ readonly epoch: { readonly count: number } }>;
    reading.addEventListener('success', () => {
      const runner = reading.result;
      state.put({ ...runner, epoch: { count: runner.epoch.count + 1, nonce: 'of-another' } }, 'runner');
    });
    await new Promise((resolve) => tx.addEventListener('complete', resolve));
    opening.result.close();
  }, database);

  await untilDrained(server, page, 1);
  expect(await untilBothAnswered(server)).toMatchObject([
    { key: id, attempt: 1, recovered: false, status: 422 },
    { key: id, attempt: 2, recovered: true, status: 200 },
  ]);
  expect(server.effects()).toHaveLength(1);
  expect(await seenStates(page)).toEqual(['queued']);
});

test('a task that runs is cancelled from another tab: its signal aborts, it is gone, and does not come back', async ({
  context,
  page,
  server,
  database,
}) => {
  server.setMood('hang', { times: 1 });
  await openLab(page, { database });
  const id = await add(page, 'send', { name: 'unwanted' });
  await untilLedger(server, (ledger) => ledger.length === 1, 'a request');

  const another = await context.newPage();
  await openLab(another, { database });
  expect(await another.evaluate(async (task) => window.lab.basket.cancel(task), id)).toBe(1);

  expect(await views(another)).toEqual([]);
  expect(await views(page)).toEqual([]);
  await untilLedger(server, ([request]) => request?.status === 'aborted', 'an aborted request');
  await until(
    () => rows(page),
    (stored) => stored.length === 0,
    'an end of the row',
  );
  expect(await another.evaluate(async (task) => window.lab.basket.cancel(task), id)).toBe(0);

  // Not with another runner either: what it sends is what comes after.
  await killWorker(another, server);
  await add(another, 'send', { name: 'wanted' });
  expect(await untilDrained(server, another, 1)).toMatchObject([{ path: '/api/echo/wanted' }]);
  // The worker that is killed may still send what comes after, and the next one sends it again.
  expect(server.ledger().filter(({ path: at }) => at.endsWith('/unwanted'))).toHaveLength(1);
});

test('a task that waits is cancelled from another tab, and its lane goes on', async ({
  context,
  page,
  server,
  database,
}) => {
  server.setMood('500', { match: 'unwanted' });
  await openLab(page, { database, base: 600_000, cap: 600_000 });
  const id = await add(page, 'send', { name: 'unwanted', lane: 'lane' });
  await add(page, 'send', { name: 'behind', lane: 'lane' });
  await until(
    () => views(page),
    ([head]) => head?.failures === 1,
    'a failed head',
  );

  const another = await context.newPage();
  await openLab(another, { database, base: 600_000, cap: 600_000 });
  expect(await another.evaluate(async (task) => window.lab.basket.cancel(task), id)).toBe(1);

  expect(await untilDrained(server, another, 1)).toMatchObject([{ path: '/api/echo/behind' }]);
  expect(server.ledger()).toHaveLength(2);
});
