/** How notes and photos are sent. This file runs in a SharedWorker: one for all tabs. */
import { createSend } from 'taskbasket/http';
import { type Handlers, PermanentFailure, serveBasket } from 'taskbasket/worker';
import { db, tasks } from './db';

/** What the server refuses for good, and says why: a person has to correct it. */
const refusals: ReadonlySet<number> = new Set([404, 413, 415, 422]);

const send = createSend({
  async judge(response) {
    const { status } = response;
    if (refusals.has(status)) throw new PermanentFailure(await titleOf(response), { status });

    return undefined; // the rules of the library decide
  },
});

const handlers: Handlers<typeof tasks> = {
  async saveNote({ id, title, text }, attempt) {
    await send(`/api/notes/${id}`, { method: 'PUT', json: { title, text } }, attempt);
    // A note that was saved again meanwhile is not sent yet. Its next task marks it.
    await db.notes.where({ id }).filter((note) => note.title === title && note.text === text).modify({ sent: true });
  },

  async sendPhoto({ id, note, file }, attempt) {
    await send(`/api/notes/${note}/photos/${id}`, { method: 'PUT', body: file }, attempt);
  },
};

serveBasket(tasks, handlers, { build: import.meta.env.BUILD });

/** The server's own words: they are shown to the person, as `lastError.message` of the task. */
async function titleOf(response: Response): Promise<string> {
  const problem = (await response.json().catch(() => undefined)) as { title?: string } | undefined;

  return problem?.title ?? 'The server refused it, and did not say why.';
}
