import { once } from 'node:events';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Answer, SendAttempt, SendInit, SendOptions } from '../../src/http.js';
import { createSend } from '../../src/http.js';
import type { Verdict } from '../../src/pure/verdict.js';
import { PermanentFailure, verdictOf } from '../../src/pure/verdict.js';

interface Received {
  readonly method: string | undefined;
  readonly path: string | undefined;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

const received: Received[] = [];
let reply: RequestListener;
let base: string;

const server = createServer((request, response) => {
  take(request, response).catch(() => response.destroy()); // A request that breaks off gets no answer.
});

async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method, url: path, headers } = request;
  received.push({ method, path, headers, body: Buffer.concat(chunks).toString() });
  reply(request, response);
}

beforeAll(async () => {
  await once(server.listen(0, '127.0.0.1'), 'listening');
  base = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

afterAll(() => {
  server.close();
  server.closeAllConnections();
});

beforeEach(() => {
  received.length = 0;
  reply = (_, response) => void response.writeHead(204).end();
});

/** The server answers so from now on. */
function answers(status: number, headers: Record<string, string> = {}, body = ''): void {
  reply = (_, response) => void response.writeHead(status, headers).end(body);
}

const json = (value: unknown): readonly [Record<string, string>, string] => [
  { 'Content-Type': 'application/json' },
  JSON.stringify(value),
];
const html = { 'Content-Type': 'text/html' };

function attemptOf(parts: Partial<SendAttempt> = {}): SendAttempt {
  return { signal: new AbortController().signal, idempotencyKey: 'key-1', number: 1, ...parts };
}

/** Sends one request with a `send` of its own. */
function sent(init: SendInit = {}, parts: Partial<SendAttempt> = {}, options: SendOptions = {}): Promise<Answer> {
  return createSend({ base, ...options })('/notes/1', { method: 'PUT', ...init }, attemptOf(parts));
}

/** What an attempt comes to whose handler sends one request, and lets its error through. */
async function verdictOn(sending: Promise<Answer>): Promise<Verdict> {
  return sending.then(
    () => ({ kind: 'success' }),
    (error: unknown) => verdictOf(error, 0),
  );
}

describe('a request', () => {
  test('has its JSON, its key in quotes, and the headers of the app', async () => {
    await sent({ method: 'patch', json: { text: 'Grün' }, headers: { 'If-Match': '"3"' } });

    expect(received).toMatchObject([{ method: 'PATCH', path: '/notes/1', body: '{"text":"Grün"}' }]);
    expect(received[0]?.headers).toMatchObject({
      'content-type': 'application/json',
      'idempotency-key': '"key-1"',
      'if-match': '"3"',
    });
  });

  test('has another body, under another name of the key, with a key of its own', async () => {
    await sent({ body: new Blob(['photo'], { type: 'image/png' }) }, {}, { keyHeader: 'X-Request-Id' });
    await sent({ headers: { 'Idempotency-Key': '"key-1-confirm"', 'Content-Type': 'text/csv' }, json: 1 });

    expect(received[0]).toMatchObject({
      body: 'photo',
      headers: { 'x-request-id': '"key-1"', 'content-type': 'image/png' },
    });
    expect(received[1]?.headers).toMatchObject({
      'idempotency-key': '"key-1-confirm"',
      'content-type': 'text/csv',
    });
  });

  test('goes to its path behind the base, whatever slash is at its end', async () => {
    for (const end of ['', '/', '//']) {
      const send = createSend({ base: `${base}/v1${end}` });
      await send('/notes/gr%C3%BCn?all=/../1', { method: 'DELETE' }, attemptOf());
      await expect(send('//elsewhere.example/x', {}, attemptOf())).rejects.toMatchObject({ code: 'option' });
    }

    const path = '/v1/notes/gr%C3%BCn?all=/../1';
    expect(received.map((one) => one.path)).toEqual([path, path, path]);
  });

  test('goes to the origin of the worker without a base', async () => {
    vi.stubGlobal('location', new URL(`${base}/assets/tasks.worker.js`));
    await createSend()('/notes/1', {}, attemptOf());
    vi.unstubAllGlobals();
    expect(received).toMatchObject([{ method: 'GET', path: '/notes/1' }]);

    await expect(createSend()('/notes/1', {}, attemptOf())).rejects.toMatchObject({ code: 'option' });
  });

  test('ends with its attempt', async () => {
    const stop = new AbortController();
    reply = () => stop.abort(new DOMException('too long', 'TimeoutError'));

    await expect(sent({}, { signal: stop.signal })).rejects.toMatchObject({ name: 'TimeoutError' });
  });

  test('is made when it is sent: what changes later does not count', async () => {
    const note = { text: 'now' };
    const init = { method: 'PUT', json: note };
    const sending = createSend({ base, authorize: async () => Promise.resolve() })('/notes/1', init, attemptOf());
    note.text = 'later';
    init.method = 'DELETE';
    await sending;

    expect(received).toMatchObject([{ method: 'PUT', body: '{"text":"now"}' }]);
  });
});

describe('authorize', () => {
  test('adds headers from the session, asynchronously too', async () => {
    const send = createSend<{ token: string }>({
      base,
      authorize: async (request, session) => {
        await Promise.resolve();
        request.headers.set('Authorization', `Bearer ${session?.token}`);
      },
    });
    await send('/notes/1', { method: 'PUT' }, { ...attemptOf(), session: { owner: 'ann', token: 't1' } });

    expect(received[0]?.headers).toMatchObject({ authorization: 'Bearer t1', 'idempotency-key': '"key-1"' });
  });

  test('may give another request, which has the key too, and whose redirect is not followed either', async () => {
    answers(302, { Location: '/sign-in' });
    const authorize = (request: Request): Request => new Request(`${request.url}?signed`, { method: 'POST' });

    expect(await verdictOn(sent({}, {}, { authorize }))).toMatchObject({ kind: 'unavailable' });
    expect(received.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /notes/1?signed']);
    expect(received[0]?.headers).toMatchObject({ 'idempotency-key': '"key-1"' });
  });

  test('gets no session for a task without an owner, of which reading it throws', async () => {
    const authorize = vi.fn<NonNullable<SendOptions['authorize']>>();
    const attempt = {
      ...attemptOf(),
      get session(): never {
        throw new Error('It has no owner.');
      },
    };
    await createSend({ base, authorize })('/notes/1', {}, attempt);

    expect(authorize).toHaveBeenCalledWith(expect.any(Request), undefined);
  });

  test('that ends after its attempt sends nothing', async () => {
    const stop = new AbortController();
    const authorize = (): void => stop.abort(new Error('The attempt took too long.'));

    await expect(sent({}, { signal: stop.signal }, { authorize })).rejects.toThrow('took too long');
    expect(received).toEqual([]);
  });

  test('that fails, or gives nonsense, sends nothing', async () => {
    const fails = sent({}, {}, { authorize: () => Promise.reject(new Error('No token.')) });
    await expect(fails).rejects.toThrow('No token.');
    await expect(sent({}, {}, { authorize: (() => true) as never })).rejects.toMatchObject({ code: 'option' });
    expect(received).toEqual([]);
  });
});

describe('an answer', () => {
  test.each([
    ['JSON', ...json({ id: 7 }), { id: 7 }],
    ['JSON of another kind', { 'Content-Type': 'application/problem+json; charset=utf-8' }, '{"a":1}', { a: 1 }],
    ['text', { 'Content-Type': 'text/plain' }, '{"a":1}', '{"a":1}'],
    ['no content', {}, '', undefined],
    ['no content, where JSON was named', { 'Content-Type': 'application/json' }, '', undefined],
    ['no content, where HTML was named', html, '', undefined],
    ['JSON that cannot be parsed', { 'Content-Type': 'application/json' }, '{"a":', '{"a":'],
    ['characters of several bytes', { 'Content-Type': 'text/plain' }, 'Grün 漢'.repeat(9_999), 'Grün 漢'.repeat(9_999)],
    ['too much', { 'Content-Type': 'text/plain' }, 'x'.repeat(1_048_577), undefined],
  ])('is given back parsed: %s', async (_, headers, body, expected) => {
    answers(201, { ...headers, ETag: '"4"' }, body);
    const answer = await sent();

    expect(answer.status).toBe(201);
    expect(answer.headers.get('etag')).toBe('"4"');
    expect(answer.body).toEqual(expected);
  });

  test('that names no content is JSON where JSON was expected', async () => {
    answers(200, {}, '[1]');

    expect((await sent({ expect: 'json' })).body).toEqual([1]);
    expect((await sent()).body).toBe('[1]');
  });

  test('that breaks off means a lost network', async () => {
    reply = (_, response) => {
      response.writeHead(200, { 'Content-Length': '100' }).write('half', () => response.destroy());
    };

    expect(await verdictOn(sent())).toMatchObject({ kind: 'unavailable' });
  });

  test.each([
    [undefined, 'text/csv', 'success'],
    [undefined, 'text/html', 'unavailable'],
    ['json', 'application/json', 'success'],
    ['json', 'text/csv', 'unavailable'],
    ['html', 'text/html', 'success'],
    ['html', 'text/csv', 'unavailable'],
    ['text/CSV', 'text/csv; charset=utf-8', 'success'],
    ['text/csv', 'text/plain', 'unavailable'],
    ['text/csv', 'text/html', 'unavailable'],
  ] as const)('where %s is expected and %s comes: %s', async (expected, type, kind) => {
    answers(200, { 'Content-Type': type }, 'x');

    expect((await verdictOn(sent({ expect: expected }))).kind).toBe(kind);
  });

  test.each([
    [undefined, 'text/plain;charset=UTF-8', '<!DOCTYPE html>\n<title>Offline</title>', 'unavailable'],
    [undefined, '', ' \n<html lang="en">', 'unavailable'],
    ['json', '', '<!doctype html>', 'unavailable'],
    ['html', 'text/plain', '<!doctype html>', 'success'],
    ['text/plain', 'text/plain', '<!doctype html>', 'success'],
    [undefined, 'text/plain', 'A text with <html> in it', 'success'],
    [undefined, 'text/plain', '<htmlish>', 'success'],
    [undefined, 'application/xml', '<?xml version="1.0"?><html/>', 'success'],
  ] as const)(
    'that begins as HTML is HTML, as of a service worker that makes a page of a text (expected: %s, named: "%s", content: %j): %s',
    async (expected, type, content, kind) => {
      answers(200, type === '' ? {} : { 'Content-Type': type }, content);

      expect((await verdictOn(sent({ expect: expected }))).kind).toBe(kind);
    },
  );

  test.each([
    [302, 'unavailable'],
    [401, 'unavailable'],
    [429, 'unavailable'],
    [511, 'unavailable'],
    [500, 'failure'],
    [403, 'permanent'],
    [409, 'permanent'],
    [422, 'permanent'],
  ])('%d on the first attempt: %s', async (status, kind) => {
    answers(status);

    expect((await verdictOn(sent())).kind).toBe(kind);
  });

  test('that is refused says what to do in words of `send`', async () => {
    answers(303, { Location: '/done' });
    await expect(sent()).rejects.toThrow("let the `judge` of createSend return 'done'");
    expect(received.map(({ path }) => path)).toEqual(['/notes/1']);
    answers(200, html, '<p>');
    await expect(sent()).rejects.toThrow("pass { expect: 'html' } to send");
  });

  test('that makes the task dead is kept with it, without headers that may be secret', async () => {
    answers(412, { 'Content-Type': 'application/json', ETag: '"9"', 'X-Token': 'secret' }, '{"text":"Theirs"}');

    const verdict = await verdictOn(sent());
    expect(verdict).toMatchObject({ kind: 'permanent', error: { status: 412 } });
    expect(verdict).toHaveProperty('error.detail', {
      status: 412,
      headers: { etag: '"9"' },
      body: { text: 'Theirs' },
    });
  });

  test.each([
    ['a long text', { 'Content-Type': 'text/plain' }, 'é'.repeat(100_000), 'é'.repeat(10_000)],
    ['a small value', ...json(['x'.repeat(9_900)]), ['x'.repeat(9_900)]],
    ['a value that is a little too large', ...json(['x'.repeat(10_100)]), `["${'x'.repeat(9_998)}`],
    ['a large value', ...json(Array.from({ length: 10_000 }, () => 1)), '[1,'.padEnd(10_000, '1,')],
    ['too much', {}, 'x'.repeat(1_048_577), undefined],
  ])('that makes the task dead, and is %s, is kept as far as there is room', async (_, headers, body, expected) => {
    answers(422, headers, body);
    const verdict = await verdictOn(sent());

    expect(verdict).toMatchObject({ kind: 'permanent', error: { message: 'The server answered 422.' } });
    expect(verdict).toHaveProperty('error.detail.body', expected);
  });

  test('that makes the task dead counts also if it breaks off', async () => {
    reply = (_, response) => {
      response.writeHead(422, { 'Content-Length': '100' }).write('half', () => response.destroy());
    };

    expect(await verdictOn(sent())).toMatchObject({ kind: 'permanent', error: { status: 422 } });
  });
});

describe('a conflict on a later attempt', () => {
  test('makes the task wait for its own earlier request, ever longer, and for about four minutes at most', async () => {
    answers(409, ...json({ title: 'busy' }));
    const send = createSend({ base });
    const verdicts: Verdict[] = [];
    for (let number = 2; number < 13; number += 1) {
      verdicts.push(await verdictOn(send('/notes/1', { method: 'PUT' }, attemptOf({ number }))));
    }

    const waits = verdicts.map((verdict) =>
      verdict.kind === 'later' && 'for' in verdict ? verdict.for : verdict.kind,
    );
    const growing = [1_000, 2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000];
    expect(waits).toEqual([...growing, 'permanent', 'permanent']);
    expect(verdicts.at(-1)).toMatchObject({ error: { status: 409, detail: { body: { title: 'busy' } } } });
  });

  test('begins anew after another answer, and for another task', async () => {
    const send = createSend({ base });
    const next = async (status: number, parts: Partial<SendAttempt> = {}): Promise<Verdict> => {
      answers(status);

      return verdictOn(send('/notes/1', {}, attemptOf({ number: 2, ...parts })));
    };
    for (let times = 0; times < 9; times += 1) await next(409);

    expect(await next(409, { idempotencyKey: 'key-2' })).toEqual({ kind: 'later', for: 1_000 });
    await next(500);
    expect(await next(409)).toEqual({ kind: 'later', for: 1_000 });
  });

  test('is counted also if the handler reads the record before, in each attempt', async () => {
    reply = ({ method }, response) => void response.writeHead(method === 'GET' ? 200 : 409).end();
    const send = createSend({ base });
    const next = async (): Promise<Verdict> => {
      await send('/notes/1', {}, attemptOf({ number: 2 }));

      return verdictOn(send('/notes/1', { method: 'PUT' }, attemptOf({ number: 2 })));
    };

    expect(await next()).toEqual({ kind: 'later', for: 1_000 });
    expect(await next()).toEqual({ kind: 'later', for: 2_000 });
  });
});

describe('judge', () => {
  const status =
    (wanted: number): NonNullable<SendOptions['judge']> =>
    (response) =>
      response.status === wanted ? 'done' : undefined;

  test.each([
    [404, 'success'],
    [302, 'permanent'],
  ])('can take %d for success, and leaves the others to the rules', async (wanted) => {
    answers(wanted, { 'Content-Type': 'text/html', Location: '/' }, 'gone');
    expect(await sent({}, {}, { judge: status(wanted) })).toMatchObject({ status: wanted, body: 'gone' });
    answers(503);
    expect((await verdictOn(sent({}, {}, { judge: status(wanted) }))).kind).toBe('unavailable');
  });

  test('reads the content, throws what the task gets, and knows the attempt', async () => {
    answers(422, ...json({ title: 'The text is too long.' }));
    const judge = async (response: Response, { number }: SendAttempt): Promise<undefined> => {
      const { title } = (await response.json()) as { title: string };
      if (number === 3) throw new PermanentFailure(title);
    };

    await expect(sent({}, { number: 3 }, { judge })).rejects.toThrow('The text is too long.');
    expect(await verdictOn(sent({}, { number: 2 }, { judge }))).toMatchObject({
      error: { detail: { body: { title: 'The text is too long.' } } },
    });
  });

  test('that returns anything else is refused', async () => {
    await expect(sent({}, {}, { judge: (() => true) as never })).rejects.toMatchObject({ code: 'option' });
  });
});

describe('the content of an answer', () => {
  test.each([
    [1_048_575, 1_048_575],
    [1_048_576, 1_048_576],
    [1_048_577, undefined],
    [2_097_152, undefined],
  ])('of %i bytes is given as a text of %s', async (bytes, length) => {
    answers(200, { 'Content-Type': 'text/plain' }, 'x'.repeat(bytes));

    expect(((await sent()).body as string | undefined)?.length).toBe(length);
  });

  test.each([503, 200])('with status %i and without an end is not read on', async (status) => {
    let [pieces, cancelled] = [0, false];
    const content = new ReadableStream({
      pull(stream) {
        pieces += 1;
        stream.enqueue(new Uint8Array(65_536));
      },
      cancel() {
        cancelled = true;
      },
    });
    vi.stubGlobal('fetch', () => Promise.resolve(new Response(content, { status })));
    await verdictOn(sent());
    vi.unstubAllGlobals();

    expect([cancelled, pieces < 40]).toEqual([true, true]);
  });
});

describe('refused with a sentence', () => {
  const send = (path: unknown, init: unknown, attempt: unknown = attemptOf()): Promise<Answer> =>
    createSend({ base: 'http://127.0.0.1:1' })(path as string, init as SendInit, attempt as SendAttempt);

  test.each([
    ['notes/1'],
    ['https://elsewhere.example/'],
    ['/notes/a#b'],
    ['/notes/../admin'],
    ['/notes/%2E./admin'],
    ['/notes/..'],
    ['/notes/.?x'],
    ['/notes\\..\\admin'],
    ['/notes/.\t./admin'],
    [''],
    [undefined],
    [new URL('https://elsewhere.example/')],
  ])('is the path %s', async (path) => {
    await expect(send(path, {})).rejects.toMatchObject({ code: 'option' });
  });

  test.each([
    ['a part with another name', { methode: 'PUT' }],
    ['a Request', new Request('http://127.0.0.1:1/')],
    ['JSON with a file', { method: 'PUT', json: { photo: new File(['x'], 'roof.jpg') } }],
    ['JSON with a number that JSON does not have', { method: 'PUT', json: [Number.NaN] }],
    ['both JSON and a body', { method: 'PUT', json: 1, body: 'x' }],
    ['no media type', { expect: 'xml' }],
    ['a number as a media type', { expect: 5 }],
    ['nothing', undefined],
  ])('is %s as what is sent', async (_, init) => {
    await expect(send('/notes/1', init)).rejects.toMatchObject({ code: 'option' });
  });

  test.each([[undefined], [{}], [new AbortController().signal], [{ idempotencyKey: 'a', number: 1 }]])(
    'is %s as the attempt',
    async (attempt) => {
      await expect(createSend({ base })('/notes/1', {}, attempt as never)).rejects.toMatchObject({ code: 'option' });
    },
  );

  test.each([
    ['an option with another name', { url: 'https://api.example' }],
    ['a relative base', { base: '/v1' }],
    ['a base with a query', { base: 'https://api.example/?a=1' }],
    ['a base with a name', { base: 'https://ann@api.example/' }],
    ['a base of another kind', { base: 'blob:https://api.example/1' }],
    ['a token', { authorize: 'Bearer t1' }],
    ['a list of statuses', { judge: [404] }],
    ['a name with a space', { keyHeader: 'Idempotency Key' }],
    ['an empty name', { keyHeader: '' }],
  ])('is %s', (_, options) => {
    expect(() => createSend(options as never)).toThrow(expect.objectContaining({ code: 'option' }));
  });
});

describe('a request that finds no network', () => {
  const away = 'http://127.0.0.1:1';

  test('is away, also the second time, if its server is', async () => {
    const send = createSend({ base: away });
    const verdicts = [await verdictOn(send('/', {}, attemptOf())), await verdictOn(send('/', {}, attemptOf()))];

    expect(verdicts).toMatchObject([{ kind: 'unavailable' }, { kind: 'unavailable' }]);
  });

  test('is blocked from the second time in a row on, if its server is there, and the gate stays open', async () => {
    reply = ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(404).end();
      else response.destroy();
    };
    const send = createSend({ base });
    const next = (): Promise<Verdict> => verdictOn(send('/notes/1', { method: 'PUT' }, attemptOf()));
    expect([await next(), await next(), await next()]).toMatchObject([
      { kind: 'unavailable' },
      { kind: 'failure', error: { name: 'Blocked', message: expect.stringContaining('CORS') as string } },
      { kind: 'failure', error: { name: 'Blocked' } },
    ]);
    expect(received.map(({ method }) => method)).toEqual(['PUT', 'PUT', 'HEAD', 'PUT', 'HEAD']);

    // Another answer ends the row.
    answers(500);
    await next();
    reply = (_, response) => void response.destroy();
    expect((await next()).kind).toBe('unavailable');
  });

  test('is away the first time, also if another request had none and `authorize` takes the key away', async () => {
    reply = ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(404).end();
      else response.destroy();
    };
    const send = createSend({ base, authorize: (request) => request.headers.delete('Idempotency-Key') });
    const next = (idempotencyKey: string): Promise<Verdict> =>
      verdictOn(send('/notes/1', { method: 'PUT' }, attemptOf({ idempotencyKey })));

    expect([(await next('a')).kind, (await next('b')).kind]).toEqual(['unavailable', 'unavailable']);
  });

  test('is away, however often, if it goes to the origin of the app: no CORS can block it there', async () => {
    vi.stubGlobal('location', new URL(`${base}/app.js`));
    reply = ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(404).end();
      else response.destroy();
    };
    const send = createSend({ base });
    const next = (): Promise<Verdict> => verdictOn(send('/notes/1', { method: 'PUT' }, attemptOf()));
    const verdicts = [await next(), await next(), await next()];
    vi.unstubAllGlobals();
    expect(verdicts.map(({ kind }) => kind)).toEqual(['unavailable', 'unavailable', 'unavailable']);
  });

  test('is away, and its server is not asked, if a conflict came before it', async () => {
    const send = createSend({ base });
    const next = (): Promise<Verdict> => verdictOn(send('/notes/1', { method: 'PUT' }, attemptOf({ number: 2 })));
    answers(409);
    await next();
    reply = ({ method }, response) => {
      if (method === 'HEAD') response.writeHead(404).end();
      else response.destroy();
    };

    expect((await next()).kind).toBe('unavailable');
    expect(received.map(({ method }) => method)).toEqual(['PUT', 'PUT']);
  });

  test('leaves no listener behind, and neither does an answer', async () => {
    let [added, removed] = [0, 0];
    vi.stubGlobal('addEventListener', () => void (added += 1));
    vi.stubGlobal('removeEventListener', () => void (removed += 1));
    await sent();
    await verdictOn(createSend({ base: away })('/', {}, attemptOf()));
    vi.unstubAllGlobals();

    expect([added, removed]).toEqual([2, 2]);
  });

  test('is refused by the policy that says so for its address', async () => {
    const scope = new EventTarget();
    vi.stubGlobal('addEventListener', scope.addEventListener.bind(scope));
    vi.stubGlobal('removeEventListener', scope.removeEventListener.bind(scope));
    const tells = async (parts: object): Promise<Verdict> => {
      vi.stubGlobal('fetch', () => {
        setTimeout(() => scope.dispatchEvent(Object.assign(new Event('securitypolicyviolation'), parts)));

        return Promise.reject(new TypeError('Failed to fetch'));
      });

      return verdictOn(createSend({ base: away })('/notes/1', {}, attemptOf()));
    };
    const enforced = { disposition: 'enforce', blockedURI: `${away}/notes/1` };

    expect(await tells(enforced)).toMatchObject({ kind: 'failure', error: { name: 'Blocked' } });
    expect(await tells({ ...enforced, blockedURI: away })).toMatchObject({ kind: 'failure' });
    expect((await tells({ ...enforced, blockedURI: 'https://elsewhere.example/' })).kind).toBe('unavailable');
    expect((await tells({ ...enforced, disposition: 'report' })).kind).toBe('unavailable');
    vi.unstubAllGlobals();
  });
});
