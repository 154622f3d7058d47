import { describe, expect, test } from 'vitest';

import { copyOf } from '../../src/pure/copy.js';

const shared = { a: 1 };
const circle: Record<string, unknown> = {};
circle['self'] = circle;
class Note {
  readonly text = 'x';

  shout(): string {
    return `${this.text}!`;
  }
}
let deep: unknown = 'x';
for (let level = 0; level < 100; level += 1) deep = { deep };

describe('a copy is what the platform makes of it', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['numbers', [1, -0, Number.NaN, Number.POSITIVE_INFINITY, 10n ** 30n]],
    ['a note', { id: 'n', done: false, tags: ['a', { b: null, c: undefined }] }],
    ['a date, a map, a set and an expression', { at: new Date(5), map: new Map([[1, new Set([2])]]), like: /x/gi }],
    ['bytes', { bytes: new Uint8Array([1, 2]), buffer: new ArrayBuffer(3) }],
    ['an error', new TypeError('no')],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ["an instance of the app's own class", { note: new Note() }],
    ['a list with holes', Object.assign([], { 0: 1, 5: 2 })],
    ['a list with as many names as holes', Object.assign(Array(2) as unknown[], { a: 1, b: 2 })],
    ['a list with a name', Object.assign([1, 2], { extra: 3 })],
    ['a key __proto__', JSON.parse('{"__proto__": {"a": 1}, "b": 2}') as unknown],
    ['a key that is a symbol', { [Symbol('s')]: 1, b: 2 }],
    [
      'a getter',
      {
        get text() {
          return 'read';
        },
      },
    ],
    ['a tag of its own', { [Symbol.toStringTag]: 'Mine', a: 1 }],
    ['a hundred levels', deep],
    ['two thousand numbers', Array.from({ length: 2_000 }, (_, place) => place)],
  ])('%s', (_, value) => {
    expect(copyOf(value)).toStrictEqual(structuredClone(value));
  });
});

test('what is one object in the value is one object in the copy', () => {
  const [one, two] = copyOf([shared, shared]) as object[];
  expect(one).toBe(two);
  expect(one).not.toBe(shared);
  const copy = copyOf(circle) as { readonly self: unknown };
  expect(copy.self).toBe(copy);
});

test('nothing of a copy changes with the value', () => {
  const value = { list: [{ a: 1 }] };
  const copy = copyOf(value);
  value.list[0] = { a: 2 };
  value.list.push({ a: 3 });

  expect(copy).toEqual({ list: [{ a: 1 }] });
});

test.each([
  ['a function', () => 1],
  ['a symbol deep inside', { a: [{ b: Symbol('x') }] }],
  ['a promise', { a: Promise.resolve() }],
])('%s is refused', (_, value) => {
  expect(() => copyOf(value)).toThrow(DOMException);
});
