import { describe, expect, test } from 'vitest';

import { isSmall, smallPayload } from '../../src/pure/size.js';

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
    ['a string of just the limit', 'x'.repeat(smallPayload / 2)],
    ['a note', { id: 'note-1', text: 'hello', tags: ['a', 'b'], at: new Date(0) }],
    ["an instance of the app's own class", new Note('hello')],
    ['an object without a prototype', Object.assign(Object.create(null) as object, { a: 1 })],
    ['a few bytes', new Uint8Array(100)],
    ['a small map', new Map([['a', { b: 1 }]])],
    ['a small set', new Set([1, 2, 3])],
    ['an empty list', []],
  ])('%s', (_, value) => {
    expect(isSmall(value)).toBe(true);
  });
});

describe('not small is', () => {
  test.each([
    ['a string beyond the limit', 'x'.repeat(smallPayload / 2 + 1)],
    ['a string deep inside', { a: [{ b: { c: 'x'.repeat(600) } }] }],
    ['a long key', { ['k'.repeat(600)]: 1 }],
    ['many small fields', Object.fromEntries(Array.from({ length: 200 }, (_, place) => [`field${place}`, place]))],
    ['many bytes', new Uint8Array(2_000)],
    ['a view on many bytes', new DataView(new ArrayBuffer(2_000))],
    ['a buffer', new ArrayBuffer(2_000)],
    ['a short view on a large buffer, which is stored with it', new Uint8Array(new ArrayBuffer(2_000), 0, 10)],
    ['a large map', new Map(Array.from({ length: 200 }, (_, place) => [place, place]))],
    ['a map with a large value', new Map([['a', 'x'.repeat(600)]])],
    ['a map with a large key', new Map([['x'.repeat(600), 'a']])],
    ['a large set', new Set(Array.from({ length: 200 }, (_, place) => place))],
    ['a Blob, which can hold any amount', new Blob(['x'])],
    ['a Blob inside', { photo: new Blob(['x']) }],
    ['an object that goes in circles', cyclic],
    ['a list that goes in circles', cyclicList],
    ['a map that goes in circles', cyclicMap()],
    [
      'what throws when it is read',
      {
        get text(): string {
          throw new Error('no');
        },
      },
    ],
    ['a huge integer', 2n ** 10_000n],
  ])('%s', (_, value) => {
    expect(isSmall(value)).toBe(false);
  });
});

describe('the walk ends at the limit, and does not visit all of', () => {
  const length = 20_000_000;

  test.each([
    ['a huge list with holes', () => Array(length)],
    ['a huge list of numbers', () => Array(length).fill(0)],
    ['a huge list of empty strings', () => Array(length).fill('')],
  ])('%s', (_, make) => {
    const list: readonly unknown[] = make();
    let visited = 0;
    const counted = new Proxy(list, {
      get(target, key) {
        visited += 1;
        // Beyond that it is clear: the test need not take as long as the walk would.
        if (visited > 100_000) throw new Error('It visits all of it.');

        return Reflect.get(target, key) as unknown;
      },
    });

    expect(isSmall(counted)).toBe(false);
    expect(visited).toBeLessThan(5_000);
  });
});

test('a set with more members than the limit has bytes is not visited at all', () => {
  const members = new Set(Array.from({ length: 2_000 }, (_, place) => place));
  let visited = false;
  members[Symbol.iterator] = () => {
    visited = true;

    return members.values();
  };

  expect(isSmall(members)).toBe(false);
  expect(visited).toBe(false);
});

test('the limit can be given', () => {
  expect(isSmall('x'.repeat(50), 100)).toBe(true);
  expect(isSmall('x'.repeat(51), 100)).toBe(false);
});

function cyclicMap(): Map<string, unknown> {
  const map = new Map<string, unknown>();
  map.set('self', map);

  return map;
}
