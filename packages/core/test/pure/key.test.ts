import * as fc from '../support/property.js';
import { expect, test } from 'vitest';

import type { Letter, Rank, Route } from '../../src/pure/key.js';
import {
  beyond,
  beyondRoute,
  cancelledMark,
  idMark,
  laneMark,
  letters,
  readReady,
  readyPrefix,
  skippedMark,
  timedKey,
  timePart,
} from '../../src/pure/key.js';
import { hostileName, relativesOf, twoHostileNames } from '../support/names.js';

const part = fc.oneof({ weight: 9, arbitrary: hostileName }, { weight: 1, arbitrary: fc.constant('') });
const owner = fc.option(hostileName, { nil: null });
const route: fc.Arbitrary<Route> = fc.record({
  owner,
  type: part,
  version: fc.oneof(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER })),
  gate: part,
});
const letter: fc.Arbitrary<Letter> = fc.constantFrom(...letters);
const rank: fc.Arbitrary<Rank> = fc.constantFrom(0, 1, 2, 3);
const address = fc.record({ letter, route, rank });
const latest = 36 ** 9 - 1;
const time = fc.oneof(fc.integer({ min: 0, max: 10_000 }), fc.integer({ min: 0, max: latest }));

/** Two values that are often the same, or nearly so. */
function pairOf<Value>(values: fc.Arbitrary<Value>, mixed: (one: Value, other: Value) => fc.Arbitrary<Value>) {
  return fc.tuple(values, values).chain(([one, other]) => fc.tuple(fc.constant(one), mixed(one, other)));
}

function mixedRoute(one: Route, other: Route): fc.Arbitrary<Route> {
  return fc.record({
    owner: fc.constantFrom(one.owner, other.owner),
    type: fc.constantFrom(one.type, other.type, one.gate),
    version: fc.constantFrom(one.version, other.version),
    // What begins like the other's gate sorts next to it.
    gate: fc.constantFrom(one.gate, other.gate, one.type, ...relativesOf(one.gate)),
  });
}

/** The same route, but for one name that resembles the one in its place. */
function nearRoute(one: Route): fc.Arbitrary<Route> {
  return fc.oneof(
    fc.constantFrom(...relativesOf(one.gate)).map((gate) => ({ ...one, gate })),
    fc.constantFrom(...relativesOf(one.type)).map((type) => ({ ...one, type })),
    fc.constantFrom(...relativesOf(one.owner ?? 'a')).map((named) => ({ ...one, owner: named })),
  );
}

const twoAddresses = fc.oneof(
  pairOf(address, (one, other) =>
    fc.record({
      letter: fc.constantFrom(one.letter, other.letter),
      route: mixedRoute(one.route, other.route),
      rank: fc.constantFrom(one.rank, other.rank),
    }),
  ),
  address.chain((one) =>
    fc.tuple(
      fc.constant(one),
      nearRoute(one.route).map((near) => ({ ...one, route: near })),
    ),
  ),
);

function isSame(one: unknown, other: unknown): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}

test('two prefixes are the same string exactly if letter, route and rank are the same', () => {
  fc.assert(
    fc.property(twoAddresses, ([one, other]) => {
      const first = readyPrefix(one.letter, one.route, one.rank);
      const second = readyPrefix(other.letter, other.route, other.rank);

      expect(first === second).toBe(isSame(one, other));
    }),
    { numRuns: 500 },
  );
});

test("two lanes' marks are the same string exactly if owner and lane are the same", () => {
  const lane = fc.record({ owner, lane: part });
  const twoLanes = pairOf(lane, (one, other) =>
    fc.record({
      owner: fc.constantFrom(one.owner, other.owner),
      lane: fc.constantFrom(one.lane, other.lane, ...relativesOf(one.lane)),
    }),
  );

  fc.assert(
    fc.property(twoLanes, ([one, other]) => {
      expect(laneMark(one.owner, one.lane) === laneMark(other.owner, other.lane)).toBe(isSame(one, other));
    }),
    { numRuns: 300 },
  );
});

