import { expect, test, vi } from 'vitest';

import type { Main } from './blocks.js';
import { laidOut } from './blocks.js';
import { createBrowser } from './browser.js';

test('a browser without SharedWorker runs the tasks in the page', async () => {
  const { server } = await createBrowser({ sharedWorker: false });
  const { run } = laidOut('without-worker');
  const reported: unknown[] = [];
  vi.stubGlobal('reportError', (error: unknown) => reported.push(error));
  const { basket, save } = await run<Main>('basket.ts');
  await run('without-worker.ts');

  const id = await save({ id: 'n1', text: 'In the page' });
  expect(await basket.settled(id)).toEqual({ state: 'done', result: undefined });
  expect(server.received).toMatchObject([{ path: '/notes/n1', key: `"${id}"`, status: 200 }]);
  expect(reported).toMatchObject([{ problem: 'unsupported' }]);
});
