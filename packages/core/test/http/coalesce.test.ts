import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import { coalesce, composed } from '../../src/http/coalesce.js';
import type { DecodedRequest } from '../../src/http/request.js';

type Json = Readonly<Record<string, unknown>>;

/** RFC 7396, section 2, word for word. */
function apply(target: unknown, patch: unknown): unknown {
  if (!isObject(patch)) return patch;
  const result = new Map(Object.entries(isObject(target) ? target : {}));
  for (const [name, value] of Object.entries(patch)) {
    if (value === null) result.delete(name);
    else result.set(name, apply(result.get(name), value));
  }

  return Object.fromEntries(result);
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Few names and shallow values, so that two patches often speak of the same parts. */
const { value: values, patch: patches } = fc.letrec<{ value: unknown; patch: Json }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', maxDepth: 3 },
    fc.constantFrom(null, 1, 'x', false, [], [null], {}),
    tie('patch'),
  ),
  patch: fc.dictionary(fc.constantFrom('a', 'b', 'c', '__proto__'), tie('value'), {
    noNullPrototype: false,
    maxKeys: 3,
  }),
}));

describe('two merge patches', () => {
  test('that are composed do to each document what both do, one after the other', () => {
    let done = 0;
    fc.assert(
      fc.property(values, patches, patches, (document, earlier, later) => {
        const both = composed(earlier, later);
        if (both === undefined) return;
        done += 1;

        expect(apply(document, both)).toEqual(apply(apply(document, earlier), later));
      }),
      { numRuns: 1_000 },
    );
    expect(done).toBeGreaterThan(300);
  });

  test('are not composed only where no patch does to each document what both do', () => {
    const documents: unknown[] = [{}, 1, ...['a', 'b'].flatMap((name) => [{ [name]: { b: 1, z: 1 } }, { [name]: 1 }])];
    fc.assert(
      fc.property(patches, patches, patches, (earlier, later, candidate) => {
        if (composed(earlier, later) !== undefined) return;
        const nested = documents.concat(documents.map((one) => ({ a: one, b: one, c: one })));
        const deep = nested.concat(nested.map((one) => ({ a: one, b: one, c: one })));
        const fits = (document: unknown): boolean =>
          JSON.stringify(apply(document, candidate)) === JSON.stringify(apply(apply(document, earlier), later));

        expect(deep.every(fits)).toBe(false);
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, unknown, unknown, Json | undefined]>([
    ['different parts', { a: 1 }, { b: 2 }, { a: 1, b: 2 }],
    ['the same part', { a: 1 }, { a: 2 }, { a: 2 }],
    ['a part that is deleted', { a: 1, b: { c: 1 } }, { a: null, b: { c: null } }, { a: null, b: { c: null } }],
    ['a list, which is a value', { a: [1, null] }, { a: [2] }, { a: [2] }],
    ['an object over a text', { a: 'x' }, { a: { b: 1 } }, undefined],
    ['an object over a list', { a: [] }, { a: { b: 1 } }, undefined],
    ['an object over what is deleted', { a: null }, { a: { b: 1 } }, undefined],
    ['a document that is a list', [], { a: 1 }, undefined],
    ['a document that becomes null', { a: 1 }, null, undefined],
  ])('%s', (_, earlier, later, both) => {
    expect(composed(earlier, later)).toEqual(both);
  });
});

const put = (json: unknown, more: Partial<DecodedRequest> = {}): DecodedRequest => ({
  method: 'PUT',
  url: '/notes/1',
  headers: { 'content-type': 'application/json' },
  json,
  ...more,
});
const patch = (json: unknown, more: Partial<DecodedRequest> = {}): DecodedRequest =>
  put(json, { method: 'PATCH', ...more });
const remove: DecodedRequest = { method: 'DELETE', url: '/notes/1', headers: {} };
const removeOther: DecodedRequest = { ...remove, url: '/notes/2' };
const create = put({ text: 'a' }, { method: 'POST', url: '/notes' });

describe('of two requests', () => {
  test('that are PUTs of one record, the later one is left', () => {
    const later = put({ text: 'b' });

    expect(coalesce(put({ text: 'a' }), later)).toBe(later);
  });

  test('that create and delete, nothing is left; also for a second delete; and a later request stands alone', () => {
    const nothing = { ...remove, nothing: true };

    expect(coalesce(create, remove)).toEqual(nothing);
    expect(coalesce(coalesce(create, remove) ?? remove, remove)).toEqual(nothing);
    expect(coalesce(coalesce(create, remove) ?? remove, create)).toBe(create);
    expect(coalesce(coalesce(create, remove) ?? remove, removeOther)).toBe(removeOther);
  });

  test('that are merge patches, one is left', () => {
    expect(coalesce(patch({ a: 1 }), patch({ b: null }))).toEqual(patch({ a: 1, b: null }));
  });

  const type = (value: string) => ({ headers: { 'content-type': value } });
  const ifMatch = { headers: { 'content-type': 'application/json', 'if-match': '"1"' } };

  test.each<[string, DecodedRequest, DecodedRequest]>([
    ['PUTs of two records', put(1), put(1, { url: '/notes/2' })],
    ['a PUT and a DELETE: the record may not be there', put(1), remove],
    ['a DELETE and a PUT', remove, put(1)],
    ['a PUT and a PATCH', put(1), patch({})],
    ['two POSTs', create, create],
    ['two DELETEs', remove, remove],
    ['a PUT with a condition, first', put(1, ifMatch), put(1)],
    ['a PUT with a condition, last', put(1), put(1, ifMatch)],
    ['a POST that creates elsewhere, with the same key', put({}, { method: 'POST', url: '/notes/1/photos' }), remove],
    ['a POST to the path that is deleted', put({}, { method: 'POST' }), remove],
    ['a POST and a DELETE of a part of its record', create, { ...remove, url: '/notes/1/photos/3' }],
    ['a create with a condition', { ...create, headers: { 'if-none-match': '*' } }, remove],
    ['a part of a file', put(1, { headers: { 'content-range': 'bytes 0-1/3' } }), put(1)],
    ['a value of a parent', put(1, { fill: { '/a': [0, 'id'] } }), put(1)],
    [
      'patches of another kind',
      patch({}, type('application/json-patch+json')),
      patch({}, type('application/json-patch+json')),
    ],
    ['patches with different headers', patch({}, type('application/merge-patch+json')), patch({})],
    ['patches that are no JSON', patch(undefined, { body: 'x' }), patch(undefined, { body: 'x' })],
    ['patches of two records', patch({}), patch({}, { url: '/notes/2' })],
  ])('that are %s, both are left', (_, earlier, later) => {
    expect(coalesce(earlier, later)).toBeUndefined();
  });
});
