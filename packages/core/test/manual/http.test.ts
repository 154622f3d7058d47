import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Basket, TaskId } from '../../src/index.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

/** What `requests.ts` exports. */
interface Requests {
  readonly basket: Basket<never>;
  readonly saveNote: (id: string, note: { readonly text: string }) => Promise<TaskId>;
  readonly addReport: (text: string, photos: readonly File[]) => Promise<void>;
  readonly saveTitle: (id: string, title: string) => Promise<TaskId>;
}

/** What `correct-request.ts` exports. */
interface Correcting {
  readonly correct: (id: string, text: string) => Promise<boolean>;
}

/** What `correct-upload.ts` exports. */
interface Uploading {
  readonly correctUpload: (id: string, body: Blob) => Promise<boolean>;
}

const { run } = laidOut('http');
const received: string[] = [];
/** The type of each body, and whether cookies go with it. */
const types: string[] = [];
let isAway = false;
let answer: (method: string, path: string) => Response;
let requests: Requests;
let correcting: Correcting;

beforeAll(async () => {
  await createBrowser({ sharedWorker: true });
  vi.stubGlobal('fetch', async (request: Request) => {
    if (isAway) throw new TypeError('Failed to fetch');
    const { method, url, headers, credentials } = request;
    types.push(`${headers.get('Content-Type')} ${credentials}`);
    const body = await request.text();
    const path = url.replace('https://api.example/v1', '');
    received.push(`${method} ${path} ${String(headers.get('Authorization'))} ${body}`);

    return answer(method, path);
  });
  requests = await run<Requests>('requests.ts');
  correcting = await run<Correcting>('correct-request.ts');
  await (requests.basket as unknown as { signIn(owner: string, values: object): Promise<void> }).signIn('ann', {
    token: 't1',
  });
});

beforeEach(() => {
  received.length = types.length = 0;
  isAway = false;
  answer = () => new Response(null, { status: 204 });
});

afterEach(async () => {
  await requests.basket.cancel({});
});

afterAll(() => requests.basket.close());

const allSent = (): Promise<void> => until(async () => expect(await requests.basket.list()).toEqual([]));

describe('requests without a handler', () => {
  test('are sent behind the base, with credentials that are added when they are sent', async () => {
    await requests.saveNote('ä/1', { text: 'Dry' });
    await allSent();

    expect(received).toEqual(['PUT /notes/%C3%A4%2F1 Bearer t1 {"text":"Dry"}']);
  });

  test('get the id that the server gave to the request before them', async () => {
    answer = (_, path) => (path === '/reports' ? Response.json({ id: 7 }) : new Response(null, { status: 204 }));
    await requests.addReport('Roof', [new File(['a picture'], 'Dach.jpg')]);
    await allSent();

    expect(received[0]).toBe('POST /reports Bearer t1 {"text":"Roof"}');
    expect(received[1]).toMatch(/^POST \/reports\/7\/photos Bearer t1 --taskbasket\d+\r\n/);
    expect(received[1]).toContain('name="photo"; filename="Dach.jpg"');
  });

  test('that wait become one, if their type has coalesce', async () => {
    isAway = true;
    await requests.saveNote('1', { text: 'Wet' }); // Whatever its task type: it finds the server away.
    const first = await requests.saveTitle('2', 'R');
    await until(async () => expect(await requests.basket.get(first as never)).toMatchObject({ attempts: 1 }));
    for (const title of ['Ro', 'Roo', 'Roof']) await requests.saveTitle('2', title);
    isAway = false;
    await requests.basket.retry({});
    await allSent();

    expect(received.filter((one) => one.startsWith('PATCH'))).toEqual([
      'PATCH /notes/2 Bearer t1 {"title":"R"}',
      'PATCH /notes/2 Bearer t1 {"title":"Roof"}',
    ]);
  });

  test('that upload a refused file can get another one, which goes with its own type and the same cookies', async () => {
    answer = () => new Response(null, { status: 422 });
    const png = new Blob(['a picture'], { type: 'image/png' });
    const upload = new Request('https://files.example/1', { method: 'PUT', body: png, credentials: 'include' });
    const id = await requests.basket.add('api' as never, upload);
    await until(async () => expect(await requests.basket.get(id)).toMatchObject({ state: 'dead' }));
    answer = () => new Response(null, { status: 204 });

    const { correctUpload } = await run<Uploading>('correct-upload.ts');
    expect(await correctUpload(id, new Blob(['another one'], { type: 'image/jpeg' }))).toBe(true);
    await allSent();
    expect(types).toEqual(['image/png include', 'image/jpeg include']);
  });

  test('that were refused can be corrected by a person', async () => {
    answer = () => Response.json({ title: 'Too short' }, { status: 422 });
    const id = await requests.saveNote('1', { text: '' });
    await until(async () =>
      expect(await requests.basket.get(id as never)).toMatchObject({
        state: 'dead',
        lastError: { detail: { status: 422, body: { title: 'Too short' } } },
      }),
    );
    answer = () => new Response(null, { status: 204 });

    expect(await correcting.correct(id, 'Dry')).toBe(true);
    await allSent();
    expect(received.at(-1)).toBe('PUT /notes/1 Bearer t1 {"text":"Dry"}');
  });
});
