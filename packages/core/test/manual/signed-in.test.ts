import { expect, test, vi } from 'vitest';

import type { Main } from './blocks.js';
import { withWorker } from './blocks.js';
import { createBrowser, until } from './browser.js';

test('what nobody is signed in for waits, uncounted, and is sent with the token once somebody is', async () => {
  await createBrowser({ sharedWorker: true });
  const { run } = withWorker('signed-in.worker.ts');
  const sent: unknown[] = [];
  vi.stubGlobal('fetch', async ({ headers }: Request) => {
    sent.push(headers.get('Authorization'));

    return new Response('', { status: 200 });
  });
  const { basket, save } = await run<Main>('basket.ts');
  const { keepToken } = await run<{ keepToken: (token: string | undefined) => Promise<void> }>('session.ts');
  const id = await save({ id: 'signed-in', text: '' });
  await until(async () =>
    expect(await basket.get(id)).toMatchObject({ failures: 0, lastError: { message: 'Nobody is signed in.' } }),
  );

  await keepToken('t1');
  await basket.retry({});
  await until(async () => expect(await basket.list()).toEqual([]));
  expect(sent).toEqual(['Bearer t1']);

  await keepToken(undefined);
  await save({ id: 'signed-out', text: '' });
  await until(async () => expect(await basket.list()).toMatchObject([{ attempts: 1, failures: 0 }]));
  expect(sent).toHaveLength(1);
  await basket.cancel({});
  basket.close();
});
