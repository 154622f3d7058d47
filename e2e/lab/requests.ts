/**
 * Adds requests from tests: `window.requests`.
 */
import { type Basket, openBasket } from 'taskbasket';

import { type RequestSetup, type RequestTasks, requestTasks } from './request-tasks.js';

/** Opens a basket for the person `ann`, with a token that is in memory alone. */
async function open(setup: RequestSetup): Promise<void> {
  const name = JSON.stringify(setup);
  const basket = openBasket(requestTasks(setup), {
    worker: () => new SharedWorker(new URL('./requests.worker.ts', import.meta.url), { type: 'module', name }),
  });
  await basket.signIn('ann', { token: 'secret-1' });
  window.requests = { open, basket };
}

/** What the page of the lab gives to tests. */
export interface RequestLab {
  readonly open: typeof open;
  readonly basket: Basket<RequestTasks>;
}

declare global {
  interface Window {
    requests: RequestLab;
  }
}

window.requests = { open } as RequestLab;
