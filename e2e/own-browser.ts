/**
 * A browser with a profile on disk, all of whose processes can be killed at once.
 */
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { type Browser, type BrowserContext, type Page, chromium, firefox, test } from '@playwright/test';

import { cannot, chromiumSession, engine, wholeChromium } from './engine.js';

export interface OwnBrowser {
  /** The folder of the profile. */
  readonly profile: string;
  /** The profile's own context: what is stored in it is there again when the profile is next started. */
  readonly context: BrowserContext;
  /** The page with which the browser starts. */
  readonly page: Page;
  /** Sends SIGKILL to the whole process group, now. */
  readonly kill: () => void;
  /** Resolves when it has ended. */
  readonly ended: Promise<unknown>;
}

/** Starts the browser of the Playwright configuration on a profile. For Chromium it is the whole one, which keeps profiles. */
export async function startOwnBrowser(profile: string): Promise<OwnBrowser> {
  if (engine === 'webkit') cannot(12, 'WebDriver starts no browser on a profile that stays');
  const { channel, launchOptions } = test.info().project.use;
  const options = channel === undefined ? { ...launchOptions, ...wholeChromium() } : { ...launchOptions, channel };
  const context = await (engine === 'firefox' ? firefox : chromium).launchPersistentContext(profile, options);
  const ended = context.waitForEvent('close', { timeout: 0 });

  // Playwright makes the browser the leader of a process group of its own, and does not tell its id.
  const group = await (engine === 'firefox' ? groupByName(profile) : groupByProtocol(context));

  const [page = await context.newPage()] = context.pages();

  return { profile, context, page, kill: () => void process.kill(-group, 'SIGKILL'), ended };
}

async function groupByProtocol(context: BrowserContext): Promise<number> {
  const session = await chromiumSession(context.browser() as Browser);
  const told = await session.send('SystemInfo.getProcessInfo');
  const leader = told.processInfo.find(({ type }) => type === 'browser')?.id;
  if (leader === undefined) throw new Error('The browser does not tell the id of its process.');
  await session.detach();

  return leader;
}

/** The group of the processes that were started with this profile. */
async function groupByName(profile: string): Promise<number> {
  const { stdout } = await promisify(execFile)('ps', ['-eo', 'pgid,args']);
  const line = stdout.split('\n').find((one) => one.includes(profile));
  if (line === undefined) throw new Error(`No process has the profile ${profile}.`);

  return Number.parseInt(line, 10);
}
