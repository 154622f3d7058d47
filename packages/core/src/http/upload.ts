/** How is a large body sent so that its progress is seen? */
import { partOf } from '../pure/parts.js';

/** Tells how many bytes of a body were sent; each call begins the timeout of the attempt anew. */
export type TellProgress = (value: { readonly loaded: number; readonly total: number }) => void;

/** From this size on, in bytes, a body is sent so that its progress is seen. */
const largeBody = 262_144;

/**
 * Whether the progress of a request can be seen, and is worth it. `fetch` has none; an XMLHttpRequest has. A service
 * worker and Node have no XMLHttpRequest. It sends the cookies of its own origin in any case.
 */
export function hasProgress({ credentials }: Request, body: BodyInit): boolean {
  const isSeen = typeof XMLHttpRequest === 'function' && credentials !== 'omit';

  return isSeen && sizeOf(body) > largeBody;
}

/** In bytes. A form has no size, and is stored as a Blob. */
function sizeOf(body: BodyInit): number {
  if (typeof body === 'string') return new Blob([body]).size;

  return Number(partOf(body, 'size') ?? partOf(body, 'byteLength'));
}

/** Sends a large body, and tells its progress. */
export async function upload(
  request: Request,
  body: BodyInit,
  signal: AbortSignal,
  progress: TellProgress,
): Promise<Response> {
  signal.throwIfAborted();
  const xhr = new XMLHttpRequest();
  const { method, url, headers, credentials } = request;
  xhr.open(method, url);
  xhr.responseType = 'arraybuffer'; // A Blob would name `text/xml` as the type of an answer that names none.
  xhr.withCredentials = credentials === 'include';
  headers.forEach((value, name) => xhr.setRequestHeader(name, value));
  xhr.upload.onprogress = ({ loaded, total }) => progress({ loaded, total });
  signal.addEventListener('abort', () => xhr.abort());
  await new Promise((resolve) => {
    xhr.onloadend = resolve;
    xhr.send(body as XMLHttpRequestBodyInit);
  });
  // The status says whether an answer came. The events do not: Firefox 153 also says "load" if the connection is lost.
  if (xhr.status === 0) {
    signal.throwIfAborted();
    throw new TypeError('Failed to fetch'); // As little as `fetch` says, and in its words.
  }

  return responseOf(xhr, url);
}

/** The answer, as `fetch` gives it. If its address says that a redirect was followed, the redirect is the answer. */
function responseOf(xhr: XMLHttpRequest, url: string): Response {
  const { status, responseURL } = xhr;
  if (responseURL !== url) return Response.redirect(responseURL);
  const lines = xhr.getAllResponseHeaders().split('\r\n').filter(Boolean); // None, if scripts may read no header.
  const headers = lines.map((line) => line.split(/: *(.*)/, 2) as [string, string]);
  const hasBody = ![204, 205, 304].includes(status);

  return new Response(hasBody ? (xhr.response as ArrayBuffer) : null, { status, headers });
}
