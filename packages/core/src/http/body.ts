import { must } from '../pure/options.js';
import type { TypedBody } from './multipart.js';
import { multipart } from './multipart.js';

/** What a request may have as its body. All of it is read when the task is added. */
export type HttpBody = string | URLSearchParams | FormData | Blob | ArrayBuffer | ArrayBufferView;

/**
 * A body as it is stored and sent. For a text or a Blob `type` is empty, because `fetch` adds it. So a file that takes
 * the place of another one is sent with its own type.
 *
 * @throws TaskbasketError `option`, if it can be read only once, or is none.
 */
export function storedBody(body: unknown): TypedBody {
  if (typeof body === 'string') return { body, type: '' };
  if (ArrayBuffer.isView(body)) {
    const { buffer, byteOffset, byteLength } = body; // Only its part of the buffer.

    return { body: new Uint8Array(buffer, byteOffset, byteLength).slice().buffer, type: '' };
  }
  const kind = Object.prototype.toString.call(body).slice(8, -1); // It may be of another frame.
  if (kind === 'FormData') return multipart(body as FormData);
  if (kind === 'URLSearchParams') {
    return { body: String(body), type: 'application/x-www-form-urlencoded;charset=UTF-8' };
  }
  const rule = 'a text, a form, a Blob or bytes (of a stream: await new Response(stream).blob())';
  must(/^(?:Blob|File|ArrayBuffer)$/.test(kind), 'The body', rule, kind);

  return { body: body as Blob, type: '' };
}
