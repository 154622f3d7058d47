import { afterEach, describe, expect, test, vi } from 'vitest';

import { coalesce } from '../../src/http/coalesce.js';
import type { DecodedRequest, HttpRequest } from '../../src/http/request.js';
import type { HttpPayload, HttpTaskOptions } from '../../src/http/task.js';
import { httpTask } from '../../src/http/task.js';
import { defineTasks } from '../../src/pure/registry.js';
import { failureOf } from '../basket/app.js';
import { endOf, freshName, openRaw, rowsOf } from '../support/database.js';
import { createWorld } from '../support/world.js';

function createApp(options: HttpTaskOptions = {}) {
  const tasks = defineTasks(freshName(), { api: httpTask(options) });
  const { basket } = createWorld().open(tasks);

  return { tasks, basket };
}

/** The lane and the gate that a request gets. */
async function placeOf(request: HttpPayload, options: HttpTaskOptions = {}) {
  const { tasks, basket } = createApp(options);
  await basket.add('api', request);
  const [row] = await rowsOf(tasks);

  return { lane: row?.lane, gate: row?.gate };
}

/** Makes the test a page or a worker of this origin. */
function beAt(origin: string): void {
  vi.stubGlobal('location', { origin });
}

afterEach(() => vi.unstubAllGlobals());

test.each([
  ['codec', { codec: { encode: String, decode: String } }],
  ['version', { version: 2 }],
  ['upgrade', { upgrade: { 1: String } }],
  ['merges', { merges: coalesce }],
])('httpTask refuses a wrong option: %s', (option, options) => {
  expect(() => httpTask(options as HttpTaskOptions)).toThrow(
    expect.objectContaining({ code: 'option', message: expect.stringContaining(option) as string }),
  );
});

test('httpTask takes an option that is undefined as one that is left out', () => {
  const options = { codec: undefined, version: undefined, headers: undefined, base: undefined };
  expect(() => httpTask(options)).not.toThrow();
});

test('a request keeps its default gate and its default key if the options gate and key are undefined', async () => {
  const options = { base: 'https://api.example/v1', merge: coalesce, gate: undefined, key: undefined };
  const { tasks, basket } = createApp(options);
  await basket.add('api', { method: 'PUT', url: '/notes/1', json: 1 });

  expect(await rowsOf(tasks)).toMatchObject([{ gate: 'https://api.example', key: '/notes/1' }]);
});

describe('the lane of a request', () => {
  test.each<[string, HttpPayload, string | undefined]>([
    ['is the first two parts of its path', { method: 'PUT', url: '/notes/1', json: 1 }, '/notes/1'],
    ['is the same for what belongs to it', { method: 'POST', url: '/notes/1/photos?size=2', json: 1 }, '/notes/1'],
    ['does not depend on a slash at the end', { method: 'DELETE', url: '/notes/1/' }, '/notes/1'],
    ['is its path, if that has one part', { method: 'PUT', url: '/settings', json: 1 }, '/settings'],
    ['is none for a POST to a collection', { method: 'post', url: '/notes/', json: 1 }, undefined],
    ['is none if a parent gives a part of it', { method: 'PUT', url: '/notes/{id}', fill: { id: [0] } }, undefined],
    ['is of the person, if nothing fills it', { method: 'PUT', url: '/notes/{id}' }, '/notes/{id}'],
    ['of a Request has its origin', new Request('https://a.example/x/y/z'), 'https://a.example/x/y'],
  ])('%s', async (_, request, lane) => {
    expect((await placeOf(request)).lane).toBe(lane);
  });

  test('has the base of the type, and can be another or none', async () => {
    const request = { method: 'PUT', url: '/notes/1', json: 1 };

    expect((await placeOf(request, { base: 'https://api.example/v1/' })).lane).toBe('https://api.example/v1/notes/1');
    expect((await placeOf(request, { lane: 'all' })).lane).toBe('all');
    expect((await placeOf(request, { lane: ({ method }) => method })).lane).toBe('PUT');
    expect((await placeOf(request, { lane: false })).lane).toBeUndefined();
  });

  test('begins with the origin of the page, if the type has no base', async () => {
    beAt('https://app.example');

    expect((await placeOf({ method: 'PUT', url: '/notes/1' })).lane).toBe('https://app.example/notes/1');
  });

  test.each<[string, HttpTaskOptions, string]>([
    ['the base of the type', { base: 'https://api.example/v1' }, 'https://api.example/v1'],
    ['the origin of the page', {}, 'https://app.example'],
  ])('is the same for a path and for a Request to the same record behind %s', async (_, options, below) => {
    beAt('https://app.example');
    const request = new Request(`${below}/notes/1?size=2#top`, { method: 'PUT', body: 'x' });
    const path = { method: 'PUT', url: '/notes/1', body: 'x' };

    expect((await placeOf(request, options)).lane).toBe((await placeOf(path, options)).lane);
  });
});

