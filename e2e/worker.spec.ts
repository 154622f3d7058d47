import type { Page } from '@playwright/test';

import { add, addAll, expect, openLab, rows, test, until, untilDrained } from './fixture.ts';

function workerErrors(page: Page) {
  return page.evaluate(() => window.lab.errors());
}

/** What the page was told, once it was told something. */
async function firstError(page: Page) {
  const [error] = await until(
    () => workerErrors(page),
    (errors) => errors.length > 0,
    'an error of the worker',
  );
  return error;
}

const broken = [
  {
    worker: '404',
    title: 'a worker whose script is not there',
    problem: 'failed',
    // No browser says which it was.
    says: /could not be started: the browser does not say why: its script is missing \(404\)/,
  },
  {
    worker: 'throws',
    title: 'a worker whose script throws when it is imported',
    problem: 'failed',
    says: /could not be started: .*As told: this worker throws while it starts\./,
  },
  { worker: 'silent', title: 'a worker that never answers', problem: 'silent', says: /does not answer/ },
] as const;

for (const { worker, title, problem, says } of broken) {
  test(`${title}: a typed error says what is known, and adding goes on`, async ({ page, server, database }) => {
    await openLab(page, { database, worker });

    const error = await firstError(page);
    expect(error).toMatchObject({ name: 'WorkerError', code: 'worker', problem });
    expect(error?.message).toMatch(says);
    expect(error?.message).toContain('Tasks are added and kept');

    const ids = await addAll(page, [{ name: 'first' }, { name: 'second' }]);
    expect((await rows(page)).map(({ id }) => id)).toEqual(ids);
    expect(server.ledger()).toEqual([]);

    // A tab whose worker starts, after the next deploy say, runs them.
    await openLab(page, { database });
    await untilDrained(server, page, 2);
  });
}

test('a browser without SharedWorker: the error says so, adding goes on, and runBasket in the page runs it', async ({
  page,
  server,
  database,
}) => {
  await page.addInitScript(() => void Reflect.deleteProperty(window, 'SharedWorker'));
  await openLab(page, { database });

  const error = await firstError(page);
  expect(error).toMatchObject({ name: 'WorkerError', code: 'worker', problem: 'unsupported' });
  expect(error?.message).toContain('This browser has no SharedWorker');
  expect(error?.message).toContain('runBasket');

  const id = await add(page, 'send', { name: 'report' });
  expect(await rows(page)).toMatchObject([{ id, attempts: 0 }]);

  await page.evaluate(() => window.lab.run());
  expect(await untilDrained(server, page, 1)).toMatchObject([{ key: id }]);
});
