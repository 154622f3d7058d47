import { beforeAll, expect, test } from 'vitest';

import { openBasket } from '../../src/index.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { runBasket, Unavailable } from '../../src/worker.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

const { run } = laidOut('order');

beforeAll(() => createBrowser({ sharedWorker: false }));

test('two types share a lane, one lane holds uploads one at a time, and a gate holds only its own destination', async () => {
  const { tasks } = await run<{ tasks: AnyRegistry }>('report-tasks.ts');
  const basket = openBasket(tasks);
  const add = (name: string, payload: unknown): Promise<string> => basket.add(name, payload);
  const photos = ['p1', 'p2', 'p3'];
  await Promise.all(photos.map((name) => add('sendPhoto', { report: 'r1', name })));
  const changes = [add('saveReport', { id: 'r1', text: 'One' }), add('saveReport', { id: 'r1', text: 'Two' })];
  await Promise.all([...changes, add('deleteReport', { id: 'r1' }), add('saveReport', { id: 'r2', text: 'Other' })]);

  const begun: string[] = [];
  let uploads = 0;
  let most = 0;
  let away = true;
  const handlers = {
    async sendPhoto({ name }: { name: string }) {
      if (away) throw new Unavailable();
      most = Math.max(most, (uploads += 1));
      await new Promise((resolve) => setTimeout(resolve, 20));
      uploads -= 1;
      begun.push(name);
    },
    saveReport: async ({ id, text }: { id: string; text: string }) => void begun.push(`${id} ${text}`),
    deleteReport: async ({ id }: { id: string }) => void begun.push(`${id} deleted`),
  };
  const stop = new AbortController();
  const stopped = runBasket(basket, handlers as never, { signal: stop.signal });

  // The photos were added first, but their destination is away.
  await until(async () => expect(await basket.count()).toMatchObject({ count: photos.length }));
  expect(begun.filter((one) => one.startsWith('r1'))).toEqual(['r1 One', 'r1 Two', 'r1 deleted']);
  expect(begun).toContain('r2 Other');

  away = false;
  await basket.retry({});
  await until(async () => expect(await basket.count()).toMatchObject({ count: 0 }));
  expect(begun.slice(-photos.length)).toEqual(photos);

  // The gate has opened so far that all of them could run at once.
  await Promise.all(photos.map((name) => add('sendPhoto', { report: 'r2', name })));
  await until(async () => expect(await basket.count()).toMatchObject({ count: 0 }));
  expect(begun.slice(-photos.length)).toEqual(photos);
  expect(most).toBe(1);
  stop.abort();
  await stopped;
  basket.close();
});
