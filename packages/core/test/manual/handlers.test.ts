import { afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';

import type { Basket } from '../../src/index.js';
import { openBasket } from '../../src/index.js';
import type { AnyRegistry } from '../../src/pure/registry.js';
import { runBasket } from '../../src/worker.js';
import { laidOut } from './blocks.js';
import { createBrowser, until } from './browser.js';

interface Handling {
  readonly tasks: AnyRegistry;
  readonly handlers: never;
}

/** A request as it was sent: its key without quotes. */
interface Sent {
  readonly url: string;
  readonly key: string;
  readonly redirect: string | undefined;
}

const { run } = laidOut('handlers');
const sent: Sent[] = [];
let answer: (sent: Sent) => Response;
let stop: AbortController;
let stopped: Promise<unknown>;
let basket: Basket<never>;

/** Opens the basket of a block, and runs its handlers. */
function handle({ tasks, handlers }: Handling): void {
  basket = openBasket(tasks) as unknown as Basket<never>;
  stop = new AbortController();
  stopped = runBasket(basket, handlers, { signal: stop.signal });
}

const add = (name: string, payload: unknown): Promise<string> => basket.add(name as never, payload);

beforeAll(() => createBrowser({ sharedWorker: false }));

beforeEach(() => {
  sent.length = 0;
  vi.stubGlobal('fetch', async ({ url: href, headers }: Request, { redirect }: RequestInit) => {
    const url = new URL(href).pathname;
    const key = headers.get('Idempotency-Key')?.slice(1, -1) ?? '';
    sent.push({ url, key, redirect });

    return answer({ url, key, redirect });
  });
});

afterEach(async () => {
  await basket.cancel({});
  stop.abort();
  await stopped;
  basket.close();
});

describe('a handler with answers of its own', () => {
  const note = { id: 'n1', text: 'Dry' };

  beforeEach(async () => {
    const { tasks } = await run<Handling>('tasks.ts');
    const { handlers } = await run<Handling>('answers.ts');
    handle({ tasks, handlers });
  });

  test.each([
    [
      '422 with words',
      () => Response.json({ title: 'The text is too long.' }, { status: 422 }),
      'The text is too long.',
    ],
    ['422 without', () => new Response(null, { status: 422 }), 'The server refused it, and did not say why.'],
    ['403', () => new Response(null, { status: 403 }), 'The server answered 403.'],
  ])('sets a task aside on %s', async (_, refusal, message) => {
    answer = refusal;

    expect(await basket.settled(await add('saveNote', note))).toMatchObject({ state: 'dead', error: { message } });
  });

  test('is done if the note is gone, and if it was saved', async () => {
    answer = () => new Response(null, { status: 410 });
    expect(await basket.settled(await add('saveNote', note))).toMatchObject({ state: 'done' });

    answer = () => Response.json({});
    expect(await basket.settled(await add('saveNote', note))).toMatchObject({ state: 'done' });
  });

  test.each([
    ['a sign-in page', () => new Response('<h1>Who are you?</h1>', { headers: { 'Content-Type': 'text/html' } })],
    ['401', () => new Response(null, { status: 401 })],
    ['503', () => new Response(null, { status: 503, headers: { 'Retry-After': '1' } })],
  ])('keeps the task, and counts nothing, as long as there is %s', async (_, refusal) => {
    answer = refusal;
    const id = await add('saveNote', note);
    await until(async () => expect(await basket.explain(id)).toMatchObject([{ reason: 'gate', by: id }]));
    expect(await basket.get(id as never)).toMatchObject({ failures: 0 });

    answer = () => Response.json({});
    await basket.retry({});
    await until(async () => expect(await basket.get(id as never)).toBeUndefined());
    for (const one of sent) expect(one).toMatchObject({ key: id, redirect: 'manual' });
  });

  test('is dead on a 409 of the first attempt, with the answer, and waits uncounted on a later one', async () => {
    let status = 409;
    answer = () => (status === 204 ? new Response(null, { status }) : Response.json({ title: 'busy' }, { status }));
    const id = await add('saveNote', note);
    await until(async () =>
      expect(await basket.get(id as never)).toMatchObject({
        state: 'dead',
        lastError: { detail: { status: 409, body: { title: 'busy' } } },
      }),
    );

    await basket.retry(id);
    await until(async () => expect(await basket.get(id as never)).toMatchObject({ state: 'queued', attempts: 2 }));
    expect(await basket.get(id as never)).toMatchObject({ failures: 0 });
    status = 204;
    await until(async () => expect(await basket.get(id as never)).toBeUndefined());
  });
});

test('a task with two requests goes on with the second one, and each has a key of its own', async () => {
  handle(await run<Handling>('two-requests.ts'));
  let failing = true;
  answer = ({ url }) => {
    if (url === '/orders') return Response.json({ number: '17' }, { status: 201 });

    return failing ? new Response(null, { status: 500 }) : Response.json({});
  };
  const id = await add('placeOrder', { items: ['lamp'] });
  await until(async () => expect(await basket.get(id as never)).toMatchObject({ failures: 1 }));
  expect(await basket.get(id as never)).toMatchObject({ payload: { items: ['lamp'], number: '17' } });

  failing = false;
  const end = basket.settled(id);
  await basket.retry(id);
  expect(await end).toEqual({ state: 'done', result: '17' });
  expect(sent.map(({ url, key }) => [url, key])).toEqual([
    ['/orders', `${id}-create`],
    ['/orders/17/confirm', `${id}-confirm`],
    ['/orders/17/confirm', `${id}-confirm`],
  ]);
});
