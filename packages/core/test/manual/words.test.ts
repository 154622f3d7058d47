import { expect, test, vi } from 'vitest';

import type { Main } from './blocks.js';
import { withWorker } from './blocks.js';
import { createBrowser, until } from './browser.js';

test('a worker that reads the answer gives the words of the server to whoever asks why', async () => {
  await createBrowser({ sharedWorker: true });
  const { run } = withWorker('words.worker.ts');
  vi.stubGlobal('fetch', async () => Response.json({ title: 'The note has no text.' }, { status: 422 }));
  const { basket, save } = await run<Main>('basket.ts');
  const { why } = await run<{ why: (id: string) => Promise<string> }>('why.ts');
  const id = await save({ id: 'words', text: '' });

  await until(async () =>
    expect(await why(id)).toBe('The server refused it: The note has no text. Correct it, or discard it.'),
  );
  expect(await basket.list()).toMatchObject([{ lastError: { status: 422 } }]);

  vi.stubGlobal('fetch', async () => new Response('', { status: 404 }));
  await basket.retry(id);
  await until(async () => expect(await why(id)).toContain('The server answered 404.'));
  await basket.cancel({});
  basket.close();
});
