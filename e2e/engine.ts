/**
 * The engine that the tests run in, and the only file that uses what only Chromium's protocol can do.
 */
import { type Browser, type CDPSession, type Page, test } from '@playwright/test';

export type Engine = 'chromium' | 'firefox' | 'webkit';

/** `npm run test:engines` sets it. Without it the tests run in Chromium. */
export const engine = engineNamed(process.env['TASKBASKET_ENGINE'] ?? 'chromium');

function engineNamed(name: string): Engine {
  if (name === 'chromium' || name === 'firefox' || name === 'webkit') return name;
  throw new Error(`TASKBASKET_ENGINE is ${name}, but it must be chromium, firefox or webkit.`);
}

/**
 * Chromium as people have it. Most tests run in its headless shell, which is faster, but keeps no profile and puts no page
 * into the back/forward cache.
 */
export function wholeChromium(): { readonly executablePath?: string } {
  const executablePath = process.env['TASKBASKET_CHROMIUM'];

  return executablePath === undefined ? {} : { executablePath };
}

/** In another engine, skips the test from here on. `npm run test:engines` shows the reason in its table. */
export function needChromiumProtocol(): void {
  test.info().skip(engine !== 'chromium', 'needs Chromium’s protocol');
}

/** A session of Chromium's protocol, with a page or with the whole browser. In another engine, skips the test from here on. */
export async function chromiumSession(target: Page | Browser): Promise<CDPSession> {
  needChromiumProtocol();

  return 'newBrowserCDPSession' in target ? target.newBrowserCDPSession() : target.context().newCDPSession(target);
}

/** Skips the test from here on, for what an engine, or the way in which it is driven, cannot do: a decision says why. */
export function cannot(decision: number, why: string): never {
  test.info().skip(true, `cannot (${String(decision).padStart(4, '0')}): ${why}`);
  throw new Error(why); // The line above has ended the test.
}

/** Skips the test from here on in a browser that stores no Blobs. */
export function needBlobs(): void {
  if (engine === 'webkit') cannot(12, 'A session of WebDriver is a private window, and WebKit stores no Blobs there');
}
