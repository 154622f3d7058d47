/** What is given back of an answer, and how much of it is read? */
import { defined } from '../pure/parts.js';
import { contentOf, isJson } from '../pure/response.js';
import { weigh } from '../pure/size.js';

/** What `send` gives back of an answer that means success. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  /**
   * A value if the answer is JSON, else its text. `undefined`: there is no content, or it is larger than 1 MB. JSON that
   * cannot be parsed is given as text: the server has done its work, so the task must not fail for ever.
   */
  readonly body: unknown;
}

/** What is kept of an answer with its task: plain data. */
export interface KeptAnswer {
  /** 0, as the result of `sendHttp`: two tasks were merged, and need no request together. */
  readonly status: number;
  /** `etag` and `location`, if the answer has them. Other headers may hold secrets. */
  readonly headers: Readonly<Record<string, string>>;
  /**
   * The body as `send` gives it, if it has at most some 10 KB. The result of `sendHttp` leaves out a larger one, and the
   * `detail` of a dead task has its first 10,000 characters, as a text.
   */
  readonly body: unknown;
}

/** The most bytes of an answer that are read. */
const longestAnswer = 1_048_576;

/** The headers of an answer that are kept with its task. */
const keptHeaders: readonly string[] = ['etag', 'location'];

/** Reads an answer as text. `undefined`: it is larger than 1 MB. The rest is not read. */
export async function textOf(response: Response): Promise<string | undefined> {
  const reader = response.body?.getReader();
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for (;;) {
    const chunk = await reader?.read();
    if (chunk?.value === undefined) return text + decoder.decode();
    bytes += chunk.value.byteLength;
    if (bytes > longestAnswer) {
      void reader?.cancel().catch(() => undefined); // The connection may be gone already.

      return undefined;
    }
    text += decoder.decode(chunk.value, { stream: true });
  }
}

/** Lets go of the connection of an answer, if nobody has read its content. */
export function leave(response: Response): void {
  if (!response.bodyUsed) void response.body?.cancel().catch(() => undefined); // The connection may be gone already.
}

/** @param expect If it is `json`, an answer that names no content is JSON too. */
export function answerOf(response: Response, text: string | undefined, expect: string | undefined): Answer {
  const { status, headers } = response;
  const content = contentOf(response);
  const body = isJson(content) || (expect === 'json' && content === '') ? parsed(text) : text;

  return { status, headers, body: body === '' ? undefined : body };
}

/** An answer as plain data that fits into the row of a task. A content that is too large is left out, or cut. */
export function keptAnswer({ status, headers, body }: Answer, text?: string): KeptAnswer {
  const kept = keptHeaders.map((name) => [name, headers.get(name)?.slice(0, 1_000)]);
  const isSmall = weigh(body).bytes <= 20_000;

  return { status, headers: defined(Object.fromEntries(kept)), body: isSmall ? body : text?.slice(0, 10_000) };
}

function parsed(text = ''): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}
