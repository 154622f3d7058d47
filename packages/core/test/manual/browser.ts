import 'fake-indexeddb/auto';

import { fileURLToPath } from 'node:url';

import type { DOMWindow } from 'jsdom';
import { JSDOM } from 'jsdom';
import { vi } from 'vitest';

import type { AppServer } from './server.js';
import { startServer } from './server.js';

/** Waits until a check passes. Gates and backoff are as they are, so it takes some seconds, and on a busy machine more. */
export function until(check: () => void | Promise<void>): Promise<void> {
  return vi.waitFor(check, { timeout: 60_000, interval: 20 });
}

/**
 * What the code of the manual finds around it: IndexedDB, a document, and a network on which its server lives.
 *
 * One thing is a stand-in that differs from a browser's: **a SharedWorker is not a thread of its own here**, since
 * fake-indexeddb belongs to one. Its script is imported into this one, and hears of each page by a `connect`, over real
 * message ports. The browser's own is used by the end-to-end tests.
 */
export async function createBrowser(parts: {
  readonly sharedWorker: boolean;
}): Promise<{ readonly server: AppServer; readonly window: DOMWindow }> {
  const server = await startServer();
  const { window } = new JSDOM('', { pretendToBeVisual: true });
  const scope = new EventTarget();
  // Listeners of the page's own are told by Node's events: jsdom's take no signals of Node's.
  window.document.addEventListener = scope.addEventListener.bind(scope);
  vi.stubGlobal('fetch', server.fetch);
  vi.stubGlobal('location', new URL(server.origin));
  vi.stubGlobal('document', window.document);
  vi.stubGlobal('addEventListener', scope.addEventListener.bind(scope));
  vi.stubGlobal('removeEventListener', scope.removeEventListener.bind(scope));
  if (!parts.sharedWorker) return { server, window };

  const scripts = new Map<string, Promise<unknown>>();
  vi.stubGlobal('onconnect', null);
  vi.stubGlobal('SharedWorker', function standIn(this: { port: MessagePort }, url: URL) {
    const { port1, port2 } = new MessageChannel();
    const script = scripts.get(url.href) ?? import(/* @vite-ignore */ fileURLToPath(url));
    scripts.set(url.href, script);
    void script.then(() => scope.dispatchEvent(Object.assign(new Event('connect'), { ports: [port2] })));
    Object.assign(this, { port: port1, addEventListener: () => undefined });
  });

  return { server, window };
}
