import * as fc from 'fast-check';
import { expect, test } from 'vitest';

import { asItIs, isPromiseLike, json } from '../../src/pure/codec.js';

test('what JSON can hold comes back from a JSON codec as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const codec = json<unknown>();

      expect(codec.decode(codec.encode(value) as string)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

test.each([
  ['undefined', undefined],
  ['a function', () => undefined],
  ['a symbol', Symbol('no')],
  ['a big integer', 1n],
  ['a circle', circle()],
])('a JSON codec refuses %s, which it could not give back', (_, value) => {
  expect(() => json<unknown>().encode(value)).toThrow(TypeError);
});

test('a type without a codec stores the very value', () => {
  const value = { a: 1 };

  expect(asItIs.encode(value)).toBe(value);
  expect(asItIs.decode(value)).toBe(value);
});

test('what can be awaited is told from what only looks like it', () => {
  // oxlint-disable-next-line unicorn/no-thenable -- that is what is asked about
  const thenable = (then: unknown): unknown => Object.fromEntries([['then', then]]);
  const values = [Promise.resolve(), thenable(() => undefined), thenable(1), null, undefined, 'then', {}];

  expect(values.map(isPromiseLike)).toEqual([true, true, false, false, false, false, false]);
});

function circle(): object {
  const value: Record<string, unknown> = {};
  value['self'] = value;

  return value;
}
