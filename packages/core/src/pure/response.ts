import { checkOneOf, checkParts, wrongOption } from './options.js';
import { partOf } from './parts.js';
import { PermanentFailure, Unavailable } from './verdict.js';

/** What `ensureOk` reads of a `Response`. */
export interface ResponseLike {
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  /** Whether another address answered than the one that was asked. */
  readonly redirected?: boolean | undefined;
  /** As a `Response` says it: `opaqueredirect` is a redirect that was not followed. */
  readonly type?: string | undefined;
}

/** Which answers `ensureOk` accepts beside those that it always does. */
export interface ExpectedAnswer {
  /** `allow` accepts a redirect, followed or not. An API that answers a POST with 303 means it. */
  readonly redirected?: 'allow' | undefined;
  /** The content that is expected. An answer that names another content is refused; one that names none is accepted. */
  readonly type?: 'json' | 'html' | undefined;
}

/** The destination is away, is busy, or wants a sign-in: the task waits and nothing is counted. */
const away: ReadonlySet<number> = new Set([0, 401, 407, 408, 425, 429, 502, 503, 504, 511]);

/** Below 500, yet worth another try: a conflict may be an earlier attempt of the same task, still in progress. */
const counted: ReadonlySet<number> = new Set([409]);

/** Answers without a body. Some servers name a content type all the same. */
const empty: ReadonlySet<number> = new Set([204, 205, 304]);

/**
 * Throws what an answer means for its task; returns if the answer means success.
 *
 * - A redirect (any 3xx but 304, or an answer from another address): `Unavailable`, because captive portals and lost
 *   sign-ins redirect. `{ redirected: 'allow' }` accepts it.
 * - 0 (an answer that scripts cannot read), 401, 407, 408, 425, 429, 502, 503, 504, 511, 520 to 527: `Unavailable`, with
 *   `Retry-After` where it can be read. (Across origins it can be read only if the server names it in
 *   `Access-Control-Expose-Headers`.)
 * - 409, 500 and any other status from 500 on: an ordinary error, which is counted and backed off.
 * - any other 4xx: `PermanentFailure`. The task is kept, visible, and not tried again.
 * - 2xx whose content is HTML: `Unavailable`, because sign-in pages and offline pages are HTML. `{ type: 'html' }` accepts
 *   HTML and nothing else; `{ type: 'json' }` accepts only `application/json` and types that end with `+json`.
 *
 * @throws TaskbasketError `option`, if the first argument is no response, or the second has an unknown part.
 */
export function ensureOk(response: ResponseLike, expected: ExpectedAnswer = {}): void {
  if (typeof partOf(response, 'status') !== 'number')
    throw wrongOption('What ensureOk takes', 'a response: await fetch first', response);
  checkExpected(expected);

  const { status, type } = response;
  const unfollowed = type === 'opaqueredirect' || (status >= 300 && status < 400 && status !== 304);
  if ((unfollowed || response.redirected === true) && expected.redirected !== 'allow') {
    throw unavailable(response, `The answer is a redirect. ${ifMeant.redirect}`);
  }
  if (unfollowed) return;

  const message = status === 0 ? 'The answer cannot be read: it is opaque.' : `The server answered ${status}.`;
  if (away.has(status) || (status >= 520 && status <= 527)) throw unavailable(response, message);
  if (status >= 500 || counted.has(status)) throw Object.assign(new Error(message), { status });
  if (status >= 400) throw new PermanentFailure(message, { status });
  if (!empty.has(status) && response.headers.get('Content-Length') !== '0') checkContent(response, expected);
}

const ifMeant = {
  redirect: "The network wants a sign-in, or the app does. If the server means it, pass { redirected: 'allow' }.",
  html: "The network wants a sign-in, or the app does, or this is an offline page. If HTML is meant, pass { type: 'html' }.",
};

function checkExpected(expected: ExpectedAnswer): void {
  checkParts(expected, 'What ensureOk expects', ['redirected', 'type']);
  const { redirected, type } = expected;
  if (redirected !== undefined) checkOneOf(redirected, 'redirected', ['allow']);
  if (type !== undefined) checkOneOf(type, 'type', ['json', 'html']);
}

function checkContent(response: ResponseLike, expected: ExpectedAnswer): void {
  const content = contentOf(response.headers.get('Content-Type') ?? '');
  if (content === '') return;

  const is =
    content === 'text/html' || content === 'application/xhtml+xml' ? 'html' : isJson(content) ? 'json' : 'other';
  if (expected.type === undefined ? is !== 'html' : is === expected.type) return;

  const remedy = is === 'html' ? ifMeant.html : `Expected was ${expected.type}.`;
  throw unavailable(response, `The answer's content is ${content.slice(0, 100)}. ${remedy}`);
}

function isJson(content: string): boolean {
  return content === 'application/json' || content.endsWith('+json');
}

/** The type that a `Content-Type` names, in small letters: of several the last, as `fetch` reads it. */
function contentOf(header: string): string {
  const values = header.split(',').map((value) => (value.split(';')[0] ?? '').trim().toLowerCase());

  return values.filter((value) => /^[^\s"=/]+\/[^\s"=/]+$/.test(value)).at(-1) ?? header.trim().toLowerCase();
}

function unavailable(response: ResponseLike, message: string): Unavailable {
  return new Unavailable({ message, status: response.status, retryAfter: retryAfterOf(response) });
}

/** `Retry-After` in both of its forms (RFC 9110, section 10.2.3): seconds, or a date. */
function retryAfterOf(response: ResponseLike): Date | number | undefined {
  const header = response.headers.get('Retry-After')?.trim();
  if (header === undefined || header === '') return undefined;
  if (/^\d+$/.test(header)) return Number(header) * 1_000;

  const date = new Date(header);
  if (Number.isNaN(date.getTime())) return undefined;

  // The server's own clock, where it can be read: a client whose clock is wrong waits as long as it was told.
  const sent = Date.parse(response.headers.get('Date') ?? '');

  return Number.isNaN(sent) ? date : Math.max(0, date.getTime() - sent);
}
