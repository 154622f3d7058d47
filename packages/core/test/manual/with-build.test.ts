import { expect, test } from 'vitest';

import type { Basket, Health } from '../../src/index.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

test('page and worker of one build know each other, and health names the build', async () => {
  await createBrowser({ sharedWorker: true });
  const { run } = laidOut('with-build');
  const { basket } = await run<{ basket: Basket<never> & { health: () => Promise<Health> } }>('main-with-build.ts');
  await until(async () =>
    expect(await basket.health()).toMatchObject({ worker: { state: 'running', build: 42 }, runner: { build: 42 } }),
  );
  basket.close();
});
