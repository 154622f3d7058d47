import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the server received it. */
export interface Received {
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly body: string;
  readonly status: number;
}

/** A server of an app, as the manual asks for one: it answers a key's second use with what it answered the first time. */
export interface AppServer {
  readonly received: readonly Received[];
  /** What it does with requests from now on: a status, and what is said with it. */
  readonly answer: (reply: (request: { readonly path: string; readonly body: string }) => number) => void;
  /** Resets every connection. It keeps its port: another program of the machine would take it, and nobody could be `up`. */
  readonly down: () => void;
  readonly up: () => void;
  readonly origin: string;
  /** Fetches as a page of that server's origin does. */
  readonly fetch: typeof fetch;
}

/** Starts a server on a port of its own. */
export async function startServer(): Promise<AppServer> {
  const received: Received[] = [];
  const kept = new Map<string, number>();
  let reply: (request: { readonly path: string; readonly body: string }) => number = () => 200;

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const { method = '', url: path = '', headers } = request;
    const key = headers['idempotency-key']?.toString();
    const body = Buffer.concat(chunks).toString('latin1');

    const status = kept.get(key ?? '') ?? reply({ path, body });
    if (status < 300 && key !== undefined) kept.set(key, status);
    received.push({ method, path, key, body, status });
    response.writeHead(status, { Connection: 'close' }).end();
  }

  let away = false;
  const server = createServer((request, response) => {
    take(request, response).catch(() => response.destroy()); // A request that breaks off gets no answer.
  });
  server.on('connection', (socket) => {
    if (away) socket.resetAndDestroy();
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  server.unref();
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;

  return {
    received,
    answer: (next) => (reply = next),
    up: () => (away = false),
    down() {
      away = true;
      server.closeAllConnections();
    },
    origin,
    fetch: (input, init) => globalFetch(typeof input === 'string' ? new URL(input, origin) : input, init),
  };
}

const globalFetch = globalThis.fetch;
