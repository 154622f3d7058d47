const digits = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';

/** So many ids a context makes before it takes a new random part. */
const counted = digits.length ** 4;

/** The largest multiple of the number of digits that fits into a byte: bytes from it on would make some digits more likely. */
const uniform = 256 - (256 % digits.length);

/** So many random bytes, each from 0 to 255. */
export type RandomBytes = (count: number) => Uint8Array;

/**
 * Makes ids: twelve random characters a context (71 bits) and four counted ones, so that the ids of one context are
 * neighbours in an index.
 */
export function createIds(bytes: RandomBytes): () => string {
  let context = randomText(bytes, 12);
  let next = 0;

  return () => {
    if (next === counted) {
      context = randomText(bytes, 12);
      next = 0;
    }

    const id = context + text(next, 4);
    next += 1;

    return id;
  };
}

/** A random text of so many characters, each digit as likely as any other. */
export function randomText(bytes: RandomBytes, length: number): string {
  let written = '';
  while (written.length < length) {
    for (const byte of bytes(length - written.length))
      if (byte < uniform) written += digits.charAt(byte % digits.length);
  }

  return written;
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
