/**
 * How is a file sent, so that a person sees how far it is?
 */
import { Unavailable } from 'taskbasket/worker';

/** How many bytes were handed to the network, of how many. */
export interface Uploaded {
  readonly loaded: number;
  readonly total: number;
}

/**
 * Sends a request as `fetch` does, and tells how far it is, which `fetch` does not. Workers have XMLHttpRequest too, also
 * shared ones.
 */
export function upload(
  path: string,
  {
    method,
    headers,
    body,
    signal,
  }: { method: string; headers: Record<string, string>; body: Blob; signal: AbortSignal },
  progress: (uploaded: Uploaded) => void,
): Promise<Response> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const request = new XMLHttpRequest();
    request.open(method, path);
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
    request.upload.addEventListener('progress', ({ loaded, total }) => progress({ loaded, total }));
    const fail = (): void => reject(new Unavailable({ message: 'The network failed.' }));
    // If the connection ends without an answer, Firefox says "load" all the same, with the status 0.
    request.addEventListener('load', () => (request.status === 0 ? fail() : resolve(responseOf(request, path))));
    request.addEventListener('error', fail);
    request.addEventListener('abort', () => reject(signal.reason as Error));
    signal.addEventListener('abort', () => request.abort());
    request.send(body);
  });
}

/** The answer, as `fetch` gives it. An XMLHttpRequest follows a redirect, but what lies behind it is no answer to the file. */
function responseOf(request: XMLHttpRequest, path: string): Response {
  if (request.responseURL !== new URL(path, location.href).href) return Response.redirect(request.responseURL);

  const headers = new Headers();
  for (const name of ['Content-Type', 'Retry-After']) {
    const value = request.getResponseHeader(name);
    if (value !== null) headers.set(name, value);
  }
  return new Response(request.responseText, { status: request.status, headers });
}
