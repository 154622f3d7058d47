import { runInNewContext } from 'node:vm';

import { describe, expect, test, vi } from 'vitest';

import { PermanentFailure, RetryLater, storedError, Unavailable, verdictOf } from '../../src/pure/verdict.js';

const wall = 1_000_000;

/** A proxy whose every trap throws. */
function hostile(target: object): object {
  const refuse = (): never => {
    throw new Error('a trap');
  };

  return new Proxy(target, {
    get: refuse,
    has: refuse,
    getPrototypeOf: refuse,
    ownKeys: refuse,
    getOwnPropertyDescriptor: refuse,
  });
}

/** Getters that throw, in place of everything that is read of an error. */
function withGetters(target: object): object {
  const descriptor = {
    get(): never {
      throw new Error('a getter');
    },
  };

  return Object.defineProperties(target, { name: descriptor, message: descriptor, status: descriptor });
}

/** An object whose getter gives its message at every other reading. */
function saysOnce(message: string): object {
  let says = false;

  return {
    get message() {
      says = !says;

      return says ? message : undefined;
    },
  };
}

function cyclic(): object {
  const node: Record<string, unknown> = { nodeType: 1, nodeName: 'P' };
  node['ownerDocument'] = { documentElement: node };

  return node;
}

const anything: readonly (readonly [what: string, thrown: unknown, name: string, message: string])[] = [
  ['undefined', undefined, 'undefined', 'undefined'],
  ['null', null, 'null', 'null'],
  ['a string', 'no', 'string', 'no'],
  ['a number', Number.NaN, 'number', 'NaN'],
  ['a symbol', Symbol('no'), 'symbol', 'Symbol(no)'],
  ['a big integer', 7n, 'bigint', '7'],
  ['a function', Math.max, 'function', 'function max() { [native code] }'],
  ['an object without a prototype', Object.create(null), 'object', 'a value that cannot be shown'],
  ['an object that goes in circles, like a node of a document', cyclic(), 'object', '[object Object]'],
  ['an object with a name and a message', { name: 'ApiError', message: 'no' }, 'ApiError', 'no'],
  ['an object whose name and message are no strings', { name: 1, message: {} }, 'object', '[object Object]'],
  ['an object whose getters throw', withGetters({}), 'object', 'a value that cannot be shown'],
  ['an error whose getters throw', withGetters(new TypeError('no')), 'object', 'a value that cannot be shown'],
  ['an error whose message is no string', Object.assign(new Error('no'), { message: 5 }), 'Error', 'Error: 5'],
  ['an error whose message is gone the second time', saysOnce('no'), 'object', 'no'],
  ['a proxy that throws', hostile({}), 'object', 'a value that cannot be shown'],
  ['a proxy of an error that throws', hostile(new TypeError('no')), 'object', 'a value that cannot be shown'],
  ['a proxy of a function that throws', hostile(() => undefined), 'function', 'a value that cannot be shown'],
  ['a DOMException', new DOMException('stopped', 'AbortError'), 'AbortError', 'stopped'],
  ['an ordinary error', new RangeError('too far'), 'RangeError', 'too far'],
];

describe('whatever a handler throws', () => {
  test.each(anything)('%s is a counted failure that can be shown', (_, thrown, name, message) => {
    expect(verdictOf(thrown, wall)).toEqual({ kind: 'failure', error: { name, message, at: wall } });
  });

  test.each(anything)('%s can be stored', (_, thrown) => {
    const error = storedError(thrown, wall);

    expect(structuredClone(error)).toStrictEqual(error);
    expect(Object.getPrototypeOf(error)).toBe(Object.prototype);
  });

  test('a very long message is cut off, and so is a name', () => {
    const error = storedError({ name: 'n'.repeat(10_000), message: 'm'.repeat(1_000_000) }, wall);

    expect([error.name.length, error.message.length]).toEqual([100, 2_000]);
  });

  test('a status is kept if it is a number, also that of its cause', () => {
    const error = Object.assign(new Error('no'), { status: 500 });

    expect(storedError(error, wall)).toHaveProperty('status', 500);
    expect(storedError(new Error('not saved', { cause: error }), wall)).toHaveProperty('status', 500);
  });

  // A row with such a number is a strange one: its task would wait for ever.
  test.each(['500', Number.NaN, Number.POSITIVE_INFINITY, null, {}])('a status is left out that is %o', (status) => {
    const errors = [Object.assign(new Error('no'), { status }), new Unavailable({ status: status as number })];

    for (const error of errors) expect(storedError(error, wall)).not.toHaveProperty('status');
  });
});

