import { runInNewContext } from 'node:vm';

import { describe, expect, test } from 'vitest';

import { isNetworkError } from '../../src/pure/network.js';

/** What engines and what stands in for `fetch` say. Those with a year were said until then. */
const sentences = [
  ['Chromium', 'Failed to fetch'],
  ['Chromium, when an answer is cut off', 'network error'],
  ['Firefox', 'NetworkError when attempting to fetch resource.'],
  ['Firefox, when an answer is cut off', 'Content-Length header of network response exceeds response Body.'],
  ['Firefox, when an answer is cut off (2024)', 'Error in body stream'],
  ['Firefox, when an answer is cut off (2022)', 'Error in input stream'],
  ['WebKit', 'Load failed'],
  ['WebKit without a network (2022)', 'The Internet connection appears to be offline.'],
  ['WebKit when it is lost (2022)', 'The network connection was lost.'],
  ['WebKit without the server (2022)', 'Could not connect to the server.'],
  ['WebKit without the name (2022)', 'A server with the specified hostname could not be found.'],
  [
    'WebKit behind a captive portal (2022)',
    'An SSL error has occurred and a secure connection to the server cannot be made.',
  ],
  ['WebKit when nobody answers (2022)', 'The request timed out.'],
  ['React Native, and what stands in for fetch', 'Network request failed'],
  ['Node', 'fetch failed'],
  ['Node, when an answer is cut off', 'terminated'],
] as const;

describe('is a network error', () => {
  test.each(sentences)('as %s says it: %s', (_, message) => {
    expect(isNetworkError(new TypeError(message))).toBe(true);
  });

  test.each(sentences)('as %s says it, whatever stands around it: %s', (_, message) => {
    const around = [
      `${message} (api.example.org)`, // Sentry since version 9
      `${message} (api.example.org:8443)`,
      `${message}: https://api.example.org/notes`,
      `${message} https://api.example.org/notes`,
      `${message} api.example.org/notes`,
      `${message}\nWhile saving.`,
      `Saving: ${message}`,
      `[api] ${message}`,
      `PUT /notes/1 – ${message}`,
      `Not sent (${message})`,
    ];

    expect(around.filter((text) => !isNetworkError(new TypeError(text)))).toEqual([]);
  });

  test('if the whole of it was made a text', () => {
    expect(isNetworkError(new Error(String(new TypeError('Failed to fetch'))))).toBe(true);
    expect(isNetworkError(new Error('Saving failed: TypeError: Failed to fetch (api.example.org)'))).toBe(true);
  });

  test('of another realm, and as a message port hands it over', () => {
    expect(isNetworkError(runInNewContext("new TypeError('Failed to fetch')"))).toBe(true);
    expect(isNetworkError(structuredClone(new TypeError('Failed to fetch')))).toBe(true);
    expect(isNetworkError({ name: 'TypeError', message: 'Load failed', stack: '' })).toBe(true);
  });

  test('in any language, as WebKit made it until 2022: it has no stack', () => {
    const made = new TypeError('Die Internetverbindung scheint offline zu sein.');
    Object.defineProperty(made, 'stack', { value: undefined });

    expect(isNetworkError(made)).toBe(true);
  });

  test('as one of several that an AggregateError holds', () => {
    const offline = new TypeError('Failed to fetch');
    const refused = Object.assign(new Error('connect'), { code: 'ECONNREFUSED' });

    expect(isNetworkError(new AggregateError([offline, new TypeError('Load failed')]))).toBe(true);
    expect(isNetworkError(new Error('no mirror', { cause: new AggregateError([new Error('no'), offline]) }))).toBe(
      true,
    );
    expect(isNetworkError(new TypeError('no', { cause: new AggregateError([refused, refused]) }))).toBe(true);
  });

  test('as the cause of another, nine deep at most, also in a circle', () => {
    const wrapped = (depth: number): unknown => {
      let error: unknown = new TypeError('Failed to fetch');
      for (let level = 0; level < depth; level += 1) error = new Error('Not saved.', { cause: error });

      return error;
    };
    expect([0, 1, 2, 8, 9, 10, 20].map((depth) => isNetworkError(wrapped(depth)))).toEqual([
      true,
      true,
      true,
      true,
      true,
      false,
      false,
    ]);

    const circle = new Error('round');
    circle.cause = new Error('and round', { cause: circle });
    expect(isNetworkError(circle)).toBe(false);
  });

  const cause = new TypeError('Failed to fetch');

  test.each([
    ['axios', { name: 'AxiosError', message: 'Network Error', code: 'ERR_NETWORK', isAxiosError: true, status: null }],
    [
      'ofetch',
      Object.assign(new Error('[PUT] "/notes/1": <no response> Failed to fetch'), { name: 'FetchError', cause }),
    ],
    ['ky', Object.assign(new Error('Request failed'), { name: 'NetworkError', cause })],
    ['got', { name: 'RequestError', code: 'ECONNREFUSED', message: 'connect ECONNREFUSED 127.0.0.1:1' }],
    ['node-fetch', { name: 'FetchError', type: 'system', code: 'ENOTFOUND', message: 'request to … failed' }],
    ['Angular', { name: 'HttpErrorResponse', status: 0, statusText: 'Unknown Error', error: { type: 'error' } }],
    ['jQuery', { readyState: 0, status: 0, statusText: 'error' }],
    ['an XMLHttpRequest, by its event', { type: 'error', target: { status: 0 } }],
    ['Firebase', { name: 'FirebaseError', code: 'auth/network-request-failed', message: 'Firebase: Error' }],
    ['Apollo', Object.assign(new Error('Failed to fetch'), { name: 'ApolloError', networkError: cause })],
    ['Node, when an answer is cut off', new TypeError('terminated', { cause: { code: 'UND_ERR_SOCKET' } })],
    ['a synchronous XMLHttpRequest', new DOMException('Failed to load', 'NetworkError')],
  ])('as %s throws it', (_, error) => {
    expect(isNetworkError(error)).toBe(true);
  });
});

