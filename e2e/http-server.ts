/**
 * A server for the tests of `taskbasket/http`: files, and an API that does what the test says. It keeps a ledger of each
 * request of the API, and does the work of a key once.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import path from 'node:path';

import type { Secrets } from './secrets.js';
import { learn } from './secrets.js';

/** A request of the API. It is in the ledger as soon as it comes, and gets its body as that comes. */
export interface Asked {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  /** The idempotency key, with its quotes. */
  readonly key: string | undefined;
  readonly token: string | undefined;
  /** How many requests of this path came before. */
  readonly before: number;
  /** How many bytes of the body came. */
  size: number;
  /** What came of the body, up to a megabyte. */
  body: Buffer;
  /** The digest of the whole body. `undefined`: it is not whole. */
  digest?: string;
  /** What was answered; `dropped`: the connection was ended instead. `undefined`: nothing yet. */
  status?: number | 'dropped';
}

/** What the server does with a request. Without a status: it ends the connection, or never answers. */
export interface Treatment {
  /** Default: whether the status is a 2xx. */
  readonly effect?: boolean;
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  readonly hang?: boolean;
  /** Answers when this has resolved. */
  readonly hold?: Promise<void>;
  /** Never reads the body. */
  readonly unread?: boolean;
  /** Ends the connection after so many bytes of the request. */
  readonly dropAfter?: number;
}

export interface File {
  readonly type: string;
  readonly text: string;
}

export interface HttpServer {
  readonly url: string;
  readonly ledger: readonly Asked[];
  /** The requests whose work was done, by their key: each once. */
  readonly effects: ReadonlyMap<string, Asked>;
  /** Is asked once for each request, when it comes: its body is not there yet. */
  treat: (asked: Asked) => Treatment;
  /** Headers of every answer. */
  headers: Readonly<Record<string, string>>;
  readonly close: () => Promise<void>;
}

/** A good answer, of a server that knows the key. */
export const good: Treatment = {
  status: 200,
  headers: { 'Content-Type': 'application/json' },
  body: '{"ok":true}',
};

const types: Readonly<Record<string, string>> = {
  '.html': 'text/html',
  '.js': 'text/javascript',
  '.svg': 'image/svg+xml',
};

/** Finds the files of a folder. */
export function filesOf(folder: string): (name: string) => File | undefined {
  return (name) => {
    const type = types[path.extname(name)];

    return type === undefined ? undefined : { type, text: readFileSync(path.join(folder, name), 'utf8') };
  };
}

/**
 * Starts a server of these files; everything else belongs to the API. The credentials that come to it are secrets, and
 * so is what it gives with each answer, in a cookie and in a header.
 */
export async function startHttpServer(
  secrets: Secrets,
  fileOf: (path: string) => File | undefined = () => undefined,
): Promise<HttpServer> {
  const ledger: Asked[] = [];
  const effects = new Map<string, Asked>();
  const secret = `given-${randomUUID()}`;
  secrets.known.add(secret);
  const server = createServer((request, response) => {
    // One request a connection: Chromium repeats a request by itself if a connection ends that served one before.
    response.setHeader('Connection', 'close');
    for (const [name, value] of Object.entries(made.headers)) response.setHeader(name, value);
    take(request, response).catch(() => response.destroy()); // A request that breaks off gets no answer.
  });

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url = '', headers } = request;
    const file = method === 'GET' ? fileOf(url.split('?')[0] ?? '') : undefined;
    if (file !== undefined) return void response.writeHead(200, { 'Content-Type': file.type }).end(file.text);
    if (method === 'OPTIONS') return void response.writeHead(204).end();

    response.setHeader('Set-Cookie', `session=${secret}; HttpOnly`);
    response.setHeader('X-Access-Token', secret);
    learn(secrets, headers.authorization);
    const asked: Asked = {
      at: Date.now(),
      method,
      path: url,
      headers,
      key: headers['idempotency-key']?.toString(),
      token: headers.authorization,
      before: ledger.filter((one) => one.path === url).length,
      size: 0,
      body: Buffer.alloc(0),
    };
    ledger.push(asked);
    const treatment = made.treat(asked);
    if (treatment.unread === true || !(await isRead(request, asked, treatment))) return;
    await treatment.hold;
    answer(asked, treatment, response);
  }

  /** Reads the body. Whether it is whole. */
  async function isRead(request: IncomingMessage, asked: Asked, { dropAfter = Infinity }: Treatment): Promise<boolean> {
    const hash = createHash('sha256');
    const kept: Buffer[] = [];
    for await (const chunk of request as AsyncIterable<Buffer>) {
      hash.update(chunk);
      if (asked.size < 1_000_000) kept.push(chunk);
      asked.size += chunk.length;
      if (asked.size <= dropAfter) continue;
      asked.status = 'dropped';
      request.socket.destroy();

      return false;
    }
    asked.body = Buffer.concat(kept);
    asked.digest = hash.digest('hex');

    return true;
  }

  function answer(asked: Asked, treatment: Treatment, response: ServerResponse): void {
    const { status, hang } = treatment;
    const hasEffect = treatment.effect ?? (status !== undefined && status < 300);
    if (hasEffect && asked.key !== undefined && !effects.has(asked.key)) effects.set(asked.key, asked);
    if (hang === true) return;
    asked.status = status ?? 'dropped';
    if (status === undefined) response.socket?.destroy();
    else response.writeHead(status, treatment.headers).end(treatment.body);
  }

  await once(server.listen(0, '127.0.0.1'), 'listening');
  const made: HttpServer = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    ledger,
    effects,
    treat: () => good,
    headers: {},
    async close() {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };

  return made;
}
