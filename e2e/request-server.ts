/**
 * A server that takes each request, and whose ledger says what arrived: of a body its digest. It serves the lab too.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { type IncomingMessage, type ServerResponse, createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

/** A request as it arrived. */
export interface Arrived {
  readonly method: string;
  readonly url: string;
  readonly headers: IncomingMessage['headers'];
  /** The idempotency key, without its quotes. */
  readonly key: string;
  /** How many bytes of the body arrived, and their digest. */
  readonly size: number;
  readonly digest: string;
  /** The body, if it is small. */
  readonly body: Buffer;
  /** Whether the whole body arrived. */
  readonly whole: boolean;
}

/** What is answered. `drop`: nothing, the connection ends; the effect has happened. */
export type Given =
  | 'drop'
  | { readonly status: number; readonly headers?: Record<string, string>; readonly body?: string };

export interface RequestServer {
  readonly url: string;
  /** The requests to the API, in the order in which they ended. */
  readonly ledger: Arrived[];
  /** Decides what is answered. */
  answer: (arrived: Arrived) => Given;
  /** Is asked before a body is read: it may take its time. */
  before: (request: IncomingMessage) => void | Promise<void>;
  readonly close: () => Promise<void>;
}

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

/** @param dist The folder of the built lab. */
export async function startRequestServer(dist: string): Promise<RequestServer> {
  const server = createServer((request, response) => {
    void answered(request, response).catch(() => response.destroy());
  });
  // Chromium sends a request again by itself on a connection that served one before.
  server.maxRequestsPerSocket = 1;
  server.listen(0, '127.0.0.1');
  await new Promise((resolve) => server.once('listening', resolve));
  const { port } = server.address() as AddressInfo;

  const state: RequestServer = {
    url: `http://127.0.0.1:${port}`,
    ledger: [],
    answer: () => ({ status: 200 }),
    before: () => undefined,
    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };

  async function answered(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '' } = request;
    const type = types[path.extname(url)];
    if (method === 'GET' && type !== undefined) {
      const file = await readFile(path.join(dist, url));
      response.writeHead(200, { 'Content-Type': type }).end(file);

      return;
    }
    const arrived = await read(request);
    state.ledger.push(arrived);
    const given = arrived.whole ? state.answer(arrived) : 'drop';
    if (given === 'drop') response.destroy();
    else response.writeHead(given.status, { 'Content-Type': 'application/json', ...given.headers }).end(given.body);
  }

  async function read(request: IncomingMessage): Promise<Arrived> {
    await state.before(request);
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    let size = 0;
    let whole = true;
    try {
      for await (const chunk of request as AsyncIterable<Buffer>) {
        hash.update(chunk);
        size += chunk.length;
        if (size < 1_000_000) kept.push(chunk);
      }
    } catch {
      whole = false;
    }
    const { method = '', url = '', headers } = request;
    const key = String(headers['idempotency-key']).replaceAll('"', '');

    return { method, url, headers, key, size, digest: hash.digest('hex'), body: Buffer.concat(kept), whole };
  }

  return state;
}
