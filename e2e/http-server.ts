/**
 * A server for the tests of `taskbasket/http`: files, and an API that does what the test says. It keeps a ledger of each
 * request of the API, and does the work of a key once.
 */
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request of the API. */
export interface Asked {
  readonly at: number;
  readonly method: string;
  readonly path: string;
  readonly key: string | undefined;
  readonly body: string;
  readonly digest: string;
  readonly token: string | undefined;
  /** How many requests of this path came before. */
  readonly before: number;
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
  /** How requests are treated from now on. */
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

/** Starts a server of these files; everything else belongs to the API. */
export async function startHttpServer(
  fileOf: (path: string) => File | undefined = () => undefined,
): Promise<HttpServer> {
  const ledger: Asked[] = [];
  const effects = new Map<string, Asked>();
  const server = createServer((request, response) => {
    // One request a connection: Chromium repeats a request by itself if a connection ends that served one before.
    response.setHeader('Connection', 'close');
    for (const [name, value] of Object.entries(made.headers)) response.setHeader(name, value);
    take(request, response).catch(() => response.destroy()); // A request that breaks off gets no answer.
  });

  async function take(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = '', url: path = '', headers } = request;
    const file = method === 'GET' ? fileOf(path.split('?')[0] ?? '') : undefined;
    if (file !== undefined) return void response.writeHead(200, { 'Content-Type': file.type }).end(file.text);
    if (method === 'OPTIONS') return void response.writeHead(204).end();

    const before = ledger.filter((one) => one.path === path).length;
    const first = { at: Date.now(), method, path, before, body: '', digest: '', key: undefined, token: undefined };
    const { dropAfter } = made.treat(first);
    const chunks: Buffer[] = [];
    let bytes = 0;
    for await (const chunk of request as AsyncIterable<Buffer>) {
      chunks.push(chunk);
      bytes += chunk.length;
      if (dropAfter !== undefined && bytes > dropAfter) {
        ledger.push({ ...first, status: 'dropped' });

        return void request.socket.destroy();
      }
    }
    const all = Buffer.concat(chunks);
    const asked: Asked = {
      ...first,
      key: headers['idempotency-key']?.toString(),
      body: all.toString('utf8').slice(0, 1_000),
      digest: createHash('sha256').update(all).digest('hex'),
      token: headers.authorization,
    };
    ledger.push(asked);
    const treatment = made.treat(asked);
    await treatment.hold;
    answer(asked, treatment, response);
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
