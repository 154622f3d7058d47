import { checkOneOf, checkParts, must } from './options.js';
import { partOf } from './parts.js';
import { PermanentFailure, SignedOut, Unavailable } from './verdict.js';

/** The part of a `Response` that `ensureOk` reads. */
export interface ResponseLike {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Whether the answer came from another address than the one that was requested. */
  readonly redirected?: boolean | undefined;
  /** `opaqueredirect`: a redirect that was not followed. */
  readonly type?: string | undefined;
}

/** Which answers `ensureOk` accepts or refuses on top of its rules. */
export interface ExpectedAnswer {
  /**
   * `allow` accepts a redirect, followed or not. Use it for an API that answers a POST with 303. Default: a redirect is
   * refused.
   *
   * @example
   * ensureOk(response, { redirected: 'allow' });
   */
  readonly redirected?: 'allow' | undefined;
  /**
   * The content that is expected. An answer that names another content is refused; one that names none is accepted.
   * Default: everything but HTML.
   *
   * @example
   * ensureOk(response, { type: 'json' });
   */
  readonly type?: 'json' | 'html' | undefined;
}

/** The destination is away, is busy, or wants a sign-in: the task waits and nothing is counted. */
const away: ReadonlySet<number> = new Set([0, 401, 407, 408, 425, 429, 502, 503, 504, 511]);

/**
 * Returns if an answer means success. Otherwise throws the error that tells the runner what to do with the task.
 *
 * - A redirect (any 3xx but 304, or an answer from another address): `Unavailable`, because captive portals and lost
 *   sign-ins redirect. `{ redirected: 'allow' }` accepts it.
 * - 401: `SignedOut`, which is `Unavailable` unless the registry declares a session.
 * - 0 (an answer that scripts cannot read), 407, 408, 425, 429, 502, 503, 504, 511, 520 to 527: `Unavailable`,
 *   with `Retry-After` where it can be read. (Across origins it can be read only if the server names it in
 *   `Access-Control-Expose-Headers`.)
 * - any other 4xx but 409 (a conflict may be an earlier attempt of the same task, still in progress):
 *   `PermanentFailure`. The task is kept, visible, and not tried again.
 * - 409, and any other status that is no success: an ordinary error, which is counted and backed off.
 * - 2xx whose content is HTML: `Unavailable`, because sign-in pages and offline pages are HTML. `{ type: 'html' }`
 *   accepts HTML and nothing else; `{ type: 'json' }` accepts only `application/json` and types that end with `+json`.
 *
 * @example
 * const response = await fetch('/api/notes', { method: 'POST', body: note.text, redirect: 'manual', signal });
 * ensureOk(response);
 *
 * @throws TaskbasketError `option`, if the first argument is no response, or the second has an unknown part.
 */
export function ensureOk(response: ResponseLike, given: ExpectedAnswer = {}): void {
  const get = partOf(partOf(response, 'headers'), 'get');
  const isResponse = Number.isInteger(partOf(response, 'status')) && typeof get === 'function';
  must(isResponse, 'What ensureOk takes', 'the response of an awaited fetch', response);
  const expected = checkParts(given, 'What ensureOk expects', ['redirected', 'type']);
  if (expected.redirected !== undefined) checkOneOf(expected.redirected, 'redirected', ['allow']);
  if (expected.type !== undefined) checkOneOf(expected.type, 'type', ['json', 'html']);

  const text = response.headers.get('Content-Length') === '0' ? '' : undefined;
  const error = errorFor(response, expected, remedies, text);
  if (error !== undefined) throw error;
}

/** The ends of error messages: what to do if the server means the answer that was refused. Each caller names its options. */
export interface Remedies {
  readonly redirect: string;
  readonly html: string;
}

const remedies: Remedies = {
  redirect: "If the server means it, pass { redirected: 'allow' }.",
  html: "If HTML is meant, pass { type: 'html' }.",
};

