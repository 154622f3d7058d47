/**
 * Keeps the page's shell on the device, and says whether there is a network.
 */
import { byId } from './dom.ts';

export function showConnection(): void {
  const connection = byId('connection', HTMLSpanElement);
  const show = (): void => {
    // A hint only: a browser that says online may still reach nothing.
    connection.textContent = navigator.onLine ? '' : 'No network. You can go on writing.';
  };
  globalThis.addEventListener('online', show);
  globalThis.addEventListener('offline', show);
  show();
}

/** Registers the service worker of a built page; in development there is none. */
export async function keepShell(): Promise<void> {
  if (!import.meta.env.PROD || !('serviceWorker' in navigator)) return;
  const ready = byId('offline-ready', HTMLSpanElement);
  try {
    await navigator.serviceWorker.register('/sw.js', { updateViaCache: 'none' });
    await navigator.serviceWorker.ready;
    ready.textContent = 'This page opens offline.';
  } catch (error) {
    ready.textContent = `This page will not open offline: ${error instanceof Error ? error.message : String(error)}`;
  }
}
