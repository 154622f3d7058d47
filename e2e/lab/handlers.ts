/**
 * The lab's handlers, the same in a worker and in a page.
 */
import {
  type Handlers,
  PermanentFailure,
  RetryLater,
  SignedOut,
  Unavailable,
  ensureOk,
  isNetworkError,
} from 'taskbasket/worker';

import type { Failing, LabPayload, LabTasks, LabValues } from './tasks.js';

/** What a handler of ours reads of its attempt. */
interface Sending {
  readonly idempotencyKey: string;
  readonly number: number;
  readonly recovered: boolean;
  readonly signal: AbortSignal;
  /** Absent if the registry declares no session. */
  readonly session?: { readonly owner: string } & LabValues;
}

/** @param worker Tells the server's ledger who sent a request; if somebody is signed in, the owner and the token do. */
export function labHandlers(worker: string): Handlers<LabTasks> {
  return {
    async ask(payload, attempt) {
      failAsTold(payload.fail, attempt.number);
      const response = await post(payload, attempt);
      const { name } = (await response.json()) as { name: string };
      return { name };
    },

    async send(payload, attempt) {
      failAsTold(payload.fail, attempt.number);
      await post(payload, attempt);
    },

    async slow(payload, attempt) {
      failAsTold(payload.fail, attempt.number);
      const signal = payload.deaf ? new AbortController().signal : attempt.signal;
      await pause(payload.ms ?? 1_000, signal);
      await post(payload, { ...attempt, signal });
    },

    async never(payload, attempt) {
      await post(payload, attempt);
      await new Promise(() => {});
    },

    async hang(payload, attempt) {
      const end = Date.now() + (payload.ms ?? Infinity);
      while (Date.now() < end);
      await post(payload, attempt);
    },

    async count(payload, attempt) {
      const response = await fetch('/control/mood');
      const { mood } = (await response.json()) as { mood: string };
      if (mood === 'up') return void (await post(payload, attempt));

      const failures = (payload.failures ?? 0) + 1;
      await attempt.save({ ...payload, failures });
      throw new Error(`The mood is ${mood}; that was failure ${failures}.`);
    },
  };

  async function post(
    payload: LabPayload,
    { idempotencyKey, number, recovered, signal, session }: Sending,
  ): Promise<Response> {
    // The server of the tests knows no tokens, so one that is too old is refused here.
    if (session?.token === 'expired') throw new SignedOut({ status: 401 });
    const response = await fetch(`/api/echo/${encodeURIComponent(payload.name)}`, {
      method: 'POST',
      body: payload.blob ?? JSON.stringify(payload),
      headers: {
        'Content-Type': 'application/json',
        'Idempotency-Key': `"${idempotencyKey}"`,
        'X-Attempt': String(number),
        'X-Recovered': String(recovered),
        'X-Worker': session === undefined ? worker : `${session.owner} ${session.token}`,
        // The server does not ask for it, but takes note of it: it must be stored nowhere.
        ...(session === undefined ? {} : { Authorization: `Bearer ${session.token}` }),
      },
      signal,
      redirect: 'manual',
    }).catch(meansAway);
    ensureOk(response);
    return response;
  }
}

function meansAway(error: unknown): never {
  throw isNetworkError(error) ? new Unavailable({ cause: error }) : error;
}

function failAsTold(fail: Failing | undefined, number: number): void {
  if (!fail || number > (fail.attempts ?? Infinity)) return;
  const { how, message = `As told: ${how}`, ms } = fail;
  switch (how) {
    case 'throw':
      throw new Error(message);
    case 'permanent':
      throw new PermanentFailure(message);
    case 'later':
      throw new RetryLater(ms ?? 1_000);
    case 'unavailable':
      throw new Unavailable(ms === undefined ? {} : { retryAfter: ms });
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(resolve, ms);
    signal.addEventListener('abort', () => {
      clearTimeout(timer);
      reject(signal.reason as Error);
    });
  });
}
