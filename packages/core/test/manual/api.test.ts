import { rmSync } from 'node:fs';
import path from 'node:path';

import { JSDOM } from 'jsdom';
import Database from 'libsql';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';

import { laidOut } from './blocks.js';
import type { Running } from './program.js';
import { startProgram } from './program.js';

const { folder } = laidOut('api');
const data = path.join(folder, 'notes.db');
const servers = new Map<number, Running>();
let port: number;

/** Starts a server; resolves with its port when it listens. */
async function start(): Promise<number> {
  const server = await startProgram(path.join(folder, 'api.mjs'), { DATA: data, ORIGINS: 'https://app.example' });
  servers.set(server.port, server);

  return server.port;
}

/** Ends a server as a power cut does. */
async function kill(at: number): Promise<void> {
  const server = servers.get(at);
  servers.delete(at);
  if (server === undefined) return;
  await server.end('SIGKILL');
}

async function put(note: string, key: string, body: unknown, at = port): Promise<{ status: number; body: unknown }> {
  const headers: Record<string, string> = key === '' ? {} : { 'Idempotency-Key': key };
  const sent = { method: 'PUT', headers, body: typeof body === 'string' ? body : JSON.stringify(body) };
  const answer = await fetch(`http://127.0.0.1:${at}/notes/${note}`, sent);

  return { status: answer.status, body: await answer.json() };
}

beforeAll(async () => {
  rmSync(data, { force: true });
  port = await start();
});

afterAll(async () => {
  await Promise.all([...servers.keys()].map(kill));
});

describe('the server with a database', () => {
  test('answers the second use of a key as the first, without a second effect, also after it was killed', async () => {
    const first = await put('n1', '"a"', { text: 'Dry' });
    expect(first).toEqual({ status: 200, body: { id: 'n1', text: 'Dry', saved: 1 } });

    await put('n1', '"b"', { text: 'Wet' });
    expect(await put('n1', '"a"', { text: 'Dry' })).toEqual(first);

    await kill(port);
    port = await start();
    expect(await put('n1', '"a"', { text: 'Dry' })).toEqual(first);
    expect(await put('n1', '"c"', { text: 'Dry' })).toMatchObject({ body: { saved: 3 } });
  });

  test('has one effect if two processes get the same key at once', async () => {
    const other = await start();
    const answers = await Promise.all([port, other, port, other].map((at) => put('n2', '"d"', { text: 'Both' }, at)));

    expect(answers).toEqual(answers.map(() => ({ status: 200, body: { id: 'n2', text: 'Both', saved: 1 } })));
  });

  test('undoes the effect if its answer cannot be kept, and has it once when that works again', async () => {
    const db = new Database(data);
    db.exec("create trigger full before insert on answers begin select raise(abort, 'The disk is full.'); end");
    expect((await put('n6', '"h"', { text: 'Whole' })).status).toBe(500);

    db.exec('drop trigger full');
    db.close();
    expect(await put('n6', '"h"', { text: 'Whole' })).toMatchObject({ status: 200, body: { saved: 1 } });
  });

  test('keeps no answer of what it refused, so that a corrected rule takes it under the same key', async () => {
    const refused = { status: 422, body: { title: 'The note has no text.' } };

    expect(await put('n3', '"e"', { text: '' })).toEqual(refused);
    expect(await put('n3', '"e"', 'no JSON')).toEqual(refused);
    expect(await put('n3', '"e"', { text: 'Now' })).toMatchObject({ status: 200, body: { saved: 1 } });
  });

  test('refuses a key that belongs to another request, and a request without a key', async () => {
    await put('n4', '"f"', { text: 'One' });

    expect((await put('n4', '"f"', { text: 'Other' })).status).toBe(422);
    expect((await put('n4', '', { text: 'Without' })).status).toBe(400);
    expect(await put('n4', '"f"', { text: 'One' })).toMatchObject({ status: 200, body: { text: 'One', saved: 1 } });
  });
});

/** The status of a request that a page of this origin sends; 0: the browser did not let it. */
function statusFrom(origin: string, headers: Record<string, string>): Promise<number> {
  const { XMLHttpRequest } = new JSDOM('', { url: origin }).window;
  const request = new XMLHttpRequest();
  request.open('PUT', `http://127.0.0.1:${port}/notes/n5`);
  for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value);
  request.withCredentials = true;

  return new Promise((resolve) => {
    request.onloadend = () => resolve(request.status);
    request.send('{"text":"From afar"}');
  });
}

test('its headers let a page of the named origin send a key, and no other page, and no other header', async () => {
  const headers = { 'Content-Type': 'application/json', 'Idempotency-Key': '"g"' };

  expect(await statusFrom('https://app.example', headers)).toBe(200);
  expect(await statusFrom('https://other.example', headers)).toBe(0);
  expect(await statusFrom('https://app.example', { ...headers, 'X-Unknown': '1' })).toBe(0);
});

test('a route of a framework does the same with a Request and a Response', async () => {
  type Once = (person: string, key: string, request: string, effect: () => object) => object;
  type Make = (once: Once, personOf: () => string | undefined, effect: (id: string, body: string) => object) => Route;
  type Route = (request: Request) => Promise<Response>;
  const { route } = await laidOut('api').run<{ route: Make }>('route.mjs');
  const kept = new Map<string, object>();
  const saved: string[] = [];
  const remember: Once = (person, key, request, effect) => {
    const name = [person, key, request].join(' ');
    if (!kept.has(name)) kept.set(name, effect());

    return kept.get(name) ?? {};
  };
  const effect = (id: string, body: string): object => {
    saved.push(`${id}: ${body}`);

    return { status: 200, body: '{"saved":1}' };
  };
  const ask = async (person: string | undefined, headers: Record<string, string>): Promise<readonly unknown[]> => {
    const request = new Request('https://app.example/notes/n1', { method: 'PUT', body: 'Dry', headers });
    const answer = await route(remember, () => person, effect)(request);

    return [answer.status, answer.headers.get('content-type'), await answer.text()];
  };

  const key = { 'Idempotency-Key': '"a"' };
  const first = await ask('ann', key);
  expect(first).toEqual([200, 'application/json', '{"saved":1}']);
  expect(await ask('ann', key)).toEqual(first);
  expect(saved).toEqual(['n1: Dry']);
  expect(await ask('ben', key)).toEqual(first);
  expect(saved).toHaveLength(2);
  expect((await ask('ann', {}))[0]).toBe(400);
  expect((await ask(undefined, key))[0]).toBe(401);
});
