/**
 * A browser with a profile on disk, all of whose processes can be killed at once.
 */
import { type BrowserContext, chromium } from '@playwright/test';

export interface OwnBrowser {
  /** The profile's own context: what is stored in it is there again when the profile is next started. */
  readonly context: BrowserContext;
  /** Sends SIGKILL to the whole process group, now. */
  readonly kill: () => void;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
}

/** Starts the browser of the Playwright configuration on a profile. */
export async function startOwnBrowser(profile: string): Promise<OwnBrowser> {
  const executablePath = process.env['TASKBASKET_CHROMIUM'] ?? chromium.executablePath();
  const context = await chromium.launchPersistentContext(profile, { executablePath, args: ['--no-sandbox'] });
  const ended = context.waitForEvent('close', { timeout: 0 });

  // Playwright makes the browser the leader of a process group of its own, and does not tell its id.
  const session = await context.browser()?.newBrowserCDPSession();
  const told = await session?.send('SystemInfo.getProcessInfo');
  const leader = told?.processInfo.find(({ type }) => type === 'browser')?.id;
  if (leader === undefined) throw new Error('The browser does not tell the id of its process.');
  await session?.detach();

  return { context, kill: () => void process.kill(-leader, 'SIGKILL'), ended };
}
