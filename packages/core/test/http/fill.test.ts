import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import type { Fill } from '../../src/http/fill.js';
import { checkFill } from '../../src/http/fill.js';
import { filled } from '../../src/http/filled.js';
import { PermanentFailure } from '../../src/pure/verdict.js';

const fill: Fill = { noteId: [0, 'id'] };
const answer = (body: unknown) => ({ status: 201, headers: {}, body });
const url = '/notes/{noteId}/photos';

function tried(make: () => string): { readonly path?: string; readonly error?: unknown } {
  try {
    return { path: make() };
  } catch (error) {
    return { error };
  }
}

describe('a placeholder of the url', () => {
  test('gets the value from the body of the answer, and from a result that is no answer', () => {
    expect(filled({ url, fill }, [answer({ id: 7 })]).url).toBe('/notes/7/photos');
    expect(filled({ url, fill }, [{ id: 'ä/b' }]).url).toBe('/notes/%C3%A4%2Fb/photos');
    expect(filled({ url, fill: { noteId: [1] } }, [undefined, answer('n1')]).url).toBe('/notes/n1/photos');
    expect(filled({ url: '/a/{x}?of={x}', fill: { x: [0, 'list', 0] } }, [answer({ list: ['1'] })]).url).toBe(
      '/a/1?of=1',
    );
  });

  test('never lets a value leave its part of the path', () => {
    const hostile = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.constantFrom('..', '.', '../..', '%2e%2e', '\\', '?a', '#', '//h', 'a\u0000'),
    );
    fc.assert(
      fc.property(hostile, (id) => {
        const { path, error } = tried(() => filled({ url, fill }, [answer({ id })]).url);
        fc.pre(!(error instanceof PermanentFailure));
        const { pathname, search, hash, origin } = new URL(path ?? '', 'https://api.example');

        expect([origin, search, hash]).toEqual(['https://api.example', '', '']);
        expect(pathname.split('/').map((part) => decodeURIComponent(part))).toEqual(['', 'notes', id, 'photos']);
      }),
      { numRuns: 300 },
    );
  });

  test.each([
    ['two dots', '..'],
    ['one dot', '.'],
    ['an empty text', ''],
    ['null', null],
    ['nothing', undefined],
    ['an object', {}],
    ['a boolean', true],
    ['a half of a character', '\ud800'],
    ['a step to another folder for a server that decodes it early', '../admin'],
  ])('makes the task dead if the value is %s', (_, id) => {
    expect(() => filled({ url, fill }, [answer({ id })])).toThrow(PermanentFailure);
  });

  test('makes the task dead if two values give a step out of the path', () => {
    const two: Fill = { a: [0, 'dot'], b: [0, 'dot'] };

    expect(() => filled({ url: '/notes/{a}{b}', fill: two }, [answer({ dot: '.' })])).toThrow(
      'The path of a request must be',
    );
  });

  test('says which parent lacks which value', () => {
    const why = 'noteId must be at "id" in the answer of parent 0, but it is undefined. Cancel the task';

    expect(() => filled({ url, fill }, [])).toThrow(why);
    expect(() => filled({ url, fill }, [answer('{"id":7}')])).toThrow(why);
    // What an object inherits is no value of the server.
    expect(() => filled({ url, fill: { noteId: [0, 'constructor', 'name'] } }, [answer({})])).toThrow(PermanentFailure);
  });
});

test('a whole number that JSON has rounded fills nothing, because it is the id of another record', () => {
  const { id } = JSON.parse('{"id":12345678901234567890}') as { readonly id: number };
  const why = 'must be a text, because JSON rounds such a number, but it is the number 12345678901234567000';

  expect(() => filled({ url, fill }, [answer({ id })])).toThrow(why);
  expect(() => filled({ url: '/x', json: {}, fill: { '/of': [0, 'id'] } }, [answer({ id })])).toThrow(why);
  expect(filled({ url, fill }, [answer({ id: 9_007_199_254_740_991 })]).url).toContain('/9007199254740991/');
  expect(filled({ url, fill }, [answer({ id: '12345678901234567890' })]).url).toContain('/12345678901234567890/');
});

describe('a text of a person that looks like a placeholder stays as it is', () => {
  test('in the body, and in the url', () => {
    const json = { text: '{noteId}', '{noteId}': '/text' };
    const given = { url: `/notes/{noteId}/{other}?text=${encodeURIComponent('{noteId}')}`, json, fill };

    expect(filled(given, [answer({ id: '{other}' })])).toEqual({
      url: '/notes/%7Bother%7D/{other}?text=%7BnoteId%7D',
      json,
    });
  });

  test('without fill, also in the url', () => {
    expect(filled({ url, json: { text: '{noteId}' } }, [answer({ id: 7 })]).url).toBe(url);
  });
});

describe('a place in the body', () => {
  test('gets the value as it is, and nothing else changes', () => {
    const json = { noteId: null, tags: [{ id: 0 }], 'a/b~c': 1 };
    const places: Fill = { '/noteId': [0, 'id'], '/tags/0/id': [0, 'id'], '/a~1b~0c': [0], '/new': [0, 'id'] };

    expect(filled({ url: '/photos', json, fill: places }, [answer({ id: 7 })])).toEqual({
      url: '/photos',
      json: { noteId: 7, tags: [{ id: 7 }], 'a/b~c': { id: 7 }, new: 7 },
    });
    expect(json.noteId).toBeNull(); // What is stored stays as it was added.
  });

  test.each<[string, unknown, string]>([
    ['never is a prototype', {}, '/__proto__'],
    ['never is in a prototype', {}, '/constructor/prototype'],
    ['must have an object before it', {}, '/a/b'],
    ['must not be in a text', { a: 'x' }, '/a/b'],
    ['must not be in null', { a: null }, '/a/b'],
    ['must not be behind the end of a list', { a: [0] }, '/a/1'],
  ])('%s: otherwise the task is dead', (_, json, place) => {
    expect(() => filled({ url: '/x', json, fill: { [place]: [0] } }, ['value'])).toThrow(`${place} must be a place`);
  });

  test.each([
    ['a map', new Map()],
    ['a bigint', 1n],
    ['NaN', Number.NaN],
    ['a file', new File(['x'], 'x.txt')],
  ])('makes the task dead if the value is %s, because JSON cannot hold that', (_, value) => {
    const fillOne = (): unknown => filled({ url: '/x', json: { a: null }, fill: { '/a': [0, 'id'] } }, [{ id: value }]);

    expect(fillOne).toThrow(PermanentFailure);
    expect(fillOne).toThrow('json, at "a", must be what JSON can hold');
  });
});

test.each<[string, unknown, string]>([
  [
    'a placeholder that is not there',
    { id: [0, 'id'] },
    'a {placeholder} of the url, or a /place in json, but it is "id"',
  ],
  ['a place without a body', { '/a': [0] }, 'a {placeholder} of the url, or a /place in json, but it is "/a"'],
  ['no list', { noteId: 'id' }, 'fill["noteId"] must be a list such as [0, "id"], but it is "id"'],
])('an add refuses in fill %s, and says what is wrong', (_, wrong, why) => {
  expect(() => checkFill(wrong as Fill, url, undefined)).toThrow(why);
});
