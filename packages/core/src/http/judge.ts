/** What becomes of a task whose request was answered? */
import type { Remedies, ResponseLike } from '../pure/response.js';
import { errorFor } from '../pure/response.js';
import { PermanentFailure, RetryLater } from '../pure/verdict.js';
import type { InARow } from './in-a-row.js';

const remedies: Remedies = {
  redirect: "If the server means it, let the `judge` of createSend return 'done'.",
  html: "If HTML is meant, pass { expect: 'html' } to send.",
};

/** What an answer is judged by, beside the answer. */
export interface Asked {
  readonly expect: string | undefined;
  /** Which attempt of the task it is. */
  readonly number: number;
  readonly inARow: InARow;
}

/** So many times in a row a task waits for its own earlier request, about four minutes in all. */
const mostConflicts = 10;

/**
 * The error that fits an answer, by the table of `ensureOk`. `undefined`: the answer means success.
 *
 * A conflict on the first attempt is one with somebody else. Later, our own earlier request may still be in progress, so
 * the task waits for it; but not for ever, because nothing of that wait is counted or shown.
 *
 * @param text The content of the answer, if it was read.
 */
export function verdictOn(
  response: ResponseLike,
  text: string | undefined,
  { expect, number, inARow }: Asked,
): Error | undefined {
  const { status } = response;
  if (status !== 409) return errorFor(response, { type: expect }, remedies, text);

  const conflicts = number > 1 ? inARow('conflict') : mostConflicts;

  return conflicts < mostConflicts
    ? new RetryLater(Math.min(60_000, 500 * 2 ** conflicts))
    : new PermanentFailure(`The server answered ${status}.`, { status });
}