test('no look-up finds what belongs to another one', () => {
  fc.assert(
    fc.property(twoHostileNames, ([one, other]) => {
      const marks = [idMark(one), laneMark(null, other), skippedMark(null, other), cancelledMark];

      expect(new Set(marks).size).toBe(4);
      expect(marks.map((mark) => mark.charAt(0))).toEqual(['I', 'L', 'S', 'C']);
    }),
  );
});

test('a key that is not timed is read as it was written', () => {
  fc.assert(
    fc.property(fc.constantFrom('F', 'H', 'U', 'D'), route, fc.constantFrom(0, 1, 2), (sign, way, priority) => {
      const prefix = readyPrefix(sign, way, priority);

      expect(readReady(readyPrefix(sign, way, priority))).toEqual({ letter: sign, route: way, rank: priority, prefix });
    }),
    { numRuns: 300 },
  );
});

test('a timed key is read as it was written, its time included', () => {
  fc.assert(
    fc.property(fc.constantFrom('@', '!'), route, rank, time, (sign, way, place, when) => {
      const prefix = readyPrefix(sign, way, place);

      expect(readReady(timedKey(sign, way, place, when))).toEqual({
        letter: sign,
        route: way,
        rank: place,
        prefix,
        when,
      });
    }),
    { numRuns: 300 },
  );
});

test('what is not of this form is not read', () => {
  for (const foreign of ['', 'F', 'Fnone', 'F||1|gate', 'X']) expect(readReady(foreign)).toBeUndefined();
});

test('a letter that a later version wrote is read, so that its row can be told and left alone', () => {
  expect(readReady('X|save|1|api|2')).toMatchObject({ letter: 'X', rank: 2 });
});

test('timed keys of one prefix sort as their times', () => {
  fc.assert(
    fc.property(route, rank, time, time, (way, place, one, other) => {
      const first = timedKey('@', way, place, one);
      const second = timedKey('@', way, place, other);

      expect(Math.sign(first < second ? -1 : first > second ? 1 : 0)).toBe(Math.sign(one - other));
    }),
    { numRuns: 300 },
  );
});

test('a time before 1970 counts as 1970, one beyond the year 5188 as that, and fractions are cut off', () => {
  expect([timePart(-1), timePart(Number.NEGATIVE_INFINITY), timePart(0)]).toEqual(Array(3).fill('000000000'));
  expect([timePart(latest), timePart(latest + 1), timePart(Number.POSITIVE_INFINITY)]).toEqual(
    Array(3).fill('zzzzzzzzz'),
  );
  expect(timePart(35.9)).toBe('00000000z');
  expect(new Date(latest).getUTCFullYear()).toBe(5188);
});

test('beyond a prefix lies above all of its keys and below the keys of every other prefix that comes after', () => {
  fc.assert(
    fc.property(twoAddresses, time, ([one, other], when) => {
      const prefix = readyPrefix(one.letter, one.route, one.rank);
      const end = beyond(prefix);
      const otherPrefix = readyPrefix(other.letter, other.route, other.rank);

      for (const key of [prefix, `${prefix}|${timePart(when)}`, `${prefix}|zzzzzzzzz`]) expect(key < end).toBe(true);
      for (const key of [otherPrefix, `${otherPrefix}|${timePart(when)}`]) {
        expect(key >= prefix && key < end).toBe(otherPrefix === prefix);
      }
    }),
    { numRuns: 500 },
  );
});

test('beyond a route lies above all of its keys, of every rank, and below the keys of every other route that comes after', () => {
  fc.assert(
    fc.property(twoAddresses, time, ([one, other], when) => {
      const start = readyPrefix(one.letter, one.route, 0);
      const end = beyondRoute(one.letter, one.route);
      const otherKey = `${readyPrefix(other.letter, other.route, other.rank)}|${timePart(when)}`;
      const belongs = one.letter === other.letter && isSame(one.route, other.route);

      for (const place of [0, 1, 2, 3] as const) {
        expect(`${readyPrefix(one.letter, one.route, place)}|zzzzzzzzz` < end).toBe(true);
      }
      expect(otherKey >= start && otherKey < end).toBe(belongs);
    }),
    { numRuns: 500 },
  );
});
