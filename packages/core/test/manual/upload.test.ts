import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { JSDOM, VirtualConsole } from 'jsdom';
import { afterAll, beforeAll, beforeEach, expect, test, vi } from 'vitest';

import { laidOut } from './blocks.js';

interface Upload {
  readonly upload: (url: string, body: Blob, attempt: object) => Promise<void>;
}

const size = 3_000_000;
/** What the server answers to an upload; `undefined`: it closes the connection. */
let answer: { readonly status: number; readonly headers?: Record<string, string> } | undefined;
let received: { readonly key: unknown; readonly bytes: number } | undefined;
const server = createServer((request, response) => void serve(request, response));
let upload: Upload['upload'];
let body: Blob;
const progress = vi.fn<(value: object) => void>();

async function serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
  if (request.url === '/sign-in') {
    response.writeHead(200, { 'Content-Type': 'text/plain' }).end('Sign in');

    return;
  }
  let bytes = 0;
  for await (const chunk of request) bytes += (chunk as Buffer).length;
  received = { key: request.headers['idempotency-key'], bytes };
  if (answer === undefined) request.socket.destroy();
  else response.writeHead(answer.status, answer.headers).end();
}

beforeAll(async () => {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  // The console of the page is silent: jsdom would print each lost connection there.
  const { window } = new JSDOM('', { url: `http://127.0.0.1:${port}/`, virtualConsole: new VirtualConsole() });
  vi.stubGlobal('XMLHttpRequest', window.XMLHttpRequest);
  vi.stubGlobal('location', window.location);
  body = new window.Blob([new Uint8Array(size)]);
  ({ upload } = await laidOut('upload').run<Upload>('upload.ts'));
});

beforeEach(() => {
  received = undefined;
  progress.mockClear();
});

afterAll(() => server.close());

const send = (signal = new AbortController().signal): Promise<void> =>
  upload('/photos', body, { idempotencyKey: 'k1', signal, progress });

test('the upload of the manual sends its key and tells its progress', async () => {
  answer = { status: 204 };
  await send();

  expect(received).toEqual({ key: '"k1"', bytes: size });
  expect(progress).toHaveBeenLastCalledWith({ loaded: size, total: size });
});

test.each([
  ['422', { status: 422 }, { name: 'PermanentFailure', status: 422 }],
  ['401', { status: 401 }, { name: 'Unavailable', status: 401 }],
  ['503', { status: 503 }, { name: 'Unavailable', status: 503 }],
  ['500', { status: 500 }, { name: 'Error', message: 'The server answered 500.' }],
  ['HTML', { status: 200, headers: { 'Content-Type': 'text/html' } }, { name: 'Unavailable' }],
  [
    'a redirect that is followed',
    { status: 303, headers: { Location: '/sign-in' } },
    { message: expect.stringContaining('is a redirect') as string },
  ],
  ['a lost connection', undefined, { name: 'Unavailable', message: 'The server cannot be reached.' }],
])('the upload of the manual ends as a handler with fetch would after %s', async (_, given, error) => {
  answer = given;

  await expect(send()).rejects.toMatchObject(error);
});

test('the upload of the manual is aborted with its attempt', async () => {
  const stop = new AbortController();
  progress.mockImplementationOnce(() => stop.abort(new Error('The task was cancelled.')));
  answer = { status: 204 };

  await expect(send(stop.signal)).rejects.toThrow('The task was cancelled.');
  await expect(send(stop.signal)).rejects.toThrow('The task was cancelled.');
});
