/** Drives the HTTP lab from tests: `window.http`. */
import { openBasket } from 'taskbasket';

import { httpTasks } from './http-tasks.js';

const basket = openBasket(httpTasks, {
  worker: () => new SharedWorker(new URL('./http.worker.ts', import.meta.url), { type: 'module', name: 'http-lab' }),
});
const told: unknown[] = [];
let asked = 0;
basket.on('session', ({ state, owner }) => void told.push([state, owner]));

const http = {
  basket,
  /** Signs in; each time that values are asked for, the next of these tokens is given, and the last one again and again. */
  async signIn(owner: string, tokens: readonly string[]): Promise<void> {
    let next = 0;
    await basket.signIn(owner, () => {
      asked += 1;
      next += 1;

      return { token: tokens[Math.min(next, tokens.length) - 1] ?? '' };
    });
  },
  /** How often values were asked for. */
  asked: () => asked,
  /** What `on('session')` has told. */
  told: () => told,
};

declare global {
  interface Window {
    http: typeof http;
  }
}

window.http = http;
