import { runInNewContext } from 'node:vm';

import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import { asItIs, isPromiseLike, json } from '../../src/pure/codec.js';

test('what JSON can hold comes back from a JSON codec as it was', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const codec = json<unknown>();

      expect(codec.decode(codec.encode(value) as string)).toEqual(JSON.parse(JSON.stringify(value)));
    }),
  );
});

class Note {
  readonly text = 'x';
}

class Sized {
  toJSON(): string {
    return 'sized';
  }
}

describe('a JSON codec refuses what it could not give back, and says where it is:', () => {
  test.each([
    ['undefined', undefined, 'this payload, which is a value of type undefined'],
    ['a function', () => undefined, 'this payload, which is a value of type function'],
    ['a symbol', Symbol('no'), 'this payload, which is a value of type symbol'],
    ['a big integer', { sums: { total: 1n } }, 'sums.total, which is a value of type bigint'],
    ['a file', { photos: [{ file: new File(['x'], 'x.png') }] }, 'photos[0].file, which is of the class File'],
    ['a Blob', [1, new Blob(['x'])], '[1], which is of the class Blob'],
    ['a map', { map: new Map([['a', 1]]) }, 'map, which is of the class Map'],
    ['a set', { set: new Set([1]) }, 'set, which is of the class Set'],
    ['bytes', { bytes: new Uint8Array(3) }, 'bytes, which is of the class Uint8Array'],
    ['a buffer', { bytes: new ArrayBuffer(3) }, 'bytes, which is of the class ArrayBuffer'],
    ['an expression', { find: /x/ }, 'find, which is of the class RegExp'],
    ['an error', { error: new Error('x') }, 'error, which is of the class Error'],
    ['a date, which would come back as a text', { at: new Date(0) }, 'at, which is of the class Date'],
    ['a promise', { text: Promise.resolve('x') }, 'text, which is of the class Promise'],
    ['a text that is an object', { text: Object('x') as unknown }, 'text, which is of the class String'],
    ['an instance of a class', { note: new Note() }, 'note, which is of the class Note'],
    ['an instance that makes JSON of itself', { note: new Sized() }, 'note, which is of the class Sized'],
    ['an object that makes JSON of itself', { a: { toJSON: () => 1 } }, 'a, which is of the class Object'],
    ['a function in an object', { text: 'x', show: () => 1 }, 'show, which is a value of type function'],
    ['a symbol in a list', ['x', Symbol('x')], '[1], which is a value of type symbol'],
    ['undefined in a list', { list: ['x', undefined] }, 'list[1], which is a value of type undefined'],
    // oxlint-disable-next-line no-sparse-arrays -- that is what is asked about
    ['a hole in a list', { list: ['x', , 'y'] }, 'list, which is a list with holes or named parts'],
    ['a list with a named part', /x/.exec('x'), 'this payload, which is a list with holes or named parts'],
    [
      'a list with as many names as holes',
      Object.assign(Array(1) as unknown[], { x: 2 }),
      'this payload, which is a list with holes or named parts',
    ],
    ['no number', { sum: Number.NaN }, 'sum, which is NaN'],
    ['infinity', { sums: [-Infinity] }, 'sums[0], which is -Infinity'],
    [
      'a part with a strange name',
      { 'a b': { 'c"': 1n } },
      String.raw`["a b"]["c\""], which is a value of type bigint`,
    ],
    ['a circle', { all: circle() }, 'all.self, which is an object that contains it'],
  ])('%s', (_, value, where) => {
    expect(() => json<unknown>().encode(value)).toThrow(TypeError);
    expect(() => json<unknown>().encode(value)).toThrow(`JSON cannot hold ${where}. `);
  });
});

test.each([
  ['a part that is undefined', { text: 'x', more: undefined }],
  ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
  ['an object of another frame', runInNewContext('({ a: [{ b: 1 }] })')],
  ['an object that is met twice', ((one) => [one, one, { one }])({ a: 1 })],
  ['half of a pair of characters', ['\ud800']],
  ['a part with the name of the prototype', JSON.parse('{"__proto__": {"a": 1}}')],
])('a JSON codec gives back %s', (_, value: unknown) => {
  const codec = json<unknown>();

  expect(codec.decode(codec.encode(value) as string)).toEqual(value);
});

test('a JSON codec refuses lists if a library of old makes texts of them', () => {
  const prototype = Array.prototype as { toJSON?: () => string };
  prototype.toJSON = () => 'list';
  try {
    expect(() => json<unknown>().encode({ list: [1] })).toThrow('JSON cannot hold list, ');
  } finally {
    delete prototype.toJSON;
  }
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
