import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** A server of the manual that runs as a program of its own. */
export interface Running {
  readonly port: number;
  /** What it has printed. */
  readonly printed: () => string;
  readonly end: (signal?: NodeJS.Signals) => Promise<void>;
}

/** Runs in the program ahead of its script: tells us the port, which the system chooses, once the script listens. */
const tellPort = `
  import { Server } from 'node:net';
  const { listen } = Server.prototype;
  Server.prototype.listen = function (...given) {
    return listen.apply(this, given).once('listening', () => process.send(this.address().port));
  };
`;

/** Starts a script that listens on the port of its variable `PORT`; resolves when it listens. */
export async function startProgram(script: string, env: Record<string, string> = {}): Promise<Running> {
  const ahead = `data:text/javascript,${encodeURIComponent(tellPort)}`;
  const child = spawn(process.execPath, ['--import', ahead, script], {
    env: { PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'ignore', 'ipc'],
  });
  const exit = once(child, 'exit');
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  const ended = exit.then(() => {
    throw new Error(`${script} ended before it listened.`);
  });
  const [port] = (await Promise.race([once(child, 'message'), ended])) as [number];

  return {
    port,
    printed: () => printed,
    async end(signal) {
      child.kill(signal);
      await exit;
    },
  };
}
