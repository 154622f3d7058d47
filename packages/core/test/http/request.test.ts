import * as fc from '../support/property.js';
import { describe, expect, test } from 'vitest';

import type { DecodedRequest, HttpRequest, StoredRequest } from '../../src/http/request.js';
import { requestCodec } from '../../src/http/request.js';

const codec = requestCodec(new Set(['x-form']));
const stored = (given: HttpRequest): StoredRequest => codec.encode(given) as StoredRequest;
const put = (more: Partial<HttpRequest>): HttpRequest => ({ method: 'PUT', url: '/notes/1', ...more });

/** The body as it is sent. */
async function sent({ body, json }: StoredRequest): Promise<Uint8Array> {
  return new Uint8Array(await new Response(body ?? json ?? '').arrayBuffer());
}

describe('what is stored of a request', () => {
  test.each<[string, HttpRequest, Partial<StoredRequest>]>([
    ['a path alone', { url: '/notes' }, { method: 'GET', headers: {} }],
    ['a method in small letters', { url: '/x', method: 'patch' }, { method: 'PATCH' }],
    ['JSON', put({ json: { a: null } }), { json: '{"a":null}', headers: { 'content-type': 'application/json' } }],
    ['a date in JSON', put({ json: { at: new Date(0) } }), { json: '{"at":"1970-01-01T00:00:00.000Z"}' }],
    ['JSON that is false', put({ json: false }), { json: 'false' }],
    [
      'JSON of another type',
      put({ json: 1, headers: { 'Content-Type': 'application/merge-patch+json' } }),
      { headers: { 'content-type': 'application/merge-patch+json' } },
    ],
    ['a text', put({ body: 'ä' }), { body: 'ä', headers: {} }],
    ['an empty text', put({ body: '' }), { body: '' }],
    [
      'parameters',
      put({ body: new URLSearchParams({ a: 'ä b' }) }),
      { body: 'a=%C3%A4+b', headers: { 'content-type': 'application/x-www-form-urlencoded;charset=UTF-8' } },
    ],
    [
      'headers',
      put({
        headers: [
          ['If-Match', '"1"'],
          ['X-Form', '2'],
        ],
      }),
      { headers: { 'if-match': '"1"', 'x-form': '2' } },
    ],
    ['more', put({ credentials: 'include', expect: 'html' }), { credentials: 'include', expect: 'html' }],
    ['a body that is null', put({ body: null as unknown as string }), { headers: {} }],
  ])('%s', (_, given, expected) => {
    expect(stored(given)).toMatchObject(expected);
  });

  test('bytes, and only the part of a buffer that a view shows', () => {
    const bytes = new Uint8Array([1, 2, 3, 4]);
    const shared = new Uint8Array(new SharedArrayBuffer(2));

    expect(new Uint8Array(stored(put({ body: bytes.subarray(1, 3) })).body as ArrayBuffer)).toEqual(bytes.slice(1, 3));
    expect(stored(put({ body: bytes.buffer }))).toMatchObject({ body: bytes.buffer, headers: {} });
    expect(stored(put({ body: shared })).body).toBeInstanceOf(ArrayBuffer);
  });

  test('a file, which has its own type', () => {
    const file = new File(['x'], 'ä.png', { type: 'image/png' });

    expect(stored(put({ body: file }))).toEqual({ method: 'PUT', url: '/notes/1', body: file, headers: {} });
    expect(stored(put({ body: file, headers: { 'Content-Type': 'a/B' } })).headers).toEqual({ 'content-type': 'a/B' });
  });

  test('can be stored again: lists show it, and update takes it back with a change', () => {
    const form = new FormData();
    form.append('a', 'b');
    const all = [
      put({ json: { a: [1] }, headers: { 'if-match': '1' } }),
      put({ body: 'x' }),
      put({ body: form }),
      put({ body: new Blob(['x'], { type: 'a/b' }) }),
      put({ body: new ArrayBuffer(2), credentials: 'omit' }),
    ];
    for (const given of all) {
      const first = stored(given);

      expect(stored(codec.decode(first) as DecodedRequest)).toEqual(first);
    }
  });

  test('is read at once: later changes of the app have no effect', () => {
    const json = { text: 'a' };
    const headers = new Headers({ 'if-match': '1' });
    const body = new URLSearchParams('a=1');
    const one = stored(put({ json, headers }));
    const other = stored(put({ body }));
    json.text = 'b';
    headers.set('if-match', '2');
    body.set('a', '2');

    expect(one).toMatchObject({ json: '{"text":"a"}', headers: { 'if-match': '1' } });
    expect(other.body).toBe('a=1');
  });
});

