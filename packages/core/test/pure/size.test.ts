import { describe, expect, test } from 'vitest';

import { depthLimit, heavyLimit, inlineLimit, storeFor, weigh } from '../../src/pure/size.js';

class Note {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

const cyclic: Record<string, unknown> = {};
cyclic['self'] = cyclic;
const cyclicList: unknown[] = [];
cyclicList.push(cyclicList);

describe('small is', () => {
  test.each([
    ['nothing', undefined],
    ['null', null],
    ['a number', 1],
    ['a big integer', 10n ** 100n],
    ['a short string', 'hello'],
    ['a string of just the limit', 'x'.repeat(inlineLimit / 2)],
    ['a note', { id: 'note-1', text: 'hello', tags: ['a', 'b'], at: new Date(0) }],
    ["an instance of the app's own class", new Note('hello')],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['a few bytes', new Uint8Array(100)],
    ['a small map', new Map([['a', { b: 1 }]])],
    ['a small set', new Set([1, 2, 3])],
    ['an empty list', []],
  ])('%s', (_, value) => {
    expect(storeOf(value)).toBe('tasks');
  });
});

describe('not small is', () => {
  test.each([
    ['a string beyond the limit', 'x'.repeat(inlineLimit / 2 + 1)],
    ['a string deep inside', { a: [{ b: { c: 'x'.repeat(20_000) } }] }],
    ['a long key', { ['k'.repeat(20_000)]: 1 }],
    ['many small fields', Object.fromEntries(Array.from({ length: 5_000 }, (_, place) => [`field${place}`, place]))],
    ['many bytes', new Uint8Array(40_000)],
    ['a view on many bytes', new DataView(new ArrayBuffer(40_000))],
    ['a buffer', new ArrayBuffer(40_000)],
    ['a short view on a large buffer, which is stored with it', new Uint8Array(new ArrayBuffer(40_000), 0, 10)],
    ['a large map', new Map(Array.from({ length: 5_000 }, (_, place) => [place, place]))],
    ['a map with a large value', new Map([['a', 'x'.repeat(20_000)]])],
    ['a map with a large key', new Map([['x'.repeat(20_000), 'a']])],
    ['a large set', new Set(Array.from({ length: 5_000 }, (_, place) => place))],
    ['a Blob, which can hold any amount', new Blob(['x'])],
    ['a Blob inside', { photo: new Blob(['x']) }],
    ['a huge integer', 2n ** 200_000n],
  ])('%s', (_, value) => {
    expect(storeOf(value)).not.toBe('tasks');
  });
});

test('a value that cannot be read weighs nothing: the write tells what is wrong with it', () => {
  const value = {
    get text(): string {
      throw new Error('no');
    },
  };

  expect(storeOf(value)).toBe('tasks');
});

describe('goes ahead of its row', () => {
  test.each([
    ['a Blob, which can hold any amount', new Blob(['x'])],
    ['a Blob inside', { photo: new Blob(['x']) }],
    ['a Blob in a map in a list', [new Map([['photo', new Blob(['x'])]])]],
    ['a Blob as the key of a map', new Map([[new Blob(['x']), 1]])],
    ['a Blob in a set', new Set([new Blob(['x'])])],
    ['a Blob behind a large text', { text: 'x'.repeat(1_000_000), photo: new Blob(['x']) }],
    ['an object of the platform that tells no size', new URLSearchParams('a=1')],
  ])('%s', (_, value) => {
    expect(storeOf(value)).toBe('bodies');
  });
});

describe('at the borders', () => {
  test.each([
    [inlineLimit - 2, 'tasks'],
    [inlineLimit, 'tasks'],
    [inlineLimit + 2, 'payloads'],
    [2 * inlineLimit + 100, 'payloads'],
    [heavyLimit - 2, 'payloads'],
    [heavyLimit, 'payloads'],
    [heavyLimit + 2, 'bodies'],
    [2 * heavyLimit + 100, 'bodies'],
  ])('a text of %i bytes lies in %s', (bytes, store) => {
    expect(storeOf('x'.repeat(bytes / 2))).toBe(store);
  });
});

test('an object that is met twice weighs once, and one that goes in circles is weighed', () => {
  const text = { text: 'x'.repeat(16_000) };

  expect(storeOf([text, text, text])).toBe('tasks');
  for (const circle of [cyclic, cyclicList, cyclicMap()]) expect(storeOf(circle)).toBe('tasks');
});

test('a value nested a hundred thousand levels deep is weighed', () => {
  let deep: unknown = 'x';
  for (let level = 0; level < 100_000; level += 1) deep = { deep };

  expect(weigh(deep)).toMatchObject({ depth: 100_000 });
});

test.each<[string, (inner: unknown) => unknown]>([
  ['lists', (inner) => [inner]],
  ['objects', (inner) => ({ inner })],
  ['values of maps', (inner) => new Map([['key', inner]])],
  ['keys of maps', (inner) => new Map([[inner, 'value']])],
  ['sets', (inner) => new Set([inner])],
  ['errors, each the cause of the next', (cause) => new Error('no', { cause })],
])('%s in each other are as deep as there are of them', (_, around) => {
  const nested = (levels: number): unknown => (levels === 0 ? 'x' : around(nested(levels - 1)));

  for (const levels of [1, 2, depthLimit - 1, depthLimit]) {
    expect(weigh(nested(levels))).toMatchObject({ depth: levels });
    expect(storeOf(nested(levels))).toBe('tasks');
  }
  for (const levels of [depthLimit + 1, 2 * depthLimit + 100]) {
    expect(() => storeOf(nested(levels))).toThrow(expect.objectContaining({ code: 'payload' }));
  }
});

test('a list of a billion holes is weighed at once', () => {
  expect(storeOf(Array(1_000_000_000))).toBe('tasks');
});

test('the Blobs of a payload are found at any depth, each once', () => {
  const [one, two] = [new Blob(['1']), new File(['2'], 'two')];

  expect(weigh({ one, list: [{ two }, one], set: new Set([two]) }).blobs).toHaveLength(2);
});

test.each([
  ['a note', { id: 1 }, false],
  ['an object without a prototype', Object.create(null), false],
  ['a date in a map', new Map([[1, new Date()]]), false],
  ["an instance of the app's own class", new Note('x'), true],
  ['such an instance deep inside', [{ a: new Map([['b', new Note('x')]]) }], true],
])('whether an own class is in %s', (_, value, expected) => {
  expect(weigh(value).ownClass).toBe(expected);
});

function storeOf(value: unknown): string {
  return storeFor(weigh(value));
}

function cyclicMap(): Map<string, unknown> {
  const map = new Map<string, unknown>();
  map.set('self', map);

  return map;
}
