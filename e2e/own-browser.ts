/**
 * A browser with a profile on disk and a process group of its own, so that all of it can be killed at once.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';

import { type BrowserContext, chromium } from '@playwright/test';

export interface OwnBrowser {
  /** The profile's own context: what is stored in it is there again when the profile is next started. */
  readonly context: BrowserContext;
  /** Sends SIGKILL to the whole process group, now. */
  kill(): void;
  /** Resolves when all of it has ended. */
  readonly ended: Promise<void>;
}

/** Starts the browser of the Playwright configuration on a profile. */
export async function startOwnBrowser(profile: string): Promise<OwnBrowser> {
  const executable = process.env['TASKBASKET_CHROMIUM'] ?? chromium.executablePath();
  const args = [
    '--headless',
    '--no-sandbox',
    '--no-first-run',
    '--disable-gpu',
    '--disable-background-networking',
    '--disable-component-update',
    '--disable-sync',
    '--remote-debugging-port=0',
    `--user-data-dir=${profile}`,
  ];
  // Detached: the leader of a group of its own.
  const child = spawn(executable, args, { detached: true, stdio: ['ignore', 'ignore', 'pipe'] });
  const ended = once(child, 'close').then(() => undefined);
  const kill = (): void => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) process.kill(-child.pid, 9);
  };

  try {
    const browser = await chromium.connectOverCDP(await endpointOf(child));
    const [context] = browser.contexts();
    if (!context) throw new Error('The browser has no context.');
    return { context, kill, ended };
  } catch (error) {
    kill();
    throw error;
  }
}

/** The address that the browser prints when it is ready. */
function endpointOf(child: ChildProcess): Promise<string> {
  return new Promise((resolve, reject) => {
    let said = '';
    child.stderr?.setEncoding('utf8').on('data', (text: string) => {
      said += text;
      const [, endpoint] = /^DevTools listening on (ws:\S+)/m.exec(said) ?? [];
      if (endpoint !== undefined) resolve(endpoint);
    });
    child.once('close', () => reject(new Error(`The browser ended while it started:\n${said}`)));
    child.once('error', reject);
  });
}
