/** More bytes than this are zeros, because only the reserve has so many, and nobody reads it. */
const drawn = 1_024;

/** Bytes made of a chance. */
export function bytesOf(random: () => number): (count: number) => Uint8Array {
  return (count) =>
    count > drawn ? new Uint8Array(count) : Uint8Array.from({ length: count }, () => Math.floor(random() * 256));
}

/** Chance that is the same each time: mulberry32. From 0 to below 1. */
export function seeded(seed: number): () => number {
  let state = seed;

  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;

    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}
