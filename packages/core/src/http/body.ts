import type { TypedBody } from './multipart.js';
import { multipart } from './multipart.js';

/** What a request may have as its body. All of it is read when the task is added. */
export type HttpBody = string | URLSearchParams | FormData | Blob | ArrayBuffer | ArrayBufferView;

/**
 * A body as it is stored and sent, and the type that it has by itself: what `fetch` would make of it.
 *
 * @throws TypeError, if it can be read only once, or is none.
 */
export function storedBody(body: unknown): TypedBody {
  if (typeof body === 'string') return { body, type: 'text/plain;charset=UTF-8' };
  if (ArrayBuffer.isView(body)) {
    return bytesOf(new Uint8Array(body.buffer, body.byteOffset, body.byteLength)); // Only its part of the buffer.
  }
  const kind = Object.prototype.toString.call(body).slice(8, -1); // It may be of another frame.
  if (kind === 'ArrayBuffer' || kind === 'SharedArrayBuffer') return bytesOf(new Uint8Array(body as ArrayBuffer));
  if (kind === 'Blob' || kind === 'File') return { body: body as Blob, type: (body as Blob).type };
  if (kind === 'FormData') return multipart(body as FormData);
  if (kind === 'URLSearchParams') {
    return { body: String(body), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }

  const remedy =
    kind === 'ReadableStream'
      ? 'A stream can be read only once, so it cannot be stored. Pass await new Response(stream).blob() in its place.'
      : 'It may be a text, URLSearchParams, FormData, a Blob, a File, an ArrayBuffer or a view of one. For an object, use json.';
  throw new TypeError(`The body is of the kind ${kind}. ${remedy}`);
}

function bytesOf(bytes: Uint8Array): TypedBody {
  return { body: new Uint8Array(bytes).buffer, type: '' };
}
