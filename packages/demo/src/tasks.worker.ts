/**
 * Where reports and photos are sent from. It runs apart from the page, and goes on while a tab of the app is open.
 */
import {
  type Attempt,
  PermanentFailure,
  type SessionOf,
  Unavailable,
  ensureOk,
  isNetworkError,
  serveBasket,
} from 'taskbasket/worker';

import { type Saved, tasks } from './tasks.js';
import { upload } from './upload.js';

/** Tells the server's ledger which worker sent a request. */
const worker = crypto.randomUUID();

serveBasket(tasks, {
  async saveReport({ id, title, text, checks = {}, photo = null }, attempt) {
    const body = JSON.stringify({ title, text, checks, photo });
    const response = await put(`/api/reports/${encodeURIComponent(id)}`, body, 'application/json', attempt);
    const { number } = (await response.json()) as Saved;
    return { number };
  },

  async uploadPhoto({ id, blob }, attempt) {
    const [report] = attempt.parents;
    if (report === undefined) throw new PermanentFailure('The report of this photo was not sent.');
    const path = `/api/reports/${report.number}/photos/${encodeURIComponent(id)}`;
    await put(path, blob, blob.type, attempt);
  },
});

/** What a request says of its attempt. */
type Sent = Pick<Attempt, 'idempotencyKey' | 'number' | 'progress' | 'recovered' | 'signal'> & {
  readonly session: SessionOf<typeof tasks>;
};

/** The statuses with which the server refuses what was sent, and says why. */
const refusals: ReadonlySet<number> = new Set([400, 404, 413, 415, 422]);

async function put(path: string, body: Blob | string, type: string, attempt: Sent): Promise<Response> {
  const { idempotencyKey, number, recovered, session, signal } = attempt;
  const headers = {
    Authorization: `Bearer ${session.token}`,
    'Content-Type': type,
    'Idempotency-Key': `"${idempotencyKey}"`,
    'X-Attempt': String(number),
    'X-Recovered': String(recovered),
    'X-Worker': worker,
  };
  const request = { method: 'PUT', headers, signal };
  const sending =
    body instanceof Blob
      ? upload(path, { ...request, body }, attempt.progress)
      : fetch(path, { ...request, body, redirect: 'manual' });
  const response = await sending.catch(meansAway);
  const { status } = response;
  // The server's own words, for the person who has to correct it.
  if (refusals.has(status)) throw new PermanentFailure(await reasonIn(response), { status });
  // A 401 says that the token is too old: the page gives another one, and the save is sent again.
  ensureOk(response);
  return response;
}

/** A request that did not reach the server says nothing about the report: the server is away. */
function meansAway(error: unknown): never {
  throw isNetworkError(error) ? new Unavailable({ cause: error }) : error;
}

/** The sentence in a problem (RFC 9457). */
async function reasonIn(response: Response): Promise<string> {
  const problem: unknown = await response.json().catch(() => undefined);
  return typeof problem === 'object' && problem !== null && 'title' in problem && typeof problem.title === 'string'
    ? problem.title
    : `The server answered ${response.status}.`;
}
