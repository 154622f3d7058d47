/** How does a handler send one request, and what follows from its answer? */
import { isNetworkError } from '../pure/network.js';
import { must } from '../pure/options.js';
import { partOf } from '../pure/parts.js';
import type { Session } from '../pure/session.js';
import { PermanentFailure } from '../pure/verdict.js';
import type { Answer } from './answer.js';
import { answerOf, keptAnswer, leave, textOf } from './answer.js';
import { isThere, refusedByCors, refusedByPolicy, watchPolicy } from './blocked.js';
import type { InARow } from './in-a-row.js';
import { createCounters } from './in-a-row.js';
import type { SendInit } from './init.js';
import { requestOf, urlOf } from './init.js';
import type { Asked } from './judge.js';
import { verdictOn } from './judge.js';
import type { SendAttempt, SendOptions } from './options.js';
import { checkedOptions } from './options.js';

/** Sends a request, and resolves with its answer if that means success. Otherwise it rejects with the error to throw. */
export type Send<Values = unknown> = (path: string, init: SendInit, attempt: SendAttempt<Values>) => Promise<Answer>;

/**
 * Makes the function that handlers send requests with. `send(path, init, attempt)` sends the idempotency key and heeds
 * the attempt's `signal`. It follows no redirect. It resolves with `{ status, headers, body }` if the answer means that
 * the server has done its work. Otherwise it rejects with an error from which the runner learns what to do with the task:
 * let it through.
 *
 * - 2xx and 304 mean success, but for a content that `expect` does not allow: HTML, by default.
 * - A redirect, 401, 407, 408, 425, 429, 502, 503, 504, 511, 520 to 527 and a lost network: as with `ensureOk`.
 * - 409 on a later attempt: `RetryLater`, because the server may still be busy with the earlier one. After ten times in
 *   a row it counts as on the first attempt.
 * - 409 on the first attempt, and any other 4xx: `PermanentFailure`, with the answer as its `detail`.
 * - Any other status, and a request that a content security policy or CORS keeps from its server: an ordinary error.
 *
 * @example
 * const send = createSend();
 * // In the handler of a note:
 * await send(`/notes/${note.id}`, { method: 'PUT', json: note }, attempt);
 *
 * @throws TaskbasketError `option`, from both functions, if an argument is wrong.
 */
export function createSend<Values = unknown>(given: SendOptions<Values> = {}): Send<Values> {
  const { base, ...options } = checkedOptions(given, 'The options of createSend');
  const send = createSender(options);

  return async (path, init, attempt) =>
    send(urlOf(base, path), init, attempt, (request, _, rules) => fetch(request, rules));
}

/**
 * Sends a request.
 *
 * @param body The body with which the request was made. `null` or `undefined`: there is none, or `authorize` has returned
 *   another request.
 * @param init What must hold for the request, also if it comes from `authorize`: no redirect is followed.
 */
export type Transport = (
  request: Request,
  body: BodyInit | null | undefined,
  init: { readonly redirect: 'manual'; readonly signal: AbortSignal },
) => Promise<Response>;

/** As `createSend`, for a complete URL, options that were checked, and another transport than `fetch`. */
export function createSender<Values>({
  authorize,
  judge,
  keyHeader = 'Idempotency-Key',
}: Omit<SendOptions<Values>, 'base'>): (
  url: string,
  init: SendInit,
  attempt: SendAttempt<Values>,
  transport: Transport,
  credentials?: RequestCredentials,
) => Promise<Answer> {
  const counterOf = createCounters();

  return async (url, init, attempt, transport, credentials) => {
    const { request, body, expect } = requestOf(url, init, attempt, keyHeader, credentials);
    // A task without an owner has no session, and reading that throws.
    const session = partOf(attempt, 'session') as Session<Values> | undefined;
    const key = request.headers.get(keyHeader) ?? '';
    const authorized = (await authorize?.(request, session)) ?? request;
    must(typeof partOf(authorized, 'url') === 'string', 'What authorize returns', 'a Request', authorized);

    // Without the key, a server would take a repetition for another request.
    if (authorized !== request) authorized.headers.set(keyHeader, key);

    const inARow = counterOf(request.method + key);
    const sent = authorized === request ? body : undefined;
    const response = await reached(authorized, attempt.signal, inARow, (one, rules) => transport(one, sent, rules));
    if (response.status !== 409) inARow(undefined);
    try {
      const isDone = judge !== undefined && (await isJudgedDone(judge, response, attempt));

      return await answered(response, isDone, { expect, number: attempt.number, inARow });
    } finally {
      leave(response);
    }
  };

  /** Sends a request. If no answer comes, finds out whether the browser has kept it from its server. */
  async function reached(
    request: Request,
    signal: AbortSignal,
    inARow: InARow,
    transport: (request: Request, rules: Parameters<Transport>[2]) => Promise<Response>,
  ): Promise<Response> {
    const { url } = request;
    const policy = watchPolicy(url);
    try {
      return await transport(request, { redirect: 'manual', signal });
    } catch (error) {
      if (signal.aborted) throw error;
      if (await policy.refused()) throw refusedByPolicy(url);
      const isAgain = isNetworkError(error) && inARow('network') > 1;
      throw isAgain && (await isThere(url, signal)) ? refusedByCors(url, keyHeader) : error;
    } finally {
      policy.stop();
    }
  }
}

/** Asks the app's own `judge`, which may read the content too. */
async function isJudgedDone<Values>(
  judge: NonNullable<SendOptions<Values>['judge']>,
  response: Response,
  attempt: SendAttempt<Values>,
): Promise<boolean> {
  const given = response.clone();
  try {
    const word = await judge(given, attempt);
    must(word === undefined || word === 'done', 'What judge returns', '"done" or undefined', word);

    return word === 'done';
  } finally {
    leave(given);
  }
}

/** Gives what an answer says, or throws what it means. */
async function answered(response: Response, isDone: boolean, asked: Asked): Promise<Answer> {
  const { expect } = asked;
  // The content of an answer that means waiting is not read, because it could take as long as the attempt.
  const text = isDone || response.ok ? await textOf(response) : undefined;
  const error = isDone ? undefined : verdictOn(response, text, asked);
  if (error === undefined) return answerOf(response, text, expect);
  if (!(error instanceof PermanentFailure)) throw error;

  const why = await textOf(response).catch(() => undefined); // It broke off. What its status says still holds.
  const detail = keptAnswer(answerOf(response, why, expect), why);
  throw new PermanentFailure(error.message, { status: response.status, detail });
}
