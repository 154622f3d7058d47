/** A registry with a session: what `signIn` takes, and what a handler has. */
import type { AnyRegistry, Basket, Session, SessionOf } from '../../src/index.js';
import { defineTasks, openBasket, session, task } from '../../src/index.js';
import type { Attempt, Handlers } from '../../src/worker.js';
import { serveBasket } from '../../src/worker.js';
import type { Same } from './claims.js';
import { a, claim } from './claims.js';

interface Note {
  readonly id: string;
}

interface Values {
  token: string;
}

const types = { saveNote: task<Note>(), signUp: task<string>({ owner: 'none' }) };
const tasks = defineTasks('field-notes', types, { session: session<Values>() });
const basket = openBasket(tasks);
const cookies = openBasket(defineTasks('cookies', types, { session: session() }));
const none = openBasket(defineTasks('none', types));

claim<Same<SessionOf<typeof tasks>, Session<Values>>>();
claim<Same<Session<Values>['token'], string>>();
claim<Same<Session<Values>['owner'], string>>();

void basket.signIn('ann', { token: 't' });
void basket.signIn('ann', () => ({ token: 't' }));
void basket.signIn('ann', async () => ({ token: 't' }));
void basket.signIn('ann', ({ refused }) => ({ token: refused ? 'new' : 't' }));
void basket.signOut();
void cookies.signIn('ann');
void basket.add('saveNote', { id: 'n' }, { owner: 'ann' });

// @ts-expect-error -- the values are missing
void basket.signIn('ann');
// @ts-expect-error -- a value is missing
void basket.signIn('ann', {});
// @ts-expect-error -- a value of another type
void basket.signIn('ann', { token: 5 });
// @ts-expect-error -- the function gives another value
void basket.signIn('ann', () => ({ token: 5 }));
// @ts-expect-error -- an owner that may not be there
void basket.signIn(a<string | undefined>(), { token: 't' });
// @ts-expect-error -- no owner
void basket.signIn(null, { token: 't' });
// @ts-expect-error -- values where none are declared
void cookies.signIn('ann', { token: 't' });
// @ts-expect-error -- no session is declared
void none.signIn('ann');
// @ts-expect-error -- the owner of a task is a string
void basket.add('saveNote', { id: 'n' }, { owner: null });
// @ts-expect-error -- a type has an owner, or none
task({ owner: 'ann' });
// @ts-expect-error -- what session() returns
defineTasks('field-notes', types, { session: true });

serveBasket(tasks, {
  saveNote(_note, attempt) {
    claim<Same<typeof attempt, Attempt<Note, Session<Values>, never, void>>>();
    claim<Same<typeof attempt.session.token, string>>();
    claim<Same<typeof attempt.session.owner, string>>();
    // @ts-expect-error -- a session is read only
    attempt.session.token = 'x';
    // @ts-expect-error -- no such value
    void attempt.session.cookie;
  },
  signUp: (_name, { signal }) => void signal,
});
serveBasket(defineTasks('none', types), {
  // @ts-expect-error -- no session is declared
  saveNote: (_note, { session: own }) => void own.token,
  signUp: () => undefined,
});

/** A function that several handlers call takes the attempt of each of them. */
function headersOf({ idempotencyKey }: Attempt): string {
  return idempotencyKey;
}
const handlers: Handlers<typeof tasks> = {
  saveNote: (_note, attempt) => void headersOf(attempt),
  signUp: (_name, attempt) => void headersOf(attempt),
};
serveBasket(tasks, handlers);

/** Code for any basket takes this one. */
const any: Basket<AnyRegistry> = basket;
void any;
