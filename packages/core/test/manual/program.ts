import { spawn } from 'node:child_process';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { connect, createServer } from 'node:net';

import { until } from './browser.js';

/** A server of the manual that runs as a program of its own. */
export interface Running {
  readonly port: number;
  /** What it has printed. */
  readonly printed: () => string;
  readonly end: (signal?: NodeJS.Signals) => Promise<void>;
}

/**
 * Starts a script that listens on the port of its variable `PORT`; resolves when it listens.
 *
 * A port that was free a moment ago may be another program's by then: the script ends, and another port is tried.
 */
export async function startProgram(script: string, env: Record<string, string> = {}): Promise<Running> {
  for (let tries = 5; tries > 0; tries -= 1) {
    const running = await startAt(await freePort(), script, env);
    if (running) return running;
  }
  throw new Error(`${script} ended by itself five times.`);
}

async function startAt(port: number, script: string, env: Record<string, string>): Promise<Running | undefined> {
  const child = spawn(process.execPath, [script], {
    env: { PORT: String(port), ...env },
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  const exit = once(child, 'exit');
  let printed = '';
  child.stdout.on('data', (chunk: Buffer) => (printed += chunk.toString()));
  const answers = until(async () => {
    const socket = connect(port, '127.0.0.1');
    await once(socket, 'connect');
    socket.destroy();
  });
  await Promise.race([answers, exit.then(() => answers.catch(() => undefined))]);
  if (child.exitCode !== null) return undefined;

  return {
    port,
    printed: () => printed,
    async end(signal) {
      child.kill(signal);
      await exit;
    },
  };
}

async function freePort(): Promise<number> {
  const probe = createServer().listen(0, '127.0.0.1');
  await once(probe, 'listening');
  const { port } = probe.address() as AddressInfo;
  probe.close();
  await once(probe, 'close');

  return port;
}
