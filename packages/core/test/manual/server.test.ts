import path from 'node:path';

import { expect, test } from 'vitest';

import { laidOut } from './blocks.js';
import { until } from './browser.js';
import { startProgram } from './program.js';

test('the server of the README prints a long note as it was written', async () => {
  const server = await startProgram(path.join(laidOut('server-umlauts').folder, 'server.mjs'));
  const text = `.${'ä'.repeat(200_000)}`; // Each chunk of an even length ends in the middle of a letter.
  try {
    await fetch(`http://127.0.0.1:${server.port}/notes/n1`, { method: 'PUT', body: text });
    await until(() => expect(server.printed() === `PUT /notes/n1 ${text}\n`).toBe(true));
  } finally {
    await server.end();
  }
});

test('the server of the README has an effect once for each key', async () => {
  const server = await startProgram(path.join(laidOut('server').folder, 'server.mjs'));

  const put = async (text: string, key: string): Promise<number> => {
    const init = { method: 'PUT', body: text, headers: { 'Idempotency-Key': `"${key}"` } };

    return (await fetch(`http://127.0.0.1:${server.port}/notes/n1`, init)).status;
  };
  try {
    expect([await put('first', 'a'), await put('first', 'a'), await put('second', 'b')]).toEqual([200, 200, 200]);
    await until(() => expect(server.printed()).toBe('PUT /notes/n1 first\nPUT /notes/n1 second\n'));
  } finally {
    await server.end();
  }
});
