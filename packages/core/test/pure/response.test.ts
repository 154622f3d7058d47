import { describe, expect, test } from 'vitest';

import type { ExpectedAnswer, ResponseLike } from '../../src/pure/response.js';
import { ensureOk } from '../../src/pure/response.js';
import type { Verdict } from '../../src/pure/verdict.js';
import { Unavailable, verdictOf } from '../../src/pure/verdict.js';

const wall = Date.UTC(2026, 0, 1, 12);

/** What a handler's attempt comes to that meets this response. */
function verdictOn(status: number, headers: Record<string, string> = {}): Verdict {
  const body = status === 204 || status === 304 ? null : 'body';
  try {
    ensureOk(new Response(body, { status, headers }));
  } catch (error) {
    return verdictOf(error, wall);
  }

  return { kind: 'success' };
}

/** An answer that no server of a test can give: read through a redirect, or by a browser that did not follow one. */
function answer(parts: Partial<ResponseLike>, headers: Record<string, string> = {}): ResponseLike {
  return { status: 200, headers: new Headers(headers), ...parts };
}

/** What a handler's attempt comes to that reads this answer. */
function kindOf(response: ResponseLike, expected?: ExpectedAnswer): string {
  try {
    ensureOk(response, expected);

    return 'success';
  } catch (error) {
    return verdictOf(error, wall).kind;
  }
}

test.each([200, 201, 204, 206, 299, 304])('%d is fine', (status) => {
  expect(verdictOn(status)).toEqual({ kind: 'success' });
});

const html = { 'Content-Type': 'text/html; charset=utf-8' };

describe('an answer from the page where one signs in', () => {
  test.each([
    ['a POST was answered 302 and the sign-in page 200', answer({ redirected: true }, html)],
    ['a PUT became a GET of the sign-in page, which is not there', answer({ redirected: true, status: 404 }, html)],
    ['the sign-in page fails', answer({ redirected: true, status: 500 }, html)],
    ['the page that answered names no content', answer({ redirected: true })],
    ['the redirect was not followed, as a browser shows it', answer({ type: 'opaqueredirect', status: 0 })],
    ['the redirect was not followed, as Node shows it', answer({ status: 302 }, html)],
  ])('does not end its task, and says what to do if it is meant: %s', (_, response) => {
    expect(() => ensureOk(response)).toThrow(Unavailable);
    expect(() => ensureOk(response)).toThrow("{ redirected: 'allow' }");
  });

  test.each([300, 301, 302, 303, 305, 307, 308, 399])('has the status %d if it was not followed', (status) => {
    expect(verdictOn(status)).toMatchObject({ kind: 'unavailable', error: { status } });
  });

  test('holds its gate as long as the server said', () => {
    expect(verdictOn(302, { 'Retry-After': '120' })).toMatchObject({ kind: 'unavailable', retryAfter: 120_000 });
  });
});

describe('a redirect that is allowed', () => {
  test.each([
    ['was not followed in a browser', answer({ type: 'opaqueredirect', status: 0 }), 'success'],
    ['was not followed in Node, and has a note in HTML', answer({ status: 303 }, html), 'success'],
    ['led to something that was made', answer({ redirected: true, status: 201 }), 'success'],
    ['led to a sign-in page', answer({ redirected: true }, html), 'unavailable'],
    ['led to what is not there', answer({ redirected: true, status: 404 }), 'permanent'],
    ['led to a server that is away', answer({ redirected: true, status: 503 }), 'unavailable'],
    ['led to a failure', answer({ redirected: true, status: 500 }), 'failure'],
  ])('%s', (_, response, kind) => {
    expect(kindOf(response, { redirected: 'allow' })).toBe(kind);
  });

  test('is not an opaque answer of another kind', () => {
    expect(kindOf(answer({ type: 'opaque', status: 0 }), { redirected: 'allow' })).toBe('unavailable');
    expect(kindOf(answer({ status: 0 }), { redirected: 'allow' })).toBe('unavailable');
  });
});

