import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Basket } from '../../src/index.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { runBasket } from '../../src/worker.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

const { run } = laidOut('control');

beforeAll(async () => {
  await createBrowser({ sharedWorker: false });
  vi.stubGlobal('navigator', {});
});

afterAll(() => void vi.unstubAllGlobals());

test('the switch "upload photos later" holds photos back, says so, and lets them go', async () => {
  const { basket, keepPhoto } = await run<{
    basket: Basket<AnyRegistry>;
    keepPhoto: (report: string, photo: Blob) => Promise<string>;
  }>('photos.ts');
  const { later, now, isLater } = await run<{
    later: () => Promise<void>;
    now: () => Promise<number>;
    isLater: () => Promise<boolean>;
  }>('later.ts');
  const sent: string[] = [];
  const stop = new AbortController();
  const handlers = { sendPhoto: ({ report }: { report: string }) => void sent.push(report) };
  const stopped = runBasket(basket, handlers as never, { signal: stop.signal });

  expect(await isLater()).toBe(false);
  await later();
  expect(await keepPhoto('r1', new Blob(['a photo']))).toBe('The photo is kept, and will be sent.');
  await basket.whenIdle(); // The runner has nothing that it may do.
  expect([await isLater(), sent]).toEqual([true, []]);

  expect(await now()).toBe(1);
  await until(() => expect(sent).toEqual(['r1']));
  expect(await isLater()).toBe(false);
  stop.abort();
  await stopped;
  basket.close();
});
