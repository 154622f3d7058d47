/** Sends each task of the HTTP lab with `send`, as an app's handler does. */
import { createSend, type SendAttempt } from 'taskbasket/http';
import { serveBasket } from 'taskbasket/worker';

import { type Call, httpTasks } from './http-tasks.js';

type Values = { token: string };
type Send = ReturnType<typeof createSend<Values>>;

/** One for each origin, because `send` remembers what happened to a task. */
const sends = new Map<string | undefined, Send>();

function sendTo(base: string | undefined): Send {
  const known = sends.get(base);
  if (known !== undefined) return known;
  const made = createSend<Values>({
    base,
    authorize: (request, who) => request.headers.set('Authorization', `Bearer ${who?.token}`),
  });
  sends.set(base, made);

  return made;
}

async function call(given: Call, attempt: SendAttempt<Values>): Promise<unknown> {
  const { name, path, expect, blob, base, result } = given;
  const sent = blob === undefined ? { json: { name } } : { body: blob };
  const { status, body } = await sendTo(base)(path, { method: 'PUT', ...sent, expect }, attempt);

  return { status, body, result };
}

serveBasket(httpTasks, { call, short: call }, { concurrency: 50 });
