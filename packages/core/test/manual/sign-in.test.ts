import { afterAll, beforeAll, expect, test, vi } from 'vitest';

import type { Basket, TaskId } from '../../src/index.js';
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
  readonly resume: (account: Account, keep: (account: Account) => void, askToSignIn: () => void) => Promise<void>;
}

const { run } = laidOut('sign-in');
const received: string[] = [];
let basket: Accounts['basket'];
let resume: Accounts['resume'];
/** Whether the server can be reached, and which tokens it accepts. */
let isAway = false;
let token = 't1';
let refresh = 'r1';

beforeAll(async () => {
  await createBrowser({ sharedWorker: false });
  vi.stubGlobal('fetch', async (input: Request | string, init?: RequestInit) => {
    if (isAway) throw new TypeError('Failed to fetch');
    if (typeof input === 'string') {
      received.push(input);
      const isRight = (JSON.parse(init?.body as string) as { refresh: string }).refresh === refresh;

      return isRight ? Response.json({ token }) : new Response(null, { status: 401 });
    }
    const authorization = input.headers.get('Authorization');
    received.push(String(authorization));

    return new Response(null, { status: authorization === `Bearer ${token}` ? 204 : 401 });
  });
  ({ basket } = await run<Accounts>('accounts.ts'));
  ({ resume } = await run<Accounts>('resume.ts'));
});

afterAll(() => basket.close());

test('a start offline with an old token asks nobody to sign in; the token is renewed after a 401; a new sign-in lets the tasks go on', async () => {
  const asked: string[] = [];
  const kept: string[] = [];
  const [keep, askToSignIn] = [({ token: it }: Account) => void kept.push(it), () => void asked.push('asked')];
  isAway = true;
  await resume({ id: 'ann', token: 'old', refresh: 'r1' }, keep, askToSignIn);
  const id = await basket.add('saveNote', { id: 'n1', text: 'Dry' });
  await run('accounts.worker.ts');
  await until(async () => expect((await basket.explain(id)).map(({ reason }) => reason)).toEqual(['gate']));
  expect(await basket.get(id)).toMatchObject({ failures: 0 });
  expect([received, asked]).toEqual([[], []]);

  isAway = false;
  await basket.retry(id);
  await until(async () => expect(await basket.list()).toEqual([]));
  expect(received).toEqual(['Bearer old', '/token', 'Bearer t1']);
  expect([kept, asked]).toEqual([['t1'], []]);

  const uncaught = noteUncaught();
  [token, refresh] = ['t2', 'r2']; // The server has ended the session.
  const other = await basket.add('saveNote', { id: 'n2', text: 'Wet' });
  await until(() => expect(asked).toEqual(['asked']));
  await until(async () => expect(await basket.explain(other)).toEqual([{ reason: 'signed-out', owner: 'ann' }]));
  expect(uncaught[0]).toBe('There is no new token: the server answered 401.');

  await resume({ id: 'ann', token: 't2', refresh: 'r2' }, keep, askToSignIn);
  await until(async () => expect(await basket.list()).toEqual([]));
  expect(received.at(-1)).toBe('Bearer t2');
});