describe('the gate of a request', () => {
  const request = { url: '/notes' };

  test('is the origin of its base, and that of a Request its own; or what the app says', async () => {
    beAt('https://app.example:8443');

    expect((await placeOf(request, { base: 'https://api.example/v1' })).gate).toBe('https://api.example');
    expect((await placeOf(new Request('https://a.example/x'))).gate).toBe('https://a.example');
    expect((await placeOf(request, { gate: 'mine' })).gate).toBe('mine');
  });

  test('is without a base the origin of the page, as sendHttp sends to the origin of the worker', async () => {
    beAt('https://app.example:8443');

    expect((await placeOf(request)).gate).toBe('https://app.example:8443');
  });

  test('is the type where there is no origin, as in Node, or an opaque one', async () => {
    expect((await placeOf(request)).gate).toBe('api');
    beAt('null');
    expect(await placeOf(request)).toEqual({ gate: 'api', lane: '/notes' });
  });
});

describe('an add', () => {
  test.each<[string, unknown]>([
    ['a stream', { method: 'PUT', url: '/x', body: new ReadableStream() }],
    ['a secret', { url: '/x', headers: { Authorization: 'Bearer x' } }],
    ['another host', { url: '//evil.example' }],
    ['no request', undefined],
    ['a text', '/notes'],
    ['a method that is no text', { method: {}, url: '/x' }],
    ['a Request with a secret', new Request('https://a.example', { headers: { Authorization: 'x' } })],
  ])('refuses %s, and stores nothing', async (_, payload) => {
    const { basket } = createApp();
    const failure = await failureOf(basket.add('api', payload as HttpPayload));

    expect(failure.code).toBe('payload');
    expect(failure.message).toMatch(/^The payload of "api" could not be encoded: /);
    expect(await basket.list()).toEqual([]);
  });

  test('in a transaction takes a request, and a Request only after prepare', async () => {
    const { tasks, basket } = createApp();
    const prepared = await basket.prepare('api', new Request('https://a.example/x', { method: 'PUT', body: 'x' }));
    await basket.count(); // The basket has made its database.
    const db = await openRaw(tasks.name);
    const transaction = db.transaction([...tasks.stores], 'readwrite');
    const failed = await failureOf(() => basket.addTx(transaction, 'api', new Request('https://a.example')));
    const other = db.transaction([...tasks.stores], 'readwrite');
    basket.addTx(other, 'api', { url: '/x' });
    basket.addTx(other, prepared);
    await endOf(other);
    db.close();

    expect(failed.message).toContain('Await prepare first');
    expect((await rowsOf(tasks)).map(({ gate }) => gate)).toEqual(['api', 'https://a.example']);
  });

  test('merges two requests of one record that were not sent, if the app asks for it', async () => {
    const { tasks, basket } = createApp({ merge: coalesce });
    const patch = async (json: unknown): Promise<string> =>
      basket.add('api', { method: 'PATCH', url: '/notes/1', json });
    const ids = [await patch({ a: 1 }), await patch({ b: null })];
    const both = { lane: 'n', key: 'n' };
    ids.push(await basket.add('api', { method: 'POST', url: '/notes', json: {} }, both));
    ids.push(await basket.add('api', { method: 'DELETE', url: '/notes/7' }, both));

    expect(await Promise.all([ids[0], ids[2]].map((id) => basket.settled(id as never)))).toEqual([
      { state: 'replaced', by: ids[1] },
      { state: 'replaced', by: ids[3] },
    ]);
    expect(await rowsOf(tasks)).toMatchObject([
      { payload: { method: 'PATCH', json: '{"a":1,"b":null}' } },
      { payload: { method: 'DELETE', nothing: true } },
    ]);
  });

  test('of a Request can be corrected by another Request, made of what a list shows', async () => {
    const { basket } = createApp();
    const id = await basket.add('api', new Request('https://a.example/x', { method: 'PUT', body: 'a' }));
    const { url, method, headers } = ((await basket.get(id)) as { readonly payload: unknown })
      .payload as DecodedRequest;

    expect(await basket.update(id, new Request(url, { method, headers, body: 'b' }))).toBe(true);
    expect((await basket.get(id))?.payload).toMatchObject({ url, method, body: { size: 1 } });
  });

  test('is shown in lists as it was given, and can be corrected', async () => {
    const { basket } = createApp();
    const id = await basket.add('api', { method: 'put', url: '/notes/1', json: { a: 1 } });
    const shown = (await basket.get(id))?.payload as HttpRequest;

    expect(shown).toEqual({
      method: 'PUT',
      url: '/notes/1',
      json: { a: 1 },
      headers: { 'content-type': 'application/json' },
    });
    expect(await basket.update(id, { ...shown, json: { a: 2 } })).toBe(true);
    expect(await basket.get(id)).toMatchObject({ payload: { json: { a: 2 } } });
  });
});

test.each<[HttpTaskOptions, string]>([
  [{ base: '/v1' }, 'The base must be an absolute http'],
  [{ headers: ['X-Token'] }, 'headers must be names of headers without secrets'],
  [{ timeout: 0 }, 'A timeout must be'],
])('an option that is wrong is refused: %j', (options, why) => {
  expect(() => httpTask(options)).toThrow(why);
});