describe('an answer in HTML', () => {
  test.each([
    ['text/html'],
    ['text/html; charset=utf-8'],
    ['TEXT/HTML'],
    ['  text/html  ;charset=utf-8'],
    ['application/xhtml+xml'],
    ['application/json, text/html'],
    ['text/html, nonsense'],
  ])('is no success where none was asked for, with 200: %s', (type) => {
    expect(verdictOn(200, { 'Content-Type': type })).toMatchObject({ kind: 'unavailable', error: { status: 200 } });
    expect(() => ensureOk(answer({ status: 201 }, { 'Content-Type': type }))).toThrow("{ type: 'html' }");
  });

  test('is a success where HTML was asked for', () => {
    expect(kindOf(answer({}, html), { type: 'html' })).toBe('success');
    expect(kindOf(answer({}, { 'Content-Type': 'application/xhtml+xml' }), { type: 'html' })).toBe('success');
    expect(kindOf(answer({}, { 'Content-Type': 'application/json' }), { type: 'html' })).toBe('unavailable');
  });

  test.each([
    ['text/html, application/json', 'success'],
    ['application/json; profile="a, text/html"', 'success'],
    ['text/plain; note="text/html"', 'success'],
    ['text/htmlx', 'success'],
    ['', 'success'],
  ])('is something else than %s', (type, kind) => {
    expect(kindOf(answer({}, { 'Content-Type': type }))).toBe(kind);
  });

  test.each([
    [404, 'permanent'],
    [422, 'permanent'],
    [409, 'failure'],
    [500, 'failure'],
    [503, 'unavailable'],
  ])('means what its status %d means', (status, kind) => {
    expect(kindOf(answer({ status }, html))).toBe(kind);
  });

  test('is none if there is no content: a server that names HTML for whatever it sends', () => {
    for (const status of [204, 205, 304]) expect(kindOf(answer({ status }, html))).toBe('success');
    expect(kindOf(answer({}, { ...html, 'Content-Length': '0' }))).toBe('success');
    expect(kindOf(answer({}, { ...html, 'Content-Length': '0' }), { type: 'json' })).toBe('success');
  });
});

describe('where JSON was asked for', () => {
  test.each([
    ['application/json'],
    ['application/json; charset=utf-8'],
    ['Application/JSON'],
    [' application/problem+json ; a=b'],
    ['application/vnd.api+json'],
    ['text/plain, application/json'],
    [''],
  ])('%s is fine', (type) => {
    expect(kindOf(answer({}, { 'Content-Type': type }), { type: 'json' })).toBe('success');
  });

  test.each([
    ['text/plain'],
    ['text/html'],
    ['application/json, text/html'],
    ['application/jsonp'],
    ['text/json'],
    ['json'],
    ['application/xml'],
  ])('%s means that somebody else answered', (type) => {
    expect(kindOf(answer({}, { 'Content-Type': type }), { type: 'json' })).toBe('unavailable');
  });

  test('an answer that names no content is fine', () => {
    expect(kindOf(answer({}), { type: 'json' })).toBe('success');
    expect(kindOf(answer({ status: 204 }, html), { type: 'json' })).toBe('success');
  });
});

test.each([
  ['a part that there is not', { follow: true }],
  ['a word that there is not', { redirected: 'follow' }],
  ['true', { redirected: true }],
  ['another content', { type: 'text/html' }],
  ['no object', 'json'],
  ['the index that map gives', 0],
  ['null', null],
])('refuses %s as what is expected, also of a good answer', (_, expected) => {
  expect(() => ensureOk(answer({}), expected as ExpectedAnswer)).toThrow(expect.objectContaining({ code: 'option' }));
});

test.each([
  ['a promise that was not awaited', Promise.resolve(answer({}))],
  ['a body', { id: 1 }],
  ['an answer of a client whose headers are a plain object', { status: 503, headers: { 'retry-after': '5' } }],
  ['an answer without headers', { status: 200 }],
  ['an XMLHttpRequest', { status: 200, getResponseHeader: () => null }],
  ['a status that is no number', answer({ status: '200' as unknown as number })],
  ['a status that is no whole number', answer({ status: Number.NaN })],
  ['a status between two others', answer({ status: 200.5 })],
  ['nothing', undefined],
  ['null', null],
])('refuses %s: it is no response', (_, response) => {
  expect(() => ensureOk(response as unknown as ResponseLike)).toThrow(expect.objectContaining({ code: 'option' }));
});

test.each([401, 407, 408, 425, 429, 502, 503, 504, 511, 520, 527])(
  '%d means away or busy: not counted, and its gate closes',
  (status) => {
    expect(verdictOn(status)).toEqual({
      kind: 'unavailable',
      error: { name: 'Unavailable', message: `The server answered ${status}.`, status, at: wall },
      ...(status === 401 ? { signedOut: true } : {}),
    });
  },
);