describe('what a handler says', () => {
  test('a permanent failure is dead, with its status', () => {
    expect(verdictOf(new PermanentFailure('gone', { status: 410 }), wall)).toEqual({
      kind: 'permanent',
      error: { name: 'PermanentFailure', message: 'gone', status: 410, at: wall },
    });
  });

  test('later by a number is that many milliseconds, and by a date that date', () => {
    expect(verdictOf(new RetryLater(5_000), wall)).toEqual({ kind: 'later', for: 5_000 });
    expect(verdictOf(new RetryLater(new Date(wall + 5_000)), wall)).toEqual({ kind: 'later', date: wall + 5_000 });
  });

  test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [new Date('soon')], ['5000'], [null], [undefined], [5n]])(
    'later refuses %o, which is neither a number nor a date',
    (when) => {
      expect(() => new RetryLater(when as number)).toThrow(/milliseconds from now or a date/);
    },
  );

  test('a date of another frame is a date', () => {
    const foreign = runInNewContext(`new Date(${wall + 5_000})`) as Date;

    expect(foreign).not.toBeInstanceOf(Date);
    expect(verdictOf(new RetryLater(foreign), wall)).toEqual({ kind: 'later', date: wall + 5_000 });
    expect(verdictOf(new Unavailable({ retryAfter: foreign }), wall)).toMatchObject({ retryAfter: 5_000 });
    expect(() => new RetryLater({ getTime: () => wall } as Date)).toThrow(/milliseconds from now or a date/);
  });

  test.each([
    [1_767_268_800_000, 1_767_268_800_000],
    [new Date(8.64e15), 8.64e15 - wall],
    [-1, 0],
    [1_500.2, 1_501],
  ])('unavailable says what the server asked for, in whole milliseconds: %o', (retryAfter, wait) => {
    expect(verdictOf(new Unavailable({ retryAfter }), wall)).toMatchObject({ retryAfter: wait });
  });

  test('later may be as late as the app says', () => {
    expect(verdictOf(new RetryLater(90_000_000), wall)).toEqual({ kind: 'later', for: 90_000_000 });
  });

  test('unavailable says how long, in milliseconds from now', () => {
    const kinds = [undefined, 0, 60_000, -5, new Date(wall + 7_000), new Date(wall - 7_000)];

    expect(kinds.map((retryAfter) => verdictOf(new Unavailable({ retryAfter }), wall))).toMatchObject([
      { kind: 'unavailable' },
      { kind: 'unavailable', retryAfter: 0 },
      { kind: 'unavailable', retryAfter: 60_000 },
      { kind: 'unavailable', retryAfter: 0 },
      { kind: 'unavailable', retryAfter: 7_000 },
      { kind: 'unavailable', retryAfter: 0 },
    ]);
    expect(verdictOf(new Unavailable(), wall)).not.toHaveProperty('retryAfter');
  });

  test.each([[Number.NaN], [Number.POSITIVE_INFINITY], [new Date('soon')], ['60'], [null]])(
    'unavailable takes %o for no word at all',
    (retryAfter) => {
      const verdict = verdictOf(new Unavailable({ retryAfter: retryAfter as number }), wall);

      expect(verdict.kind).toBe('unavailable');
      expect(verdict).not.toHaveProperty('retryAfter');
    },
  );

  test('unavailable shows its own message, or that of its cause, or that the destination is away', () => {
    const cause = new TypeError('Failed to fetch');

    expect(new Unavailable({ message: 'Sign in first.', cause }).message).toBe('Sign in first.');
    expect(new Unavailable({ cause }).message).toBe('Failed to fetch');
    expect(new Unavailable().message).toBe('The destination is away.');
  });

  test('each of them keeps its cause, and has none if there was none', () => {
    const cause = new Error('behind it');
    const errors = [new PermanentFailure('no', { cause }), new RetryLater(1, { cause }), new Unavailable({ cause })];

    expect(errors.map((error) => error.cause)).toEqual([cause, cause, cause]);
    for (const error of [new PermanentFailure('no'), new RetryLater(1), new Unavailable()]) {
      expect(Object.hasOwn(error, 'cause')).toBe(false);
    }
  });

  test('is understood from another copy of the library as well', async () => {
    vi.resetModules();
    const copy = await import('../../src/pure/verdict.js');
    expect(copy.PermanentFailure).not.toBe(PermanentFailure);

    const errors = [new copy.PermanentFailure('no'), new copy.RetryLater(5_000), new copy.Unavailable()];
    expect(errors.map((error) => verdictOf(error, wall).kind)).toEqual(['permanent', 'later', 'unavailable']);
  });

  test.each([
    ['permanent', new PermanentFailure('no')],
    ['later', new RetryLater(5_000)],
    ['unavailable', new Unavailable({ retryAfter: 60_000, status: 503 })],
  ])("is understood as the cause of the app's own error: %s", (kind, cause) => {
    const wrapped = new Error('Not saved.', { cause: new Error('PUT /notes/1', { cause }) });

    expect(verdictOf(wrapped, wall).kind).toBe(kind);
    expect(verdictOf(new PermanentFailure('no', { cause: wrapped }), wall).kind).toBe('permanent');
  });

  test('a date is read at once: one that the app changes afterwards does not count', () => {
    const date = new Date(wall + 5_000);
    const errors = [new RetryLater(date), new Unavailable({ retryAfter: date })];
    date.setTime(Number.NaN);

    expect(verdictOf(errors[0], wall)).toEqual({ kind: 'later', date: wall + 5_000 });
    expect(verdictOf(errors[1], wall)).toMatchObject({ kind: 'unavailable', retryAfter: 5_000 });
  });

  test.each([
    [null],
    [5],
    [{}],
    [{ kind: 'later' }],
    [{ kind: 'later', for: Number.NaN }],
    [{ kind: 'later', date: 'soon' }],
    [{ kind: 'later', when: {} }],
    [{ kind: 'other', for: 5 }],
  ])('from another version of the library means a failure if it is not understood: %o', (said) => {
    const error = Object.assign(new Error('no'), { [Symbol.for('taskbasket.verdict')]: said });

    expect(verdictOf(error, wall)).toEqual({ kind: 'failure', error: { name: 'Error', message: 'no', at: wall } });
  });

  test('is understood from a class that extends one of them', () => {
    class Refused extends PermanentFailure {}

    expect(verdictOf(new Refused('no'), wall).kind).toBe('permanent');
  });

  test('does not show in what is printed or copied of the error', () => {
    const copied = Object.assign({}, new PermanentFailure('no', { status: 422 }));

    expect(Reflect.ownKeys(copied).filter((key) => typeof key === 'symbol')).toEqual([]);
    expect(copied).toMatchObject({ status: 422 });
  });
});

describe('being away from the network', () => {
  test('is no failure of the task, and closes its gate', () => {
    expect(verdictOf(new TypeError('Failed to fetch'), wall)).toEqual({
      kind: 'unavailable',
      error: { name: 'TypeError', message: 'Failed to fetch', at: wall },
    });
  });

  test.each([
    ['a mistake in the code', new TypeError("Cannot read properties of undefined (reading 'fetch')")],
    ['an abort', new DOMException('The operation was aborted.', 'AbortError')],
    ['an ordinary error', new Error('Failed to fetch')],
  ])('is not what %s is', (_, thrown) => {
    expect(verdictOf(thrown, wall).kind).toBe('failure');
  });
});
