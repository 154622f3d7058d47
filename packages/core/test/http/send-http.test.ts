import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { HttpAttempt, HttpPayload, KeptAnswer, SendOptions } from '../../src/http.js';
import { coalesce, sendHttp } from '../../src/http.js';
import type { DecodedRequest, StoredRequest } from '../../src/http/request.js';
import { requestCodec } from '../../src/http/request.js';
import { Unavailable } from '../../src/pure/verdict.js';

interface Received {
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const received: Received[] = [];
let answer: { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };
let base: string;

const server = createServer((request, response) => {
  const { method, url, headers } = request;
  let body = '';
  request.setEncoding('utf8').on('data', (chunk: string) => (body += chunk));
  request.on('end', () => {
    received.push({ method, url, headers, body });
    response.writeHead(answer.status, answer.headers).end(answer.body);
  });
});

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}/v1`;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

beforeEach(() => {
  received.length = 0;
  answer = { status: 200 };
});

const codec = requestCodec(new Set());
const photo = { method: 'PUT', url: '/photos/1' };

/** Sends what a task has stored. */
async function send(
  payload: HttpPayload,
  parents: readonly unknown[] = [],
  { progress = () => undefined, ...options }: SendOptions & Partial<HttpAttempt> = {},
): Promise<KeptAnswer> {
  const stored = await codec.encode(payload);
  const request = (await codec.decode(structuredClone(stored))) as DecodedRequest;
  const { signal } = new AbortController();

  return sendHttp({ base, ...options })(request, { signal, idempotencyKey: 'k', number: 1, parents, progress });
}

describe('the handler of sendHttp', () => {
  test('sends what was stored, below the base, with its key, and returns the answer', async () => {
    const headers = { 'Content-Type': 'application/json', ETag: '"2"', Location: '/notes/1', 'X-Secret': 'x' };
    answer = { status: 201, headers, body: '{"id":1}' };
    const json = { text: 'ä', at: new Date(0) };

    expect(await send({ method: 'put', url: '/notes/1?a=%20', json, headers: { 'If-Match': '"1"' } })).toEqual({
      status: 201,
      headers: { etag: '"2"', location: '/notes/1' },
      body: { id: 1 },
    });
    expect(received).toMatchObject([
      {
        method: 'PUT',
        url: '/v1/notes/1?a=%20',
        headers: { 'idempotency-key': '"k"', 'if-match': '"1"', 'content-type': 'application/json' },
        body: '{"text":"ä","at":"1970-01-01T00:00:00.000Z"}',
      },
    ]);
  });

  test('sends the same bytes each time, also of a form', async () => {
    const form = new FormData();
    form.append('ä', new File(['x'], 'ä.txt'));
    const request = await codec.encode({ method: 'POST', url: '/x', body: form });
    for (const number of [1, 2]) {
      const payload = (await codec.decode(structuredClone(request))) as DecodedRequest;
      const { signal } = new AbortController();
      await sendHttp({ base })(payload, {
        signal,
        idempotencyKey: 'k',
        number,
        parents: [],
        progress: () => undefined,
      });
    }
    const [first, second] = received;

    expect(second?.body).toBe(first?.body);
    expect(second?.headers['content-type']).toBe(first?.headers['content-type']);
    expect(first?.body).toContain('filename="ä.txt"');
  });

  test('fills in what the parents answered, and nothing that looks like it', async () => {
    const json = { text: '{id}', of: null };
    const fill = { id: [0, 'id'], '/of': [0, 'id'] } as const;
    await send({ method: 'POST', url: '/notes/{id}/marks', json, fill }, [
      { status: 201, headers: {}, body: { id: 7 } },
    ]);

    expect(received).toMatchObject([{ url: '/v1/notes/7/marks', body: '{"text":"{id}","of":7}' }]);
  });

  test('shows no credentials to another server, to which a Request goes', async () => {
    const authorize = (request: Request): void => request.headers.set('Authorization', 'secret');
    await send({ url: '/notes' }, [], { authorize });
    await send(new Request(base.replace('127.0.0.1', 'localhost'), { method: 'PUT', body: 'x' }), [], { authorize });

    expect(received.map(({ url, headers, body }) => [url, headers.authorization, body])).toEqual([
      ['/v1/notes', 'secret', ''],
      ['/v1', undefined, 'x'],
    ]);
  });

  test('shows no credentials to an address that only resembles the base', async () => {
    const asked: string[] = [];
    const fetching = vi.spyOn(globalThis, 'fetch').mockImplementation(() => Promise.resolve(new Response()));
    const authorize = ({ url }: Request): void => void asked.push(url);
    for (const url of ['https://api.example/v1/notes', 'https://api.example/v10/notes'])
      await send(new Request(url), [], { authorize, base: 'https://api.example/v1' });
    await send(new Request('https://api.example.evil/notes'), [], { authorize, base: 'https://api.example' });
    fetching.mockRestore();

    expect(asked).toEqual(['https://api.example/v1/notes']);
  });

  test.each(['include', 'omit'] as const)(
    'sends a request with and without a body with credentials: %s',
    async (credentials) => {
      const fetching = vi.spyOn(globalThis, 'fetch');
      await send({ method: 'DELETE', url: '/notes/1', credentials });
      await send({ method: 'PUT', url: '/notes/1', json: 1, credentials });
      const sent = fetching.mock.calls.map(([request]) => (request as Request).credentials);
      fetching.mockRestore();

      expect(sent).toEqual([credentials, credentials]);
    },
  );

  test('keeps the credentials of a request of which authorize makes another one', async () => {
    const fetching = vi.spyOn(globalThis, 'fetch');
    const authorize = (request: Request): Request => new Request(request);
    await send({ method: 'PUT', url: '/notes/1', json: 1, credentials: 'include' }, [], { authorize });
    await send({ method: 'PUT', url: '/notes/1', json: 1, credentials: 'omit' }, [], {
      authorize: (request) => new Request(request, { credentials: 'include' }),
    });
    const sent = fetching.mock.calls.map(([request]) => (request as Request).credentials);
    fetching.mockRestore();

    expect(sent).toEqual(['include', 'include']);
  });

  test('sends nothing for a record that was created and deleted before either was sent', async () => {
    const create = await codec.decode(codec.encode({ method: 'POST', url: '/notes', json: 1 }) as StoredRequest);
    const remove = await codec.decode(codec.encode({ method: 'DELETE', url: '/notes/1' }) as StoredRequest);

    expect(await send(coalesce(create, remove) as HttpPayload)).toEqual({ status: 0, headers: {}, body: undefined });
    expect(received).toEqual([]);
  });

  test('sends the deletion of another record, which was not created in vain', async () => {
    const stored = (given: HttpPayload) => codec.decode(codec.encode(given) as StoredRequest);
    const [create, one, other] = [
      await stored({ method: 'POST', url: '/notes', json: 1 }),
      await stored({ method: 'DELETE', url: '/notes/1' }),
      await stored({ method: 'DELETE', url: '/notes/2' }),
    ];
    await send(coalesce(coalesce(create, one) as HttpPayload, other) as HttpPayload);

    expect(received).toMatchObject([{ method: 'DELETE', url: '/v1/notes/2' }]);
  });

  test('sends a file that takes the place of another one with its own type', async () => {
    const shown = codec.decode(codec.encode({ ...photo, body: new Blob(['x'], { type: 'image/png' }) }) as never);
    await send({ ...(shown as DecodedRequest), body: new Blob(['y'], { type: 'image/jpeg' }) });

    expect(received).toMatchObject([{ headers: { 'content-type': 'image/jpeg' }, body: 'y' }]);
  });

  test('sends the type that the app names, and not the one of the Blob, which is in small letters', async () => {
    const type = 'multipart/related; boundary=AbC';
    await send({ ...photo, headers: { 'Content-Type': type }, body: new Blob(['--AbC--'], { type }) });

    expect(received).toMatchObject([{ headers: { 'content-type': type } }]);
  });

  test('sends no key if authorize has deleted it, as for a server that does not allow the header', async () => {
    const authorize = (request: Request): Request => (request.headers.delete('Idempotency-Key'), request);
    await send({ url: '/notes' }, [], { authorize });

    expect(received[0]?.headers).not.toHaveProperty('idempotency-key');
  });

  test('expects of the answer what the request says', async () => {
    answer = { status: 200, headers: { 'Content-Type': 'text/html' }, body: '<p>' };

    await expect(send({ url: '/page' })).rejects.toThrow(Unavailable);
    expect(await send({ url: '/page', expect: 'html' })).toMatchObject({ status: 200, body: '<p>' });
  });

  test('keeps no content that is too large for a row', async () => {
    answer = { status: 200, headers: { 'Content-Type': 'application/json' }, body: JSON.stringify('x'.repeat(50_000)) };

    expect(await send({ url: '/x' })).toEqual({ status: 200, headers: {}, body: undefined });
  });

  test('refuses an option that it does not have', () => {
    expect(() => sendHttp({ bas: base } as SendOptions)).toThrow('The options of sendHttp can have no "bas"');
  });
});

/** An XMLHttpRequest that does what the test says; the browser's own is in the end-to-end tests. */
class Sending {
  static last = new Sending();
  status = 0;
  response: unknown = new Blob(['{"id":1}']);
  responseURL = '';
  withCredentials = false;
  readonly upload: { onprogress?: (event: { loaded: number; total: number }) => void } = {};
  readonly headers: Record<string, string> = {};
  body: unknown;
  onload?: () => void;
  onerror?: () => void;
  onabort?: () => void;
  onloadend?: () => void;

  open(method: string, url: string): void {
    this.responseURL = url;
    Object.assign(this, { method });
  }

  setRequestHeader(name: string, value: string): void {
    this.headers[name] = value;
  }

  answerHeaders = 'content-type: application/json\r\nx-a: b: c\r\nx-empty: \r\n';

  getAllResponseHeaders(): string {
    return this.answerHeaders;
  }

  send(body: unknown): void {
    Object.assign(this, { body });
    Sending.last = this;
  }

  abort(): void {
    this.end('abort', 0);
  }

  /** Ends with this event and status, and whatever else is given. */
  end(event: 'load' | 'error' | 'abort', status: number, more: Partial<Sending> = {}): void {
    Object.assign(this, { ...more, status });
    this[`on${event}`]?.();
    this.onloadend?.();
  }
}

describe('a large body', () => {
  const large = (): HttpPayload => ({ method: 'PUT', url: '/files/1', body: new Blob(['x'.repeat(300_000)]) });

  beforeEach(() => vi.stubGlobal('XMLHttpRequest', Sending));
  afterEach(() => vi.unstubAllGlobals());

  /** Begins to send; resolves when the request was sent. */
  async function begun(more: Parameters<typeof send>[2] = {}, payload: HttpPayload = large()) {
    const ended = send(payload, [], more);
    ended.catch(() => undefined);
    await vi.waitFor(() => expect(Sending.last.body).toBeDefined());

    return { ended, request: Sending.last };
  }

  afterEach(() => void (Sending.last.body = undefined));

  test('tells its progress, and gives the answer as fetch does', async () => {
    const told: unknown[] = [];
    const { ended, request } = await begun({ progress: (value) => void told.push(value) });
    request.upload.onprogress?.({ loaded: 1, total: 2 });
    request.end('load', 201);

    expect(await ended).toEqual({ status: 201, headers: {}, body: { id: 1 } });
    expect(told).toEqual([{ loaded: 1, total: 2 }]);
    expect(request.headers).toMatchObject({ 'idempotency-key': '"k"' });
    expect((request.body as Blob).size).toBe(300_000);
  });

  const text = 'ä'.repeat(150_000);
  const form = new FormData();
  form.append('text', text);

  test.each<[string, Partial<HttpPayload>, type: string]>([
    ['JSON', { json: text }, 'application/json'],
    ['a text', { body: text }, 'text/plain;charset=UTF-8'],
    ['a form without a file', { body: form }, 'multipart/form-data; boundary='],
    ['bytes', { body: new Uint8Array(300_000) }, ''],
    ['a file', { body: new Blob([text], { type: 'image/png' }) }, 'image/png'],
  ])('tells its progress, and goes with its type: %s', async (_, more, type) => {
    const { ended, request } = await begun({}, { method: 'PUT', url: '/files/1', ...more } as HttpPayload);
    request.end('load', 200);
    await ended;

    expect(request.headers['content-type'] ?? '').toContain(type);
  });

  test('tells its progress also if authorize returns the request that it was given', async () => {
    const { ended, request } = await begun({ authorize: (given) => given });
    request.end('load', 200);

    expect(await ended).toMatchObject({ status: 200 });
  });

  test('whose redirect was followed is not done', async () => {
    const { ended, request } = await begun();
    request.end('load', 200, { responseURL: 'https://portal.example/sign-in' });

    await expect(ended).rejects.toThrow('The answer is a redirect.');
  });

  test('whose redirect was followed is a redirect for judge too', async () => {
    const judge = ({ ok }: Response): 'done' | undefined => (ok ? 'done' : undefined);
    const { ended, request } = await begun({ judge });
    request.end('load', 200, { responseURL: 'https://portal.example/sign-in' });

    await expect(ended).rejects.toThrow('The answer is a redirect.');
  });

  test.each([
    ['a lost network', 'error', 0, 'Failed to fetch'],
    ['a network that is lost after the body, which Firefox calls a load', 'load', 0, 'Failed to fetch'],
    ['a refusal', 'load', 422, 'The server answered 422.'],
    ['an answer that no Response can have', 'load', 999, 'status'],
  ] as const)('%s ends as with fetch', async (_, event, status, why) => {
    const { ended, request } = await begun();
    request.end(event, status);

    await expect(ended).rejects.toThrow(why);
  });

  test('that has no answer body is done', async () => {
    const { ended, request } = await begun();
    request.end('load', 204, { response: new Blob() });

    expect(await ended).toMatchObject({ status: 204, body: undefined });
  });

  test('whose answer has no header that scripts may read, as across origins, is done', async () => {
    const { ended, request } = await begun();
    request.end('load', 204, { response: new Blob(), answerHeaders: '' });

    expect(await ended).toEqual({ status: 204, headers: {}, body: undefined });
  });

  test('is sent without cookies by fetch, because an XMLHttpRequest always sends those of its origin', async () => {
    expect(await send({ ...(large() as object), credentials: 'omit' } as HttpPayload)).toMatchObject({ status: 200 });
    expect(received).toHaveLength(1);
    const { request, ended } = await begun({}, { ...(large() as object), credentials: 'include' } as HttpPayload);
    request.end('load', 200);
    await ended;

    expect(request.withCredentials).toBe(true);
  });

  test('is sent by fetch where there is no XMLHttpRequest', async () => {
    vi.stubGlobal('XMLHttpRequest', undefined);

    expect(await send(large())).toMatchObject({ status: 200 });
    expect(received[0]?.body).toHaveLength(300_000);
  });

  test('ends when the attempt is aborted', async () => {
    const stopping = new AbortController();
    const request = (await codec.decode(await codec.encode(large()))) as DecodedRequest;
    const attempt = { signal: stopping.signal, idempotencyKey: 'k', number: 1, parents: [], progress: () => undefined };
    const ended = sendHttp({ base })(request, attempt);
    await vi.waitFor(() => expect(Sending.last.body).toBeDefined());
    stopping.abort(new Error('stop'));

    await expect(ended).rejects.toThrow('stop');
    await expect(sendHttp({ base })(request, attempt)).rejects.toThrow('stop');
  });
});