test('an answer that cannot be read, such as a redirect by a captive portal, means away', () => {
  const opaque = answer({ status: 0, type: 'opaque' });

  expect(() => ensureOk(opaque)).toThrow(Unavailable);
  expect(() => ensureOk(opaque)).toThrow('The answer cannot be read');
});

test.each([-1, 1, 100, 101, 103, 199, 600, 999, 10_000])(
  '%d is no success: what stands in for fetch invented it',
  (status) => {
    expect(kindOf(answer({ status }))).toBe('failure');
  },
);

test.each([409, 500, 501, 505, 507, 510, 519, 528, 599])('%d is a counted failure', (status) => {
  expect(verdictOn(status)).toEqual({
    kind: 'failure',
    error: { name: 'Error', message: `The server answered ${status}.`, status, at: wall },
  });
});

test.each([400, 402, 403, 404, 405, 410, 411, 412, 413, 415, 418, 422, 431, 451, 499])(
  '%d means that trying again is of no use',
  (status) => {
    expect(verdictOn(status)).toEqual({
      kind: 'permanent',
      error: { name: 'PermanentFailure', message: `The server answered ${status}.`, status, at: wall },
    });
  },
);

describe('Retry-After', () => {
  const inAMinute = new Date(wall + 60_000).toUTCString();

  test.each([
    ['seconds', { 'Retry-After': '120' }, 120_000],
    ['seconds with spaces around them', { 'Retry-After': ' 120 ' }, 120_000],
    ['no seconds', { 'Retry-After': '0' }, 0],
    ['a part of a second', { 'Retry-After': '0.65' }, 650],
    ['the most, if a proxy added its own', { 'Retry-After': '120, 300' }, 300_000],
    ['the most, if a proxy repeated it', { 'Retry-After': '120,120' }, 120_000],
    ['a date in the form of old', { 'Retry-After': 'Thursday, 01-Jan-26 12:01:00 GMT' }, 60_000],
    ['a date, by our clock', { 'Retry-After': inAMinute }, 60_000],
    ['the seconds since 1970', { 'Retry-After': String(wall / 1_000) }, wall],
    ['a date in a year', { 'Retry-After': new Date(wall + 365 * 86_400_000).toUTCString() }, 365 * 86_400_000],
    [
      "a date in a year by the server's clock",
      { 'Retry-After': new Date(wall).toUTCString(), Date: new Date(wall - 365 * 86_400_000).toUTCString() },
      365 * 86_400_000,
    ],
    ['a date that has passed', { 'Retry-After': new Date(wall - 60_000).toUTCString() }, 0],
    [
      "a date, by the server's clock where it can be read, however wrong ours is",
      { 'Retry-After': inAMinute, Date: new Date(wall + 50_000).toUTCString() },
      10_000,
    ],
    [
      "a date that has passed by the server's clock",
      { 'Retry-After': inAMinute, Date: new Date(wall + 90_000).toUTCString() },
      0,
    ],
    ['a date beside a date that cannot be read', { 'Retry-After': inAMinute, Date: 'yesterday' }, 60_000],
  ])('is read as %s', (_, headers, expected) => {
    expect(verdictOn(503, headers)).toMatchObject({ kind: 'unavailable', retryAfter: expected });
  });

  test.each([
    ['it is not there', {}],
    ['it is empty', { 'Retry-After': '' }],
    ['it is nonsense', { 'Retry-After': 'soon' }],
    // Engines read years out of these.
    ['it is negative', { 'Retry-After': '-120' }],
    ['it is quoted', { 'Retry-After': '"2030"' }],
    ['it is signed', { 'Retry-After': '+5' }],
    ['it has a unit', { 'Retry-After': 'in 5 s' }],
    ['it is a list that ends with nothing', { 'Retry-After': '120,' }],
    ['it is a time that there is not', { 'Retry-After': 'Thu, 01 Jan 2026 32:61:00 GMT' }],
    ['it is more than a number can hold', { 'Retry-After': '9'.repeat(400) }],
  ])('is no word if %s', (_, headers) => {
    const verdict = verdictOn(429, headers);

    expect(verdict.kind).toBe('unavailable');
    expect(verdict).not.toHaveProperty('retryAfter');
  });

  test('does not change what a status means', () => {
    expect(verdictOn(500, { 'Retry-After': '120' }).kind).toBe('failure');
    expect(verdictOn(404, { 'Retry-After': '120' }).kind).toBe('permanent');
    expect(verdictOn(200, { 'Retry-After': '120' }).kind).toBe('success');
  });
});
