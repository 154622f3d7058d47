/** What `send` takes: a handler's attempt, with the values of its session. */
import { createSend } from '../../src/http.js';
import type { Session } from '../../src/index.js';
import { defineTasks, session, task } from '../../src/index.js';
import type { Handlers } from '../../src/worker.js';
import type { Same } from './claims.js';
import { claim } from './claims.js';

interface Note {
  readonly id: string;
}

interface Values {
  token: string;
}

const tasks = defineTasks('field-notes', { saveNote: task<Note>() }, { session: session<Values>() });
const plain = defineTasks('plain', { saveNote: task<Note>() });

const send = createSend<Values>({
  base: new URL('https://api.example'),
  authorize(request, who) {
    claim<Same<typeof who, Session<Values> | undefined>>();
    request.headers.set('Authorization', `Bearer ${who?.token}`);
  },
  judge: async (response, { number }) => (response.status === 404 && number > 1 ? 'done' : undefined),
});
const other = createSend<{ key: string }>();
const any = createSend();

export const handlers: Handlers<typeof tasks> = {
  async saveNote(note, attempt) {
    const answer = await send(`/notes/${note.id}`, { method: 'PUT', json: note, expect: 'text/csv' }, attempt);
    claim<Same<typeof answer.body, unknown>>();
    await any('/notes', {}, attempt);

    // @ts-expect-error -- the session of these tasks has other values
    await other('/notes', {}, attempt);
    // @ts-expect-error -- the attempt is missing
    await send('/notes', {});
    // @ts-expect-error -- no media type
    await send('/notes', { expect: 'xml' }, attempt);
    // @ts-expect-error -- `fetch` follows no redirect here
    await send('/notes', { redirect: 'follow' }, attempt);
  },
};

export const withoutSession: Handlers<typeof plain> = {
  async saveNote(note, attempt) {
    await any(`/notes/${note.id}`, { json: note }, attempt);
    await send(`/notes/${note.id}`, { json: note }, attempt); // `authorize` gets no session
  },
};

export const returning: Handlers<typeof plain> = {
  // @ts-expect-error -- the type declares no result, and the headers of an answer cannot be stored
  saveNote: async (_, attempt) => any('/notes', {}, attempt),
};

// @ts-expect-error -- true is no word of judge
createSend({ judge: () => true });
// @ts-expect-error -- there is no such option
createSend({ url: 'https://api.example' });
