import type { Codec } from '../pure/codec.js';
import { json } from '../pure/codec.js';
import { checkOneOf, checkParts, checkText } from '../pure/options.js';
import { defined } from '../pure/parts.js';
import type { HttpBody } from './body.js';
import { storedBody } from './body.js';
import type { Fill } from './fill.js';
import { checkFill } from './fill.js';
import { storedHeaders } from './headers.js';
import { checkPath } from './path.js';

/**
 * The payload of a type made by `httpTask`: a request that is sent when it can be sent. All of it is read at the add.
 *
 * @example
 * await basket.add('api', { method: 'PUT', url: '/notes/1', json: note });
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
  readonly expect?: string | undefined;
  /**
   * The values that come from the answers of the parents.
   *
   * @example
   * await basket.add('api', { method: 'POST', url: '/notes/{noteId}/photos', body: photo, fill: { noteId: [0, 'id'] } }, { after: id });
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
  readonly expect?: string;
  readonly fill?: Fill;
  readonly nothing?: true;
}

/** A stored request as handlers, lists and `coalesced` get it. To encode it again changes nothing. */
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

const asJson = json<unknown>();

/** Up to this size, in bytes, the body of a `Request` is stored with its task. */
const smallBody = 32_768;

/** Turns requests into what is stored. `more` are the names of headers that the app allows. */
export function requestCodec(more: ReadonlySet<string>): Codec<HttpRequest | Request, StoredRequest> {
  return {
    encode: (given) => (isRequest(given) ? fromRequest(given, more) : fromParts(given, more)),
    decode: ({ json: text, ...stored }): DecodedRequest =>
      text === undefined ? stored : { ...stored, json: asJson.decode(text) },
  };
}

/** Whether a value is a `Request`, also of another frame. */
export function isRequest(given: unknown): given is Request {
  return Object.prototype.toString.call(given) === '[object Request]';
}

function fromParts(given: HttpRequest, more: ReadonlySet<string>): StoredRequest {
  const request: HttpRequest & Pick<StoredRequest, 'nothing'> = checkParts(given, 'A request', parts);
  const { url, method = 'GET', json: value, body = null, credentials, expect, fill, nothing } = request;
  checkPath(url);
  if (credentials !== undefined) checkOneOf(credentials, 'credentials', ['omit', 'same-origin', 'include']);
  if (expect !== undefined) checkText(expect, 'expect');
  if (value !== undefined && body !== null) throw new TypeError('A request has json or a body, not both.');
  if (fill !== undefined) checkFill(checkParts(fill, 'fill', Object.keys(fill ?? {})), url, value);
  const text = value === undefined ? undefined : (asJson.encode(value) as string);
  const typed =
    body === null ? { body: undefined, type: text === undefined ? '' : 'application/json' } : storedBody(body);

  return {
    method: methodOf(method, (text ?? typed.body) !== undefined),
    url,
    headers: storedHeaders(request.headers, typed.type, more),
    ...defined({ json: text, body: typed.body, credentials, expect, fill, nothing }),
  };
}

/** Reads all but the body at once, and then the body. It is used up, as by `fetch`. */
async function fromRequest(request: Request, more: ReadonlySet<string>): Promise<StoredRequest> {
  const { method, credentials } = request;
  const { origin, pathname, search, protocol, username, password } = new URL(request.url);
  const headers = storedHeaders(request.headers, '', more);
  const problem = !/^https?:$/.test(protocol)
    ? `A Request to "${protocol}" cannot be sent later. Its address must begin with http: or https:.`
    : username + password !== ''
      ? 'The address of the Request has a password, which is not stored. Set it in authorize of sendHttp.'
      : request.bodyUsed
        ? 'The body of the Request was read before. Add a clone() of it that was made before that.'
        : request.mode === 'no-cors'
          ? 'The answer to a Request of the mode "no-cors" cannot be read. Leave the mode out.'
          : undefined;
  if (problem !== undefined) throw new TypeError(problem);

  const read = await request.blob();
  const body = read.size === 0 ? undefined : read.size > smallBody ? read : await read.arrayBuffer();

  return {
    method: methodOf(method, body !== undefined),
    url: origin + pathname + search,
    headers,
    ...defined({ body, credentials: credentials === 'same-origin' ? undefined : credentials }),
  };
}

/**
 * A method in capitals, because `fetch` sends "patch" as it is, and servers know only "PATCH".
 *
 * @throws TypeError
 */
function methodOf(given: string, hasBody: boolean): string {
  const method = typeof given === 'string' ? given.toUpperCase() : '';
  if (!/^[A-Z][A-Z-]*$/.test(method) || /^(?:CONNECT|TRACE|TRACK)$/.test(method)) {
    throw new TypeError(`No browser can send the method "${given}". Use PUT, POST, PATCH, DELETE or GET.`);
  }
  if (hasBody && /^(?:GET|HEAD)$/.test(method)) {
    throw new TypeError(`A ${method} has no body. Set method to PUT, POST or PATCH, or put the values into the url.`);
  }

  return method;
}
