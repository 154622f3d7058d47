import { PermanentFailure, Unavailable } from './verdict.js';

/** What `ensureOk` reads of a `Response`. */
export interface ResponseLike {
  readonly ok: boolean;
  readonly status: number;
  readonly headers: { get(name: string): string | null };
}

/** The destination is away, busy, or wants a sign-in: later, not counted. 0: an opaque answer, such as a captive portal's. */
const away: ReadonlySet<number> = new Set([0, 401, 407, 408, 425, 429, 502, 503, 504]);

/** Below 500, yet worth another try: a conflict may be our own earlier attempt, still in progress. */
const counted: ReadonlySet<number> = new Set([409]);

/**
 * Throws what a response's status means for its task; returns if the status is below 400.
 *
 * - 0 (an answer that can't be read, such as a redirect by a captive portal), 401, 407, 408, 425, 429, 502, 503, 504:
 *   `Unavailable`, with `Retry-After` where it can be read. (Across origins it can't, unless the server names it in
 *   `Access-Control-Expose-Headers`.)
 * - 409, 500 and any other from 500 on: an ordinary error, so counted and backed off.
 * - any other 4xx: `PermanentFailure`: kept, visible, not tried again.
 */
export function ensureOk(response: ResponseLike): void {
  const { status } = response;
  if (response.ok || (status >= 200 && status < 400)) return;

  const message = status === 0 ? 'The answer can not be read: it is opaque.' : `The server answered ${status}.`;
  if (away.has(status)) throw new Unavailable({ message, status, retryAfter: retryAfterOf(response) });
  if (status >= 500 || counted.has(status)) throw Object.assign(new Error(message), { status });

  throw new PermanentFailure(message, { status });
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
