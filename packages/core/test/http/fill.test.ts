import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import type { Fill } from '../../src/http/fill.js';
import { checkFill, filled } from '../../src/http/fill.js';
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
  ])('makes the task dead if the value is %s', (_, id) => {
    expect(() => filled({ url, fill }, [answer({ id })])).toThrow(PermanentFailure);
  });

  test('makes the task dead if two values give a step out of the path', () => {
    const two: Fill = { a: [0, 'dot'], b: [0, 'dot'] };

    expect(() => filled({ url: '/notes/{a}{b}', fill: two }, [answer({ dot: '.' })])).toThrow('give no path');
  });

  test('says which parent lacks which value', () => {
    expect(() => filled({ url, fill }, [])).toThrow('The parent 0 has no value at id, which "noteId" needs.');
    expect(() => filled({ url, fill }, [answer('{"id":7}')])).toThrow('no value at id');
    // What an object inherits is no value of the server.
    expect(() => filled({ url, fill: { noteId: [0, 'constructor', 'name'] } }, [answer({})])).toThrow('no value');
  });
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

  test('never reaches a prototype', () => {
    expect(() => checkFill({ '/__proto__': [0] }, '/x', {})).toThrow('place /__proto__ in json');
    expect(() => checkFill({ '/constructor/prototype': [0] }, '/x', {})).toThrow('in json');
  });
});

test.each<[string, unknown, unknown, string]>([
  ['a placeholder that is not there', { id: [0, 'id'] }, undefined, 'placeholder {id} in the url'],
  ['a placeholder with braces', { '{noteId': [0] }, undefined, 'placeholder {{noteId} in the url'],
  ['a place that is not there', { '/a/b': [0, 'id'] }, {}, 'place /a/b in json'],
  ['a place without a body', { '/a': [0, 'id'] }, undefined, 'place /a in json'],
  ['a place after the end of a list', { '/a/1': [0] }, { a: [0] }, 'place /a/1'],
  ['no list', { noteId: 'id' }, undefined, 'must be a list such as [0, "id"]'],
  ['an empty list', { noteId: [] }, undefined, 'must be a list'],
  ['a parent that is no number', { noteId: ['0', 'id'] }, undefined, 'must be a list'],
  ['a name that is an object', { noteId: [0, {}] }, undefined, 'must be a list'],
  ['a negative parent', { noteId: [-1] }, undefined, 'must be a list'],
])('an add refuses in fill %s', (_, wrong, json, why) => {
  expect(() => checkFill(wrong as Fill, url, json)).toThrow(why);
});
