import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Basket, TaskId } from '../../src/index.js';
import { createLocalLocks } from '../../src/ports/local-locks.js';
import { noteUncaught } from '../support/uncaught.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

interface Account {
  readonly id: string;
  readonly token: string;
  readonly refresh: string;
}

/** What `accounts.ts` and `resume.ts` export. */
interface Accounts {
  readonly basket: Basket<never> & { add(name: 'saveNote', note: { id: string; text: string }): Promise<TaskId> };
  readonly resume: (
    id: string,
    store: { readonly read: (id: string) => Account | undefined; readonly keep: (account: Account) => void },
    askToSignIn: () => void,
  ) => Promise<void>;
}

const { run } = laidOut('sign-in');
const otherTab = laidOut('sign-in-other-tab');
const received: string[] = [];
const asked: string[] = [];
/** What the app stores for all its tabs. */
let kept: Account | undefined;
const store = { read: () => kept, keep: (account: Account) => void (kept = account) };
const askToSignIn = (): void => void asked.push('asked');
let basket: Accounts['basket'];
let resume: Accounts['resume'];
/** Whether the server can be reached, and the only tokens that it accepts: each renewal gives two others. */
let isAway = false;
let token = 't1';
let refresh = 'r1';

/** Web Locks as far as the library and the code of the manual use them: Node 20 has none. */
function createLocks(): object {
  const { request, held } = createLocalLocks();

  return {
    async request(name: string, ...given: readonly [...options: object[], work: () => Promise<unknown>]) {
      const work = given.at(-1) as () => Promise<unknown>;
      const options = given.length > 1 ? given[0] : {};
      let result: unknown;
      await request(name, options, async () => {
        result = await work();
      });

      return result;
    },
    query: async () => ({ held: (await held('')).map((name) => ({ name })) }),
  };
}

/** Gives another pair of tokens, if the refresh token is the last one that it gave. */
function renew(body: string): Response {
  if ((JSON.parse(body) as { refresh: string }).refresh !== refresh) return new Response(null, { status: 401 });
  const next = Number(refresh.slice(1)) + 1;
  [token, refresh] = [`t${next}`, `r${next}`];

  return Response.json({ token, refresh });
}

beforeAll(async () => {
  await createBrowser({ sharedWorker: false });
  vi.stubGlobal('navigator', { locks: createLocks() });
  vi.stubGlobal('fetch', async (input: Request | string, init?: RequestInit) => {
    if (isAway) throw new TypeError('Failed to fetch');
    if (typeof input === 'string') {
      received.push(input);

      return renew(init?.body as string);
    }
    const authorization = input.headers.get('Authorization');
    received.push(String(authorization));

    return new Response(null, { status: authorization === `Bearer ${token}` ? 204 : 401 });
  });
  ({ basket } = await run<Accounts>('accounts.ts'));
  ({ resume } = await run<Accounts>('resume.ts'));
});

afterAll(() => basket.close());

const allSent = (): Promise<void> => until(async () => expect(await basket.list()).toEqual([]));

test('a start offline with an old token asks nobody to sign in; the token is renewed after a 401; a new sign-in lets the tasks go on', async () => {
  isAway = true;
  kept = { id: 'ann', token: 'old', refresh: 'r1' };
  await resume('ann', store, askToSignIn);
  const id = await basket.add('saveNote', { id: 'n1', text: 'Dry' });
  await run('accounts.worker.ts');
  await until(async () => expect((await basket.explain(id)).map(({ reason }) => reason)).toEqual(['gate']));
  expect(await basket.get(id)).toMatchObject({ failures: 0 });
  expect([received, asked]).toEqual([[], []]);

  isAway = false;
  await basket.retry(id);
  await allSent();
  expect(received).toEqual(['Bearer old', '/token', 'Bearer t2']);
  expect([kept, asked]).toEqual([{ id: 'ann', token: 't2', refresh: 'r2' }, []]);

  const uncaught = noteUncaught();
  [token, refresh] = ['t8', 'r8']; // The server has ended the session.
  const other = await basket.add('saveNote', { id: 'n2', text: 'Wet' });
  await until(() => expect(asked).toEqual(['asked']));
  await until(async () => expect(await basket.explain(other)).toEqual([{ reason: 'signed-out', owner: 'ann' }]));
  expect(uncaught[0]).toBe('There is no new token: the server answered 401.');

  kept = { id: 'ann', token: 't8', refresh: 'r8' };
  await resume('ann', store, askToSignIn);
  await allSent();
  expect(received.at(-1)).toBe('Bearer t8');
});

test('where a refresh token works once, the token is renewed again and again, in whatever tab, and nobody is asked to sign in', async () => {
  asked.length = received.length = 0;
  const tab = await otherTab.run<Accounts>('accounts.ts');
  await (await otherTab.run<Accounts>('resume.ts')).resume('ann', store, askToSignIn);
  for (const one of [basket, tab.basket, basket]) {
    token = 'expired';
    await one.add('saveNote', { id: 'n3', text: 'Damp' });
    await allSent();
  }
  expect([kept, asked]).toEqual([{ id: 'ann', token: 't11', refresh: 'r11' }, []]);

  basket.close(); // From here on, the other tab is asked.
  token = 'expired';
  await tab.basket.add('saveNote', { id: 'n4', text: 'Damp' });
  await until(async () => expect(await tab.basket.list()).toEqual([]));
  expect([kept?.refresh, asked]).toEqual(['r12', []]);
  expect(received.filter((one) => one === '/token')).toHaveLength(4);
  tab.basket.close();
});
