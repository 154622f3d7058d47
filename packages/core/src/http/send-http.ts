/** What does the handler do whose tasks are requests? */
import type { KeptAnswer } from './answer.js';
import { keptAnswer } from './answer.js';
import { filled } from './filled.js';
import { urlOf } from './init.js';
import type { SendAttempt, SendOptions } from './options.js';
import { checkedOptions } from './options.js';
import type { DecodedRequest } from './request.js';
import { createSender } from './send.js';
import type { HttpPayload } from './task.js';
import type { TellProgress } from './upload.js';
import { hasProgress, upload } from './upload.js';

/** The part of a handler's second argument that the handler of `sendHttp` reads. */
export interface HttpAttempt<Values = unknown> extends SendAttempt<Values> {
  readonly parents: readonly unknown[];
  readonly progress: TellProgress;
}

/** The handler of a type made by `httpTask`. */
export type HttpHandler<Values = unknown> = (request: HttpPayload, attempt: HttpAttempt<Values>) => Promise<KeptAnswer>;

/**
 * Returns the handler of a type made by `httpTask`. It fills in what the parents answered, and sends the request as
 * `createSend` does, with the same rules for the answer. Of a body above 256 KB it tells the progress.
 *
 * `authorize` is called only for addresses below `base`, so a `Request` to another server carries no credentials of yours.
 *
 * @example
 * const api = sendHttp<{ token: string }>({
 *   base: 'https://api.example/v1',
 *   authorize: (request, session) => request.headers.set('Authorization', `Bearer ${session?.token}`),
 * });
 * serveBasket(requestTasks, { api });
 *
 * @throws TaskbasketError `option`, if an option is wrong.
 */
export function sendHttp<Values = unknown>(given: SendOptions<Values> = {}): HttpHandler<Values> {
  const { base, authorize, ...options } = checkedOptions(given, 'The options of sendHttp');
  const send = createSender<Values>({
    ...options,
    authorize: (request, session) =>
      request.url.startsWith(urlOf(base, '/')) ? authorize?.(request, session) : undefined,
  });

  return async (payload, attempt) => {
    const request = payload as DecodedRequest; // The codec has decoded it.
    if (request.nothing) return { status: 0, headers: {}, body: undefined };

    const { method, headers, body, expect, credentials } = request;
    const { url, json } = filled(request, attempt.parents);
    const answer = await send(
      url.startsWith('/') ? urlOf(base, url) : url,
      { method, headers, json, body, expect },
      attempt,
      (made, sent, init) =>
        sent != null && hasProgress(made, sent)
          ? upload(made, sent, attempt.signal, attempt.progress)
          : fetch(made, init),
      credentials,
    );

    return keptAnswer(answer);
  };
}