describe('a form', () => {
  const form = new FormData();
  form.append('title "ä"\n', 'one\ntwo\r\nthree\r');
  form.append('photo', new File([new Uint8Array([0, 255, 13, 10])], 'Dächer "2".jpg', { type: 'image/jpeg' }));
  form.append('photo', new File(['日本'], '日本.txt'));

  test('is stored as it is sent, with its boundary, and with what browsers escape', async () => {
    const request = stored(put({ body: form }));
    const [, boundary = ''] = /boundary=(\w+)$/.exec(request.headers['content-type'] ?? '') ?? [];
    const text = new TextDecoder('latin1').decode(await sent(request));
    const latin1 = (unicode: string): string => new TextDecoder('latin1').decode(new TextEncoder().encode(unicode));

    expect(text).toBe(
      [
        `--${boundary}`,
        `Content-Disposition: form-data; name="title %22${latin1('ä')}%22%0D%0A"`,
        '',
        'one\r\ntwo\r\nthree\r\n',
        `--${boundary}`,
        `Content-Disposition: form-data; name="photo"; filename="${latin1('Dächer')} %222%22.jpg"`,
        'Content-Type: image/jpeg',
        '',
        '\u0000\u00ff\r\n',
        `--${boundary}`,
        `Content-Disposition: form-data; name="photo"; filename="${latin1('日本.txt')}"`,
        'Content-Type: application/octet-stream',
        '',
        latin1('日本'),
        `--${boundary}--`,
        '',
      ].join('\r\n'),
    );
    expect(request.headers['content-type']).toBe((request.body as Blob).type);
  });

  test('is read by others as it was, whatever it contains', async () => {
    const texts = fc.string({ unit: 'grapheme' });
    await fc.assert(
      fc.asyncProperty(fc.array(fc.tuple(texts, texts)), async (fields) => {
        const given = new FormData();
        for (const [name, value] of fields) given.append(name, value);
        const request = stored(put({ body: given }));
        const read = await new Response(request.body ?? '', { headers: request.headers }).formData();
        const lines = (text: string): string => text.replace(/\r\n?|\n/g, '\r\n');
        const names = fields.map(([name, value]) => [lines(name), lines(value)]);

        expect([...read]).toEqual(names);
        expect(typeof request.body).toBe('string'); // Without a file it needs no store of its own.
      }),
      { numRuns: 50 },
    );
  });

  test('has another boundary each time, and the type that names it', () => {
    const types = [1, 2].map(
      () => stored(put({ body: form, headers: { 'Content-Type': 'multipart/form-data' } })).headers['content-type'],
    );

    expect(new Set(types).size).toBe(2);
    expect(types[0]).toMatch(/^multipart\/form-data; boundary=taskbasket\d+$/);
  });
});

