const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** So many ids a context makes before it takes a new random part. */
const counted = digits.length ** 4;

/**
 * Makes ids: twelve random characters a context (71 bits) and four counted ones, so that the ids of one context are
 * neighbours in an index.
 */
export function createIds(random: () => number): () => string {
  let context = randomText(random, 12);
  let next = 0;

  return () => {
    if (next === counted) {
      context = randomText(random, 12);
      next = 0;
    }

    const id = context + text(next, 4);
    next += 1;

    return id;
  };
}

/** A random text of so many characters. */
export function randomText(random: () => number, length: number): string {
  return Array.from({ length }, () => digits.charAt(Math.floor(random() * digits.length))).join('');
}

function text(number: number, length: number): string {
  let rest = number;
  let written = '';
  for (let place = 0; place < length; place += 1) {
    written = digits.charAt(rest % digits.length) + written;
    rest = Math.floor(rest / digits.length);
  }

  return written;
}
