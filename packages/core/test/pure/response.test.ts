import { describe, expect, test } from 'vitest';

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

test.each([200, 201, 204, 206, 301, 304, 399])('%d is fine', (status) => {
  expect(verdictOn(status)).toEqual({ kind: 'success' });
});

test.each([401, 407, 408, 425, 429, 502, 503, 504])(
  '%d means away or busy: not counted, and its gate closes',
  (status) => {
    expect(verdictOn(status)).toEqual({
      kind: 'unavailable',
      error: { name: 'Unavailable', message: `The server answered ${status}.`, status, at: wall },
    });
  },
);

test('an answer that can not be read, such as a redirect by a captive portal, means away', () => {
  const opaque = { ok: false, status: 0, headers: new Headers() };

  expect(() => ensureOk(opaque)).toThrow(Unavailable);
  expect(() => ensureOk(opaque)).toThrow('The answer can not be read');
});

test.each([409, 500, 501, 505, 507, 511, 599])('%d is a counted failure', (status) => {
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
    ['a date, by our clock', { 'Retry-After': inAMinute }, 60_000],
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
    ['a date beside a date that can not be read', { 'Retry-After': inAMinute, Date: 'yesterday' }, 60_000],
  ])('is read as %s', (_, headers, expected) => {
    expect(verdictOn(503, headers)).toMatchObject({ kind: 'unavailable', retryAfter: expected });
  });

  test.each([
    ['it is not there', {}],
    ['it is empty', { 'Retry-After': '' }],
    ['it is nonsense', { 'Retry-After': 'soon' }],
    ['it is more than a number can hold', { 'Retry-After': '9'.repeat(400) }],
  ])('is no word if %s', (_, headers) => {
    const verdict = verdictOn(429, headers);

    expect(verdict.kind).toBe('unavailable');
    expect(verdict).not.toHaveProperty('retryAfter');
  });

  test('does not change what a status means', () => {
    expect(verdictOn(500, { 'Retry-After': '120' }).kind).toBe('failure');
    expect(verdictOn(404, { 'Retry-After': '120' }).kind).toBe('permanent');
    expect(verdictOn(301, { 'Retry-After': '120' }).kind).toBe('success');
  });
});
