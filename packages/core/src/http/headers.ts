import { must } from '../pure/options.js';

/** The headers that say something of the request itself. */
const stored = /^(?:accept(?:-language)?|content-(?!length).*|if-.*|prefer|range)$/;

/** What a browser adds to the requests that a service worker gets. It adds them anew to what is sent. */
const added = /^(?:origin$|sec-|upgrade-|user-agent$)/;

/** Words in the name of a header that may hold what nobody but the person may have. */
const secret = /auth|cookie|token|secret|passw|credential|session|signature|api-?key|[cx]srf/;

/** Whether an app may allow a header: it holds no secret, and the browser lets scripts set it. (It drops others.) */
export function isAllowable(name: string): boolean {
  return !secret.test(name) && new Request('https://a', { headers: { [name]: 'x' } }).headers.has(name);
}

/**
 * Reads headers in any of their forms: by their names in small letters, in the order of the names.
 *
 * @param type The content type that the body has by itself. That of a form names its boundary, so no other one fits.
 * @param more The names that the app allows beside those of the library, in small letters.
 * @throws TaskbasketError `option`, if one cannot be stored.
 */
export function storedHeaders(
  given: HeadersInit | undefined,
  type: string,
  more: ReadonlySet<string>,
): Record<string, string> {
  const headers = new Headers(given);
  if (type !== '' && (type.startsWith('multipart/') || !headers.has('Content-Type'))) headers.set('Content-Type', type);
  const read: [string, string][] = [];
  headers.forEach((value, name) => {
    if (added.test(name) && !more.has(name)) return;
    must(!secret.test(name), 'A header that may hold a secret', 'set in authorize of sendHttp', name);
    must(stored.test(name) || more.has(name), 'A stored header', 'named in headers of httpTask', name);
    read.push([name, value]);
  });

  return Object.fromEntries(read);
}
