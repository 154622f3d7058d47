/**
 * The field for a photo: chosen or taken, seen, described, taken away again.
 */
import { byId, say, show } from './dom.js';
import { pictureIn } from './photo.js';
import { createThumbnail } from './thumbnail.js';

export type PictureField = ReturnType<typeof showPictureField>;

export function showPictureField() {
  const input = byId('photo', HTMLInputElement);
  const label = byId('photo-label', HTMLLabelElement);
  const chosen = byId('photo-chosen', HTMLDivElement);
  const alt = byId('photo-alt', HTMLInputElement);
  const remove = byId('photo-remove', HTMLButtonElement);
  const error = byId('photo-error', HTMLParagraphElement);
  const thumbnail = createThumbnail('photo-preview');
  byId('photo-frame', HTMLDivElement).append(thumbnail.image);
  let picture: Blob | undefined;
  /** Is raised with each choice: a slow one that was replaced meanwhile is not shown. */
  let choice = 0;
  /** The choice that the browser is reading. Rejects if it is no picture. */
  let reading: Promise<void> | undefined;

  input.addEventListener('change', () => {
    const mine = choose().finally(() => {
      if (reading === mine) reading = undefined;
    });
    reading = mine;
    mine.catch(() => undefined); // The field says it.
  });
  remove.addEventListener('click', clear);

  async function choose(): Promise<void> {
    const file = input.files?.[0];
    if (!file) return;
    choice += 1;
    const mine = choice;
    try {
      const made = await pictureIn(file);
      if (mine === choice) see(made);
    } catch (cause) {
      if (mine !== choice) return;
      clear();
      fail(cause instanceof Error ? cause.message : String(cause));
      throw cause;
    }
  }

  function see(next: Blob | undefined, words = ''): void {
    fail(undefined);
    picture = next;
    thumbnail.show(next, 'The chosen photo');
    alt.value = words;
    show(chosen, next !== undefined, input);
    say(label, next === undefined ? 'Add a photo' : 'Choose another photo');
  }

  function fail(sentence: string | undefined): void {
    say(error, sentence);
    if (sentence === undefined) input.removeAttribute('aria-invalid');
    else input.setAttribute('aria-invalid', 'true');
  }

  function clear(): void {
    choice += 1;
    input.value = '';
    see(undefined);
  }

  return {
    /** The new picture, if one was chosen, and its description. Waits while the browser reads it; rejects if it can't. */
    read: async (): Promise<{ readonly picture: Blob; readonly alt: string } | undefined> => {
      await reading;
      return picture && { picture, alt: alt.value.trim() };
    },
    /** Whether there is a picture that is not this one, or the browser is reading one. */
    hasOtherThan: (kept: Blob | undefined): boolean =>
      reading !== undefined || (picture !== undefined && picture !== kept),
    /** Empties the field if it still has this picture. */
    forget: (saved: Blob): void => {
      if (picture === saved && reading === undefined) clear();
    },
    clear,
  };
}
