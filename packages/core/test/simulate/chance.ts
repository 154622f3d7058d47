/** Seeded chance: the same seed gives the same numbers. */
export interface Chance {
  /** From 0 to below 1. */
  readonly next: () => number;
  /** A whole number from 0 to below `n`. */
  readonly below: (n: number) => number;
  /** A whole number from `low` to `high`, both included. */
  readonly between: (low: number, high: number) => number;
  readonly is: (probability: number) => boolean;
  readonly pick: <Item>(items: readonly Item[]) => Item;
  /** One of several by weight; `undefined` if none has any. */
  readonly weighted: <Item>(items: readonly (readonly [weight: number, item: Item])[]) => Item | undefined;
  /** Another chance, so that what one part draws does not shift what others draw. */
  readonly fork: () => Chance;
}

/** Chance from a whole number (mulberry32). */
export function createChance(seed: number): Chance {
  let state = seed >>> 0;

  function next(): number {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);

    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  }

  const below = (n: number): number => Math.floor(next() * n);

  return {
    next,
    below,
    between: (low, high) => low + below(high - low + 1),
    is: (probability) => next() < probability,

    pick(items) {
      if (items.length === 0) throw new Error('Nothing to pick from.');

      return items[below(items.length)] as (typeof items)[number];
    },

    weighted(items) {
      let left = next() * items.reduce((sum, [weight]) => sum + weight, 0);
      for (const [weight, item] of items) {
        left -= weight;
        if (left < 0) return item;
      }

      return undefined;
    },

    fork: () => createChance(below(2 ** 32)),
  };
}
