/**
 * Will the browser keep what is not sent yet? It is asked with the first report, when it is clear why.
 */
import { byId, say } from './dom.js';

/** @returns A function that asks, unless the browser has promised it already. */
export function showStorage(): { readonly ask: () => Promise<void> } {
  const note = byId('storage', HTMLElement);
  let asked = false;

  function show(kept: boolean): void {
    say(
      note,
      kept
        ? 'This browser keeps your reports until you delete them.'
        : 'This browser may delete reports if the device runs out of space: send them soon.',
    );
    note.dataset['state'] = kept ? 'kept' : 'at-risk';
  }

  async function ask(): Promise<void> {
    if (asked || !('storage' in navigator)) return;
    asked = true;
    show(await navigator.storage.persist());
  }

  // Without a report there is nothing to lose, so nothing is said of a browser that has promised nothing.
  if ('storage' in navigator) void navigator.storage.persisted().then((kept) => kept && show(kept));
  return { ask };
}
