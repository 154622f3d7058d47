import type { DecodedRequest } from './request.js';
import type { HttpPayload } from './task.js';

/**
 * Makes one request of two requests for the same thing of which neither was sent, where one does for sure what both do.
 * Give it to `httpTask` as `merge`. Otherwise both requests are sent.
 *
 * - Two PUTs: the later one.
 * - Two PATCHes whose JSON is a merge patch (RFC 7396): one, if it can say what both say.
 * - A POST, and then a DELETE one part below the path of the POST, if you gave both the same `key` and `lane`: none.
 *
 * Requests with a condition (`If-Match` and others), with a part of a file, or with `fill` stay as they are.
 *
 * @example
 * const api = httpTask({ merge: coalesce });
 */
export function coalesce(earlier: HttpPayload, later: HttpPayload): HttpPayload | undefined {
  return coalesced(earlier as DecodedRequest, later as DecodedRequest);
}

function coalesced(earlier: DecodedRequest, later: DecodedRequest): DecodedRequest | undefined {
  const sameUrl = earlier.url === later.url;
  if (earlier.nothing) return sameUrl && later.method === 'DELETE' ? earlier : later;
  if (isBound(earlier) || isBound(later)) return undefined;
  const methods = `${earlier.method} ${later.method}`;
  const above = later.url.replace(/\/[^/]+$/, ''); // What is further below is a part of the record, and not all of it.
  if (methods === 'POST DELETE' && above === earlier.url) return { ...later, nothing: true };
  if (!sameUrl) return undefined;
  if (methods === 'PUT PUT') return later;

  return methods === 'PATCH PATCH' ? patched(earlier, later) : undefined;
}

/** Whether a request means something only in its place: it has a condition, is a part, or needs what a parent answers. */
function isBound({ headers, fill }: DecodedRequest): boolean {
  return fill !== undefined || Object.keys(headers).some((name) => /^if-|range$/.test(name));
}

function patched(earlier: DecodedRequest, later: DecodedRequest): DecodedRequest | undefined {
  const isMergePatch = ({ headers }: DecodedRequest): boolean =>
    /^application\/(?:merge-patch\+)?json\s*(?:;|$)/i.test(headers['content-type'] ?? '');
  const sameHeaders = JSON.stringify(earlier.headers) === JSON.stringify(later.headers); // They are sorted.
  const both = sameHeaders && isMergePatch(later) ? composed(earlier.json, later.json) : undefined;

  return both === undefined ? undefined : { ...later, json: both };
}

/**
 * The merge patch that does what two do, one after the other. `undefined`: there is none. A patch can change the parts
 * of an object, but it cannot say "an object with these parts and no others". So an object that follows a value which is
 * none, or which is deleted, cannot be composed.
 */
export function composed(earlier: unknown, later: unknown): Readonly<Record<string, unknown>> | undefined {
  if (!isObject(earlier) || !isObject(later)) return undefined;
  const parts = new Map(Object.entries(earlier));
  for (const [name, value] of Object.entries(later)) {
    const composes = isObject(value) && parts.has(name);
    const part = composes ? composed(parts.get(name), value) : value;
    if (part === undefined) return undefined;
    parts.set(name, part);
  }

  return Object.fromEntries(parts);
}

function isObject(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
