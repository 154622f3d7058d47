/**
 * Keeps the page's shell on the device, and says whether there is a network.
 */
import { byId, say } from './dom.js';

export function showConnection(): void {
  const connection = byId('connection', HTMLParagraphElement);
  const usual = connection.textContent;
  const show = (): void => {
    // A hint only: a browser that says online may still reach nothing.
    say(connection, navigator.onLine ? usual : 'No network. You can go on writing.');
    connection.classList.toggle('offline', !navigator.onLine);
  };
  globalThis.addEventListener('online', show);
  globalThis.addEventListener('offline', show);
  show();
}

/** Registers the service worker of a built page; in development there is none. */
export async function keepShell(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const ready = byId('offline-ready', HTMLElement);
  try {
    await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });
    await navigator.serviceWorker.ready;
    say(ready, 'This page opens offline.');
  } catch (error) {
    say(ready, `This page will not open offline: ${error instanceof Error ? error.message : String(error)}`);
  }
}
