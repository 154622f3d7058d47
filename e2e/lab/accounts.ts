/** Drives sign-ins from tests: `window.accounts`. */
import { openBasket } from 'taskbasket';

import { accounts } from './accounts-tasks.js';

const basket = openBasket(accounts, {
  worker: () =>
    new SharedWorker(new URL('./accounts.worker.ts', import.meta.url), { type: 'module', name: 'accounts' }),
});

/** How often the app was asked for a token. */
let asked = 0;
const events: unknown[] = [];
basket.on('session', (event) => void events.push(event));

const face = {
  basket,
  events,
  asked: () => asked,

  /** Signs in with these tokens: the first one, and then another one each time the app is asked again. */
  async signIn(owner: string, tokens: readonly string[]): Promise<void> {
    await basket.signIn(owner, async () => {
      const token = tokens[Math.min(asked, tokens.length - 1)] ?? '';
      asked += 1;

      return Promise.resolve({ token });
    });
  },

  /** The code with which signing out fails; `undefined` if it does not. */
  async signOut(): Promise<string | undefined> {
    return basket.signOut().then(
      () => undefined,
      (error: unknown) => (error as { readonly code: string }).code,
    );
  },

  /** Everything that this origin stores, as one text. */
  async stored(): Promise<string> {
    const parts: unknown[] = [Object.entries(localStorage), Object.entries(sessionStorage), document.cookie];
    for (const { name = '' } of await indexedDB.databases()) {
      const db = await new Promise<IDBDatabase>((resolve, reject) => {
        const request = indexedDB.open(name);
        request.addEventListener('success', () => resolve(request.result));
        request.addEventListener('error', () => reject(request.error ?? new Error('It did not open.')));
      });
      const names = [...db.objectStoreNames];
      const tx = names.length === 0 ? undefined : db.transaction(names);
      const reads = names.flatMap((store) => [tx?.objectStore(store).getAll(), tx?.objectStore(store).getAllKeys()]);
      await new Promise((resolve) =>
        tx === undefined ? resolve(undefined) : tx.addEventListener('complete', resolve),
      );
      parts.push(
        name,
        reads.map((read) => read?.result),
      );
      db.close();
    }
    for (const name of await caches.keys())
      parts.push(
        name,
        (await (await caches.open(name)).keys()).map(({ url }) => url),
      );

    return JSON.stringify(parts);
  },
};

declare global {
  interface Window {
    accounts: typeof face;
  }
}

window.accounts = face;
