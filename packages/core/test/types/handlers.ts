/** One handler for each type, and what each is called with. */
import { defineTasks, openBasket, task } from '../../src/index.js';
import type { Attempt, Handler, Handlers } from '../../src/worker.js';
import { ensureOk, runBasket, serveBasket } from '../../src/worker.js';
import type { Same } from './claims.js';
import { claim } from './claims.js';

interface Note {
  readonly id: string;
  readonly text: string;
}

const tasks = defineTasks('field-notes', {
  saveNote: task<Note>(),
  countNote: task<Note, number>(),
  ping: task(),
});
type Tasks = typeof tasks;
type All = Handlers<Tasks>;

claim<Same<All['saveNote'], Handler<Note, void, unknown, number>>>();
claim<Same<All['countNote'], Handler<Note, number, unknown, number>>>();
claim<Same<All['ping'], Handler<void, void, unknown, number>>>();
claim<Same<keyof All, 'saveNote' | 'countNote' | 'ping'>>();
claim<Same<Parameters<All['saveNote']>, [payload: Note, attempt: Attempt<Note, unknown, number, void>]>>();

const saveNote: All['saveNote'] = async (note, { signal, idempotencyKey }) => {
  ensureOk(await fetch(`/notes/${note.id}`, { signal, headers: { 'Idempotency-Key': `"${idempotencyKey}"` } }));
};
const countNote = (note: Note): number => note.text.length;
const ping = (): void => undefined;

serveBasket(tasks, {
  async saveNote(note, attempt) {
    claim<Same<typeof note, Note>>();
    claim<Same<typeof attempt, Attempt<Note, unknown, number, void>>>();
    // A parent returns what any handler of the registry returns, or nothing.
    claim<Same<typeof attempt.parents, readonly (number | undefined)[]>>();
    // @ts-expect-error -- a parent may have returned nothing
    attempt.parents[0].toFixed();
    claim<Same<typeof attempt.number, number>>();
    claim<Same<typeof attempt.recovered, boolean>>();
    await attempt.save({ ...note, text: '' });
    // @ts-expect-error -- what is saved is a payload
    await attempt.save({ id: 7 });
    // @ts-expect-error -- an attempt is read only
    attempt.number = 2;
  },
  countNote: async (note) => note.text.length,
  ping(payload) {
    claim<Same<typeof payload, void>>();
  },
});

serveBasket(tasks, { saveNote, countNote, ping }, { build: 7, concurrency: 2 });
void runBasket(openBasket(tasks), { saveNote, countNote, ping }, { signal: undefined, concurrency: undefined });

/** A function that several handlers call takes the attempt of each of them. */
function headersOf({ idempotencyKey }: Attempt): HeadersInit {
  return { 'Idempotency-Key': `"${idempotencyKey}"` };
}
serveBasket(tasks, {
  saveNote: (_note, attempt) => void headersOf(attempt),
  countNote: (_note, attempt) => Object.keys(headersOf(attempt)).length,
  ping: (_payload, attempt) => void headersOf(attempt),
});

/** A module of its own may hold some of them. */
const some = { countNote: (note) => note.text.length, ping } satisfies Pick<All, 'countNote' | 'ping'>;
serveBasket(tasks, { saveNote, ...some });

// @ts-expect-error -- a handler is missing
serveBasket(tasks, { saveNote, countNote });
// @ts-expect-error -- a handler is one too many, in a literal
serveBasket(tasks, { saveNote, countNote, ping, savedNote: ping });
// @ts-expect-error -- a handler of a wrong payload
serveBasket(tasks, { saveNote: (note: { readonly title: string }) => void note.title, countNote, ping });
// @ts-expect-error -- a handler without the result that is declared
serveBasket(tasks, { saveNote, countNote: () => undefined, ping });
// @ts-expect-error -- a handler with another result
serveBasket(tasks, { saveNote, countNote: () => 'many', ping });
// @ts-expect-error -- a result where none is declared: a Response cannot be stored
serveBasket(tasks, { saveNote: (note) => fetch(`/notes/${note.id}`), countNote, ping });
// @ts-expect-error -- a payload where none is declared
serveBasket(tasks, { saveNote, countNote, ping: (payload: Note) => void payload });
// @ts-expect-error -- what is not there
serveBasket(tasks, { saveNote: (note) => void note.title, countNote, ping });
// @ts-expect-error -- no such option
serveBasket(tasks, { saveNote, countNote, ping }, { slots: 2 });
// @ts-expect-error -- runBasket takes a basket, serveBasket a registry
void runBasket(tasks, { saveNote, countNote, ping });
// @ts-expect-error -- the same handlers for runBasket
void runBasket(openBasket(tasks), { saveNote, countNote });