describe('an add refuses', () => {
  test.each<[string, Readonly<Record<string, unknown>>, string]>([
    ['a stream', { body: new ReadableStream() }, 'await new Response(stream).blob()'],
    ['an object as a body', { body: {} }, 'The body must be a text'],
    ['a generator as a body', { body: (function* () {})() }, 'The body must be a text'],
    ['a number as a body', { body: 1 }, 'The body must be'],
    ['two bodies', { body: 'x', json: 1 }, 'either `json` or `body`'],
    [
      'a file in JSON',
      { json: { photo: new File([], 'x') } },
      'json, at "photo", must be what JSON can hold, but it is "File"',
    ],
    ['a map in JSON', { json: [new Map()] }, 'what JSON can hold'],
    ['no number in JSON', { json: Number.NaN }, 'what JSON can hold'],
    ['a function in JSON', { json: { a() {} } }, 'what JSON can hold'],
    [
      'a date that is none in JSON',
      { json: { at: new Date(Number.NaN) } },
      'json, at "at", must be what JSON can hold',
    ],
    ['what says in JSON that it is nothing', { json: { toJSON: () => undefined } }, 'what JSON can hold'],
    [
      'a part that is none',
      { boddy: 1 },
      'A request can have no "boddy", only url, method, headers, json, body, credentials, expect, fill.',
    ],
    ['credentials that are none', { credentials: 'all' }, 'all'],
    ['an expectation that is none', { expect: '' }, 'expect must be'],
    ['a method that is none', { method: 'P T' }, 'P T'],
    ['CONNECT', { method: 'connect' }, 'CONNECT'],
    ['a method that is a number', { method: 1 }, 'toUpperCase'],
    ['a GET with a body', { method: 'GET', json: 1 }, 'GET/HEAD'],
    ['a HEAD with an empty body', { method: 'HEAD', body: '' }, 'GET/HEAD'],
    ['fill that fits nowhere', { fill: { id: [0] } }, 'a {placeholder} of the url'],
    ['fill that is no object', { fill: null }, 'fill must be an object'],
  ])('%s', (_, more, why) => {
    expect(() => stored(put(more as Partial<HttpRequest>))).toThrow(why);
  });

  test.each([
    'Authorization',
    'Proxy-Authorization',
    'Cookie',
    'X-CSRF-Token',
    'XSRF-TOKEN',
    'X-Api-Key',
    'apikey',
    'X-Amz-Signature',
    'X-Session',
    'Host',
    'Idempotency-Key',
    'X-Other',
  ])('the header %s', (name) => {
    for (const headers of [{ [name]: 'x' }, [[name, 'x']] as [string, string][], new Headers([[name, 'x']])]) {
      expect(() => stored(put({ headers }))).toThrow(
        ['Host', 'Idempotency-Key', 'X-Other'].includes(name)
          ? 'A stored header must be named in headers of httpTask'
          : 'A header that may hold a secret must be set in authorize of sendHttp',
      );
    }
  });

  test.each([
    [''],
    ['notes/1'],
    ['https://api.example/notes'],
    ['//evil.example/x'],
    ['/\\evil.example/x'],
    ['\\\\evil.example'],
    ['/\t/evil.example'],
    ['/\n/evil.example'],
    ['\u0000//evil.example'],
    [' //evil.example'],
    ['/notes/a b'],
    ['/notes/1 '],
    ['/notes/1#x'],
    ['/..'],
    ['/../admin'],
    ['/notes/../../admin'],
    ['/notes/%2e%2E/admin'],
    ['/notes/.%2e'],
    ['/notes/..;/admin'],
    ['/notes/./1'],
    ['/notes/..%2Fadmin'],
    ['/notes/a%2f%2E.%5cb'],
    ['/notes/\ud800'],
    [undefined],
    [new URL('https://api.example/notes')],
  ])('the url %j', (url) => {
    expect(() => stored({ url: url as string })).toThrow('The path of a request must be such as "/notes/1"');
  });

  test('every url that a browser would read as another host, or as a step out of the base', () => {
    const part = fc.constantFrom(
      '/',
      '\\',
      '.',
      '..',
      '%2e',
      '%5c',
      'a',
      '@',
      ':',
      '?',
      '#',
      ' ',
      '\t',
      '\n',
      '\u0000',
      'b',
      ';',
      '[',
    );
    fc.assert(
      fc.property(fc.array(part, { maxLength: 8 }), (parts) => {
        const url = `/${parts.join('')}`;
        try {
          stored({ url });
        } catch {
          return;
        }
        const { origin, pathname, href } = new URL(`https://api.example/v1${url}`);

        expect(origin).toBe('https://api.example');
        expect(pathname.startsWith('/v1/')).toBe(true);
        // Nothing was removed or moved.
        expect(decodeURI(href)).toBe(decodeURI(`https://api.example/v1${url}`));
      }),
      { numRuns: 1_000 },
    );
  });
});

describe('a Request', () => {
  const address = 'https://other.example/upload?part=1';

  test('is stored with its whole address and its body, which is read', async () => {
    const request = new Request(`${address}#x`, {
      method: 'POST',
      body: 'ä',
      headers: { 'if-match': '1' },
      credentials: 'include',
    });
    const all = await codec.encode(request);

    expect(await (all.body as Blob).text()).toBe('ä');
    expect(all).toMatchObject({
      method: 'POST',
      url: address,
      headers: { 'content-type': 'text/plain;charset=UTF-8', 'if-match': '1' },
      credentials: 'include',
    });
    expect(request.bodyUsed).toBe(true);
  });

  test('keeps its body as a Blob, and none as none', async () => {
    const large = await codec.encode(new Request(address, { method: 'PUT', body: new Uint8Array(40_000) }));

    expect((large.body as Blob).size).toBe(40_000);
    expect(await codec.encode(new Request(address, { method: 'DELETE' }))).toEqual({
      method: 'DELETE',
      url: address,
      headers: {},
      credentials: 'same-origin',
    });
  });

  test('is stored without the headers that a browser puts into the event.request of a service worker', async () => {
    const names = ['origin', 'sec-ch-ua', 'sec-ch-ua-mobile', 'upgrade-insecure-requests', 'user-agent'];
    const added = Object.fromEntries(names.map((name) => [name, 'x']));
    const request = new Request(address, { method: 'PUT', body: 'x', headers: { ...added, 'content-type': 'a/b' } });

    expect((await codec.encode(request)).headers).toEqual({ 'content-type': 'a/b' });
  });

  test.each<[string, () => Request, string]>([
    [
      'with a secret',
      () => new Request(address, { headers: { Authorization: 'x' } }),
      'A header that may hold a secret must be set in authorize of sendHttp',
    ],
    ['to another protocol', () => new Request('data:,x'), 'must be http: or https:'],
  ])('%s is refused', async (_, make, why) => {
    await expect(async () => codec.encode(make())).rejects.toThrow(why);
  });

  test('whose body was read is refused', async () => {
    const request = new Request(address, { method: 'POST', body: 'x' });
    await request.text();

    await expect(async () => codec.encode(request)).rejects.toThrow(TypeError);
  });
});
