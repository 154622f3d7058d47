/** How notes and photos are sent. This file runs in a SharedWorker: one for all tabs. */
import { type Attempt, ensureOk, type Handlers, PermanentFailure, serveBasket } from 'taskbasket/worker';
import { db, tasks } from './db';

const handlers: Handlers<typeof tasks> = {
  async saveNote({ id, title, text }, attempt) {
    await put(`/api/notes/${id}`, JSON.stringify({ title, text }), 'application/json', attempt);
    await db.notes.update(id, { sent: true });
  },

  async sendPhoto({ id, note, file }, attempt) {
    await put(`/api/notes/${note}/photos/${id}`, file, file.type, attempt);
  },
};

serveBasket(tasks, handlers, { build: import.meta.env.BUILD });

/** What the server refuses for good, and says why: a person has to correct it. */
const refusals: ReadonlySet<number> = new Set([404, 413, 415, 422]);

async function put(path: string, body: BodyInit, type: string, { signal, idempotencyKey }: Attempt): Promise<void> {
  const headers = { 'Content-Type': type, 'Idempotency-Key': `"${idempotencyKey}"` };
  const response = await fetch(path, { method: 'PUT', body, headers, signal, redirect: 'manual' });
  const { status } = response;
  if (refusals.has(status)) throw new PermanentFailure(await titleOf(response), { status });
  ensureOk(response);
}

/** The server's own words: they are shown to the person, as `lastError.message` of the task. */
async function titleOf(response: Response): Promise<string> {
  const problem = (await response.json().catch(() => undefined)) as { title?: string } | undefined;

  return problem?.title ?? 'The server refused it, and did not say why.';
}
