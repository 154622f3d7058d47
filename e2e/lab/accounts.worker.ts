/** The worker of the accounts. It tells the server whose token a request has, in the header that names a worker. */
import { ensureOk, serveBasket, SignedOut } from 'taskbasket/worker';

import { type Note, accounts } from './accounts-tasks.js';

serveBasket(accounts, {
  async saveNote(note, { session, idempotencyKey, signal }) {
    await post(note, `${session.owner} ${session.token}`, idempotencyKey, signal);
  },

  async upload(note, { session, idempotencyKey }) {
    await post(note, `${session.owner} ${session.token}`, idempotencyKey, null);
    await new Promise((resolve) => setTimeout(resolve, 10 * 60_000));
  },
});

async function post(note: Note, who: string, key: string, signal: AbortSignal | null): Promise<void> {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': `"${key}"`, 'X-Worker': who };
  const url = `/api/echo/${encodeURIComponent(note.name)}`;
  // The server of the tests knows no tokens, so one that is too old is told here, as a server would.
  if (who.endsWith(' expired')) throw new SignedOut({ status: 401 });
  ensureOk(await fetch(url, { method: 'POST', body: JSON.stringify(note), headers, signal, redirect: 'manual' }));
}
