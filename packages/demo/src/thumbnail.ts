/**
 * A picture of a fixed size, from a Blob. Its URL is given back when another one is shown, or none.
 */
import { element } from './dom.js';

export interface Thumbnail {
  readonly image: HTMLImageElement;
  /** Shows the picture; without one the image is hidden. */
  readonly show: (picture: Blob | undefined, alt?: string) => void;
}

export function createThumbnail(testId: string): Thumbnail {
  const image = element('img', { className: 'thumbnail', alt: '', width: 72, height: 72, hidden: true, testId });
  let shown: Blob | undefined;

  return {
    image,
    show(picture, alt = '') {
      if (image.alt !== alt) image.alt = alt;
      if (picture === shown) return;
      if (shown) URL.revokeObjectURL(image.src);
      shown = picture;
      image.hidden = picture === undefined;
      if (picture) image.src = URL.createObjectURL(picture);
      else image.removeAttribute('src');
    },
  };
}