/**
 * The error that fits an answer; `undefined` if the answer means success. `ensureOk` and `taskbasket/http` share it.
 *
 * @param expected Its `type` may also be a media type, in small letters.
 * @param text The content, if it is known. If it is empty, the type does not count: some servers name one all the same.
 */
export function errorFor(
  response: ResponseLike,
  { redirected, type }: { readonly redirected?: 'allow' | undefined; readonly type?: string | undefined },
  remedy: Remedies,
  text: string | undefined,
): Error | undefined {
  const { status } = response;
  const unfollowed = response.type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304);
  if ((unfollowed || response.redirected === true) && redirected !== 'allow') {
    const why = 'The answer is a redirect. The network wants a sign-in, or the app does.';

    return unavailable(response, `${why} ${remedy.redirect}`);
  }
  if (unfollowed) return undefined;

  const message = status === 0 ? 'The answer cannot be read: it is opaque.' : `The server answered ${status}.`;
  if (away.has(status) || (status >= 520 && status <= 527)) return unavailable(response, message);
  if (status >= 400 && status < 500 && status !== 409) return new PermanentFailure(message, { status });
  if (status !== 304 && (status < 200 || status >= 300)) return Object.assign(new Error(message), { status });

  return text === '' || [204, 205, 304].includes(status) ? undefined : contentError(response, type, remedy, text);
}

function contentError(
  response: ResponseLike,
  type: string | undefined,
  remedy: Remedies,
  text = '',
): Error | undefined {
  const content = contentOf(response);
  // A service worker that makes a page of a text alone gives it the type of a text.
  const isHtml =
    /^(?:text\/html|application\/xhtml\+xml)$/.test(content) || /^\s*<(?:!doctype\s+)?html[\s>]/i.test(text);
  const isNamed = type === 'json' ? isJson(content) : type === 'html' ? isHtml : content === type;
  if (isNamed || (!isHtml && (content === '' || type === undefined))) return undefined;

  const why = 'The network wants a sign-in, or the app does, or this is an offline page.';
  const what = isHtml ? `${why} ${remedy.html}` : `Expected was ${type}.`;

  return unavailable(response, `The answer's content is ${content.slice(0, 100) || 'HTML'}. ${what}`);
}

/** Whether a type, in small letters, is one of JSON. */
export function isJson(content: string): boolean {
  return /^application\/json$|\+json$/.test(content);
}

/** The type that `Content-Type` names, in small letters. If there are several, the last one, as `fetch` reads it. */
export function contentOf({ headers }: ResponseLike): string {
  const header = headers.get('Content-Type') ?? '';
  const values = header.split(',').map((value) => (value.split(';')[0] ?? '').trim().toLowerCase());

  return values.filter((value) => /^[^\s"=/]+\/[^\s"=/]+$/.test(value)).at(-1) ?? header.trim().toLowerCase();
}

function unavailable(response: ResponseLike, message: string): Unavailable {
  const { status } = response;
  const Away = status === 401 ? SignedOut : Unavailable;

  return new Away({ message, status, retryAfter: retryAfterOf(response) });
}

/** Reads `Retry-After` in both of its forms (RFC 9110, section 10.2.3): seconds (of several the most), or a date. */
function retryAfterOf({ headers }: ResponseLike): Date | number | undefined {
  const header = headers.get('Retry-After') ?? '';
  const values = header.split(',').map((value) => value.trim());
  if (values.every((value) => /^\d+(?:\.\d+)?$/.test(value))) return Math.max(...values.map(Number)) * 1_000;

  // Engines find a date in nearly any text that has a number: the year 120 in "-120". So a time of day must be in it.
  const date = new Date(/\d:\d\d/.test(header) ? header : '');
  // Counts from the server's own clock, if it can be read, because the clock of the client may be wrong.
  const sent = Date.parse(headers.get('Date') ?? '');

  return Number.isNaN(sent) ? date : Math.max(0, date.getTime() - sent);
}
