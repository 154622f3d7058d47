import type { IncomingMessage, Server, ServerResponse } from 'node:http';
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
  readonly down: () => Promise<void>;
  readonly up: () => Promise<void>;
  /** Fetches as a page of that server's origin does. */
  readonly fetch: typeof fetch;
}

/** Starts a server on a port of its own. */
export async function startServer(): Promise<AppServer> {
  const received: Received[] = [];
  const kept = new Map<string, number>();
  let reply: (request: { readonly path: string; readonly body: string }) => number = () => 200;
  let port = 0;
  let server: Server | undefined;

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

  async function up(): Promise<void> {
    const next = createServer((request, response) => void take(request, response)); // A failure shows as no answer.
    await new Promise<void>((resolve) => {
      next.listen(port, '127.0.0.1', resolve);
    });
    next.unref();
    server = next;
    ({ port } = next.address() as AddressInfo);
  }

  await up();

  return {
    received,
    answer: (next) => (reply = next),
    up,
    async down() {
      const closed = new Promise((resolve) => server?.close(resolve));
      server?.closeAllConnections();
      await closed;
    },
    fetch: (input, init) => globalFetch(new URL(input as string, `http://127.0.0.1:${port}`), init),
  };
}

const globalFetch = globalThis.fetch;
