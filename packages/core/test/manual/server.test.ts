import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';

import { expect, test } from 'vitest';

import { laidOut } from './blocks.js';
import { until } from './browser.js';
import { freePort } from './free-port.js';

test('the server of the README has an effect once for each key', async () => {
  const port = await freePort();
  const file = path.join(laidOut('server').folder, 'server.mjs');
  const server = spawn(process.execPath, [file], { env: { PORT: String(port) }, stdio: ['ignore', 'pipe', 'inherit'] });
  let printed = '';
  server.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));

  const put = async (text: string, key: string): Promise<number> => {
    const init = { method: 'PUT', body: text, headers: { 'Idempotency-Key': `"${key}"` } };

    return (await fetch(`http://127.0.0.1:${port}/notes/n1`, init)).status;
  };
  try {
    await until(async () => expect(await put('first', 'a')).toBe(200));
    expect([await put('first', 'a'), await put('second', 'b'), await put('first', 'a')]).toEqual([200, 200, 200]);
    await until(() => expect(printed).toBe('PUT /notes/n1 first\nPUT /notes/n1 second\n'));
  } finally {
    server.kill();
    await once(server, 'exit');
  }
});