describe('is no network error', () => {
  test.each([
    ['a mistake in the code', "Cannot read properties of undefined (reading 'fetch')"],
    ['a mistake with such a name', 'failedToFetch is not a function'],
    ['a mistake with the name of an error', 'NetworkError is not a constructor'],
    ['a mistake that quotes one', "Cannot read properties of undefined (reading 'network error')"],
    ['a longer sentence', 'Failed to fetch the list of names from the cache'],
    ['another word', 'Payload failed'],
    ['an engine that counts otherwise', 'undefined is not a function'],
    ['a wrong address of the app', "Failed to construct 'URL': Invalid URL"],
    ['a header with a wrong name', "Failed to execute 'fetch' on 'Window': Invalid name"],
    [
      "the page's own policy, in Chromium",
      "Failed to fetch. Refused to connect because it violates the document's Content Security Policy.",
    ],
    [
      'a wrong address, in Chromium',
      "Failed to execute 'fetch' on 'WorkerGlobalScope': Failed to parse URL from http://",
    ],
    ['a wrong address, in Firefox', 'WorkerGlobalScope.fetch: http:// is not a valid URL.'],
    ['a wrong address, in WebKit', 'URL is not valid or contains user credentials.'],
    ['a wrong method, in Chromium', "Failed to execute 'fetch' on 'Window': 'bad method' is not a valid HTTP method."],
    ['a body that was read twice', "Failed to execute 'text' on 'Response': body stream already read"],
    [
      'a module that cannot be loaded, in Chromium',
      'Failed to fetch dynamically imported module: https://app.example.org/send-1a2b.js',
    ],
    [
      'a module that cannot be loaded, in Firefox',
      'error loading dynamically imported module: https://app.example.org/send-1a2b.js',
    ],
    ['a module that cannot be loaded, in WebKit', 'Importing a module script failed.'],
  ])('%s', (_, message) => {
    expect(isNetworkError(new TypeError(message))).toBe(false);
  });

  test('a module that cannot be loaded, in WebKit, which gives it no stack', () => {
    const made = new TypeError('Importing a module script failed.');
    Object.defineProperty(made, 'stack', { value: undefined });

    expect(isNetworkError(made)).toBe(false);
  });

  const aborted = new DOMException('signal is aborted without reason', 'AbortError');

  test.each([
    ['an abort', aborted],
    ['an abort that a client wrapped', Object.assign(new Error('<no response>'), { status: 0, cause: aborted })],
    ['an abort of axios', { name: 'CanceledError', code: 'ERR_CANCELED', isAxiosError: true, message: 'canceled' }],
    ['an abort of jQuery', { readyState: 0, status: 0, statusText: 'abort' }],
    ['an abort of an XMLHttpRequest', { type: 'abort', target: { status: 0 } }],
    ['a time limit', new DOMException('signal timed out', 'TimeoutError')],
    [
      'a time limit of axios',
      { name: 'AxiosError', code: 'ECONNABORTED', isAxiosError: true, message: 'timeout of 5 ms' },
    ],
    ['a time limit of Angular', { name: 'HttpErrorResponse', status: 0, cause: { name: 'TimeoutError' } }],
    ['an answer that axios did not like', { isAxiosError: true, code: 'ERR_BAD_RESPONSE', response: { status: 500 } }],
    ['an answer that was made an error', Object.assign(new TypeError('Failed to fetch'), { status: 500 })],
    ['an answer of one of several', new AggregateError([new TypeError('Failed to fetch'), { status: 503 }])],
    ['mistakes in the code', new AggregateError([new TypeError('x is not a function')])],
    ['a list of what is wrong with a form', { name: 'ValidationError', errors: [{ message: 'too short' }] }],
    ['an answer behind an error', new TypeError('Failed to fetch', { cause: { response: { status: 404 } } })],
    // What many apps throw themselves, for an answer that is not ok.
    ['an ordinary error with the same message', new Error('Failed to fetch')],
    ['an ordinary error with the message of axios', new Error('Network Error')],
    ['the message alone', 'Failed to fetch'],
    ['the whole text alone', 'TypeError: Failed to fetch'],
    ['nothing', undefined],
    ['null', null],
    ['a number', 0],
    ['a cause that is null', new Error('no', { cause: null })],
    ['a disk that is full', { name: 'Error', code: 'ENOSPC' }],
  ])('%s', (_, error) => {
    expect(isNetworkError(error)).toBe(false);
  });

  test('what throws when it is read, and harms nothing', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    const traps = new Proxy(new TypeError('no'), {
      get: () => {
        throw new Error('get');
      },
      has: () => {
        throw new Error('has');
      },
      getPrototypeOf: () => {
        throw new Error('getPrototypeOf');
      },
    });
    const getters = new TypeError('undefined is not a function');
    for (const part of ['stack', 'name', 'message', 'cause', 'code', 'status']) {
      Object.defineProperty(getters, part, {
        get() {
          throw new Error(part);
        },
      });
    }
    const endless: unknown = new Proxy({}, { get: () => endless, has: () => true });
    const noStack = new TypeError('undefined is not a function');
    Object.defineProperty(noStack, 'stack', {
      get() {
        throw new Error('stack');
      },
    });

    expect([revoked.proxy, traps, getters, endless, noStack].map(isNetworkError)).toEqual(Array(5).fill(false));
  });

  test('a message of a megabyte', () => {
    expect(isNetworkError(new TypeError(`${'TypeError: '.repeat(50_000)}${': '.repeat(250_000)}`))).toBe(false);
  });
});
