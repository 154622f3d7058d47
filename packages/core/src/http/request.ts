import type { Codec } from '../pure/codec.js';
import { checkParts, must } from '../pure/options.js';
import { defined, partOf } from '../pure/parts.js';
import type { HttpBody } from './body.js';
import { storedBody } from './body.js';
import type { Fill } from './fill.js';
import { checkFill } from './fill.js';
import { storedHeaders } from './headers.js';
import type { SendInit } from './init.js';
import { checkExpect, jsonText } from './init.js';
import { checkPath } from './path.js';

/**
 * The payload of a type made by `httpTask`: a request that is sent when it can be sent. All of it is read at the add.
 *
 * @example
 * await requests.add('api', { method: 'PUT', url: '/notes/1', json: note });
 *
 * @throws TaskbasketError `payload`, from the add, if it has a secret, a stream, or what no browser can send.
 */
export interface HttpRequest {
  /** A path that begins with `/`. It is relative to the `base` of `sendHttp`. Encode its parts. */
  readonly url: string;
  /** Default `GET`. */
  readonly method?: string | undefined;
  /**
   * Headers that say something of the request, such as `If-Match`. Those with credentials are not stored: set them in
   * `authorize` of `sendHttp`.
   */
  readonly headers?: HeadersInit | undefined;
  /** The body, as a value that JSON can hold. */
  readonly json?: unknown;
  /** The body, if it is no JSON. */
  readonly body?: HttpBody | undefined;
  /** As in `fetch`: whether cookies are sent. Default `same-origin`. */
  readonly credentials?: RequestCredentials | undefined;
  /** The content that the answer must have: `json`, `html` or a media type. Default: everything but HTML. */
  readonly expect?: SendInit['expect'];
  /**
   * The values that come from the answers of the parents.
   *
   * @example
   * await requests.add('api', { method: 'POST', url: '/notes/{noteId}/photos', body: photo, fill: { noteId: [0, 'id'] } }, { after: id });
   */
  readonly fill?: Fill | undefined;
}

/** A request as it is stored. */
export interface StoredRequest {
  /** In capitals. */
  readonly method: string;
  /** A path, or the whole address of a `Request`. */
  readonly url: string;
  /** By their names in small letters. */
  readonly headers: Readonly<Record<string, string>>;
  /** The text that is sent, unless `fill` changes it. */
  readonly json?: string;
  readonly body?: string | Blob | ArrayBuffer;
  readonly credentials?: RequestCredentials;
  readonly expect?: Exclude<SendInit['expect'], undefined>;
  readonly fill?: Fill;
  readonly nothing?: true;
}

/** A stored request as handlers, lists and `coalesced` get it. To encode one with a path again changes nothing. */
export interface DecodedRequest extends HttpRequest {
  readonly method: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: string | Blob | ArrayBuffer;
  /** What this task and those before it say together needs no request. */
  readonly nothing?: true;
}

const parts: readonly (keyof DecodedRequest)[] = [
  'url',
  'method',
  'headers',
  'json',
  'body',
  'credentials',
  'expect',
  'fill',
  'nothing',
];

/** Turns requests into what is stored. `more` are the names of headers that the app allows. */
export function requestCodec(more: ReadonlySet<string>): Codec<HttpRequest | Request, StoredRequest> {
  return {
    encode: (given) => (isRequest(given) ? fromRequest(given, more) : fromParts(given, more)),
    decode: ({ json: text, ...stored }): DecodedRequest =>
      text === undefined ? stored : { ...stored, json: JSON.parse(text) },
  };
}

/** Whether a value is a `Request`, also of another frame. */
export function isRequest(given: unknown): given is Request {
  return Object.prototype.toString.call(given) === '[object Request]';
}

function fromParts(given: HttpRequest, more: ReadonlySet<string>): StoredRequest {
  const known = partOf(given, 'nothing') === true ? parts : parts.slice(0, -1); // Only a merged request has `nothing`.
  const request: HttpRequest & Pick<StoredRequest, 'nothing'> = checkParts(given, 'A request', known);
  const { url, json, body = null, credentials, expect, fill, nothing } = request;
  checkPath(url);
  checkExpect(expect);
  must(json === undefined || body === null, 'A request', 'either `json` or `body`', 'both');
  if (fill !== undefined) checkFill(checkParts(fill, 'fill', Object.keys(fill ?? {})), url, json);
  const text = jsonText(json);
  const typed =
    body === null ? { body: undefined, type: text === undefined ? '' : 'application/json' } : storedBody(body);
  const hasBody = (text ?? typed.body) !== undefined;

  return {
    method: methodOf(request.method, { body: hasBody ? 'x' : null, ...defined({ credentials }) }),
    url,
    headers: storedHeaders(request.headers, typed.type, more),
    ...defined({ json: text, body: typed.body, credentials, expect, fill, nothing }),
  };
}

/** Reads all but the body at once, and then the body. It is used up, as by `fetch`. */
async function fromRequest(request: Request, more: ReadonlySet<string>): Promise<StoredRequest> {
  const { method, credentials } = request;
  const { origin, pathname, search, protocol } = new URL(request.url);
  const headers = storedHeaders(request.headers, '', more);
  must(/^https?:$/.test(protocol), 'The protocol of a Request', 'http: or https:', protocol);

  const read = await request.blob();

  return {
    method: methodOf(method),
    url: origin + pathname + search,
    headers,
    credentials,
    ...defined({ body: read.size === 0 ? undefined : read }),
  };
}

/**
 * A method in capitals, because `fetch` sends "patch" as it is, and servers know only "PATCH".
 *
 * @throws TypeError, with the browser's own words, if it could not send such a request, such as a GET with a body.
 */
function methodOf(given = 'GET', more: RequestInit = {}): string {
  return new Request('https://a', { ...more, method: given.toUpperCase() }).method;
}
