/** Gives `count` random bytes, each from 0 to 255. */
export type RandomBytes = (count: number) => Uint8Array;

/** How many random characters an id has. */
const randomLength = 14;

/** How many ids a context makes before it takes a new random part. */
const counted = 32 ** 4;

/**
 * Makes ids: fourteen random characters (70 bits), which a context keeps, and four counted ones, so that the ids of one
 * context are neighbours in an index.
 */
export function createIds(bytes: RandomBytes): () => string {
  let context = '';
  let next = 0;

  return () => {
    if (next % counted === 0) context = randomText(bytes, randomLength);
    const id = context + (next % counted).toString(32).padStart(4, '0');
    next += 1;

    return id;
  };
}

/** Whether a context has made an id after a call. False for the ids of other contexts, of which nobody can tell. */
export type IsLater = (id: string) => boolean;

/** Knows the ids that a context makes after the id `mark`. */
export function madeAfter(mark: string): IsLater {
  const start = mark.slice(0, randomLength);

  return (id) => id.startsWith(start) && id > mark;
}

/** The length of a stamp, in characters. */
export const stampLength = 12;

/** Makes a stamp, by which a runner sees that rows which it has read may have changed. */
export function newStamp(bytes: RandomBytes): string {
  return randomText(bytes, stampLength);
}

/** A random text of `length` characters: digits and the letters a to v, each as likely as any other. */
export function randomText(bytes: RandomBytes, length: number): string {
  return Array.from(bytes(length), (byte) => (byte % 32).toString(32)).join('');
}
