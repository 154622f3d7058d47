/**
 * When is a text saved by itself?
 */

/** How long nothing is typed, in milliseconds. */
const pause = 1_000;

/**
 * Saves while a person writes: when nothing was typed for a moment, when the field is left, and when the page is.
 *
 * @returns A function that forgets what was typed: it is saved otherwise, or not wanted.
 */
export function createAutosave(field: HTMLTextAreaElement, save: () => void): () => void {
  let timer: ReturnType<typeof setTimeout> | undefined;

  function forget(): void {
    clearTimeout(timer);
    timer = undefined;
  }

  function saveNow(): void {
    if (timer === undefined) return;
    forget();
    save();
  }

  field.addEventListener('input', () => {
    forget();
    timer = setTimeout(saveNow, pause);
  });
  field.addEventListener('blur', saveNow);
  document.addEventListener('visibilitychange', () => {
    if (document.hidden) saveNow();
  });
  return forget;
}
