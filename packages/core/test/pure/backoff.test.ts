import * as fc from '../support/property.js';
import { expect, test } from 'vitest';

import type { Jitter } from '../../src/pure/backoff.js';
import { defaultBackoff, retryDelay, spreadFloor } from '../../src/pure/backoff.js';

const chance = fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true });
const backoffs = fc
  .record({ base: fc.integer({ min: 1, max: 100_000 }), factor: fc.integer({ min: 1, max: 10_000 }) })
  .map(({ base, factor }) => ({ base, cap: base * factor }));
const counts = fc.oneof(
  fc.integer({ min: 0, max: 60 }),
  fc.integer({ min: 0, max: 1e9 }),
  fc.constantFrom(0, 1, 1e9, Number.MAX_SAFE_INTEGER, Number.MAX_VALUE, Number.POSITIVE_INFINITY),
);

/** The ceiling by doubling, step by step, as a person would count it. */
function ceilingOf(base: number, cap: number, failures: number): number {
  let ceiling = base;
  for (let step = 1; step < failures && ceiling < cap; step += 1) ceiling *= 2;

  return Math.min(ceiling, cap);
}

test('a wait is between half of its ceiling and the whole of it, after any number of failures', () => {
  fc.assert(
    fc.property(backoffs, counts, chance, (backoff, failures, random) => {
      const ceiling = ceilingOf(backoff.base, backoff.cap, failures);
      const wait = retryDelay(backoff, failures, () => random);

      expect(wait).toBeGreaterThanOrEqual(Math.floor(ceiling / 2));
      expect(wait).toBeLessThanOrEqual(ceiling);
    }),
  );
});

test('half of a wait is sure and the other half is chance', () => {
  fc.assert(
    fc.property(backoffs, counts, chance, (backoff, failures, random) => {
      const ceiling = ceilingOf(backoff.base, backoff.cap, failures);
      const byChance = retryDelay(backoff, failures, () => random) - ceiling / 2;

      expect(Math.abs(byChance - (random * ceiling) / 2)).toBeLessThanOrEqual(0.5);
    }),
  );
});

test('by default waits double from half a second to two and a half minutes, and to twice that with the worst luck', () => {
  const steps = Array.from({ length: 11 }, (_, place) => place + 1);

  expect(steps.map((failures) => retryDelay(defaultBackoff, failures, () => 0))).toEqual([
    500, 1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 150_000, 150_000,
  ]);
  expect(steps.map((failures) => retryDelay(defaultBackoff, failures, () => 1))).toEqual([
    1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 64_000, 128_000, 256_000, 300_000, 300_000,
  ]);
});

test('no failure and less than none wait as the first does', () => {
  const first = retryDelay(defaultBackoff, 1, () => 0.5);

  expect([0, -1, Number.NEGATIVE_INFINITY].map((failures) => retryDelay(defaultBackoff, failures, () => 0.5))).toEqual([
    first,
    first,
    first,
  ]);
});

test('a count whose power overflows waits as long as the cap says', () => {
  expect(
    [1_025, 1e9, Number.POSITIVE_INFINITY].map((failures) => retryDelay(defaultBackoff, failures, () => 0)),
  ).toEqual([150_000, 150_000, 150_000]);
});

/** What each kind of jitter promises: its share of the ceiling, at least and at most. */
const shares: readonly (readonly [Jitter, number])[] = [
  ['none', 1],
  ['equal', 0.5],
  ['full', 0],
];

test.each(shares)('with the jitter "%s" at least %d of the ceiling is sure', (jitter, sure) => {
  fc.assert(
    fc.property(
      backoffs,
      fc.double({ min: 1, max: 8, noNaN: true }),
      counts,
      chance,
      (plain, factor, failures, random) => {
        const count = Math.min(Number.MAX_VALUE, Math.max(1, failures));
        const ceiling = Math.min(plain.cap, plain.base * factor ** (count - 1));
        const wait = retryDelay({ ...plain, factor, jitter }, failures, () => random);

        expect(wait).toBeGreaterThanOrEqual(Math.floor(ceiling * sure));
        expect(wait).toBeLessThanOrEqual(Math.ceil(ceiling));
        expect(Math.abs(wait - ceiling * (sure + (1 - sure) * random))).toBeLessThanOrEqual(1);
      },
    ),
  );
});

test.each(shares)('with the jitter "%s" one more failure never shortens the wait, for the same luck', (jitter) => {
  fc.assert(
    fc.property(
      backoffs,
      fc.double({ min: 1, max: 8, noNaN: true }),
      fc.nat(60),
      chance,
      (plain, factor, failures, luck) => {
        const backoff = { ...plain, factor, jitter };

        expect(retryDelay(backoff, failures + 1, () => luck)).toBeGreaterThanOrEqual(
          retryDelay(backoff, failures, () => luck),
        );
      },
    ),
  );
});

test('with a factor of 1 every wait has the same ceiling', () => {
  const backoff = { base: 700, cap: 9_000, factor: 1, jitter: 'none' } as const;

  const waits = [1, 2, 30, Number.POSITIVE_INFINITY].map((failures) => retryDelay(backoff, failures, () => 0.3));

  expect(waits).toEqual([700, 700, 700, 700]);
});

test('waits far beyond what a timer holds are waits like any other', () => {
  const sixtyDays = 60 * 24 * 60 * 60_000;

  expect(retryDelay({ base: sixtyDays, cap: sixtyDays, jitter: 'none' }, 3, () => 0)).toBe(sixtyDays);
});

test("a server's word is a floor, and up to half of it is added by chance", () => {
  fc.assert(
    fc.property(fc.integer({ min: 0, max: 1e9 }), chance, (told, random) => {
      const wait = spreadFloor(told, () => random);

      expect(wait).toBeGreaterThanOrEqual(told);
      expect(wait).toBeLessThanOrEqual(Math.round(told * 1.5));
    }),
  );
  expect([0, 0.5, 1].map((random) => spreadFloor(1_000, () => random))).toEqual([1_000, 1_250, 1_500]);
});
