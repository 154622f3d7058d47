/** The headers that say something of the request itself. */
const allowed: ReadonlySet<string> = new Set([
  'accept',
  'accept-language',
  'content-disposition',
  'content-encoding',
  'content-language',
  'content-range',
  'content-type',
  'if-match',
  'if-modified-since',
  'if-none-match',
  'if-unmodified-since',
  'prefer',
  'range',
]);

/** Words in the name of a header that holds what nobody but the person may have. */
const secret = /auth|cookie|token|secret|passw|credential|session|signature|api-?key|csrf|xsrf/;

/** The headers that a browser lets no script set (Fetch standard, "forbidden request-header"). */
const forbidden =
  /^(?:accept-(?:charset|encoding)|access-control-request-.*|connection|content-length|date|dnt|expect|host|keep-alive|origin|permissions-policy|proxy-.*|referer|sec-.*|te|trailer|transfer-encoding|upgrade|via)$/;

/**
 * Why a header cannot be stored with a request. `undefined`: it can.
 *
 * @param name In small letters.
 * @param more The names that the app allows beside those of the library.
 */
export function headerProblem(name: string, more: ReadonlySet<string>): string | undefined {
  if (secret.test(name)) {
    return `The header "${name}" may hold a secret, which is not stored. Set it in authorize of sendHttp.`;
  }
  if (forbidden.test(name)) return `The header "${name}" is the browser's own, and no script can set it. Leave it out.`;
  if (name === 'idempotency-key') return `The header "${name}" is set by sendHttp. Leave it out.`;
  if (allowed.has(name) || more.has(name)) return undefined;

  return `The header "${name}" is none that is stored. Name it in httpTask({ headers: ["${name}"] }), or set it in authorize of sendHttp.`;
}

/**
 * Reads headers in any of their forms: by their names in small letters, in the order of the names.
 *
 * @param type The content type that the body has by itself. That of a form names its boundary, so no other one fits.
 * @throws TypeError, if one cannot be stored.
 */
export function storedHeaders(
  given: HeadersInit | undefined,
  type: string,
  more: ReadonlySet<string>,
): Record<string, string> {
  const headers = new Headers(given);
  if (type !== '' && (type.startsWith('multipart/') || !headers.has('Content-Type'))) headers.set('Content-Type', type);
  const stored: [string, string][] = [];
  headers.forEach((value, name) => {
    const problem = headerProblem(name, more);
    if (problem !== undefined) throw new TypeError(problem);
    stored.push([name, value]);
  });

  return Object.fromEntries(stored);
}
