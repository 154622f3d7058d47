/**
 * A client of WebKitWebDriver, as far as tests need one: windows, addresses, scripts. Playwright drives no WebKit that a
 * distribution ships.
 */
import { spawn } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';

import { endOf, freePort, killGroup, patience } from '../scripts/steps.mjs';

/**
 * Calls a command of the session: `ask('POST', '/url', { url })`.
 *
 * @typedef {(method: 'GET' | 'POST' | 'DELETE', path: string, body?: object) => Promise<any>} Ask
 */

/**
 * Starts WebKitWebDriver and a browser, which has nothing stored. Without a display they run under `xvfb-run`.
 *
 * @param {string} binary The MiniBrowser of WebKitGTK.
 * @returns {Promise<{ version: string, ask: Ask, end: () => Promise<void> }>}
 */
export async function startWebKit(binary) {
  const port = await freePort();
  const hasDisplay = process.env['DISPLAY'] !== undefined;
  const command = hasDisplay ? 'WebKitWebDriver' : 'xvfb-run';
  const args = [...(hasDisplay ? [] : ['-a', 'WebKitWebDriver']), `--port=${port}`];
  // A group of its own: the browser's processes end with it, whatever state they are in.
  const driver = spawn(command, args, { stdio: 'ignore', detached: true });
  const gone = endOf(driver);

  /** @type {Ask} */
  const call = async (method, path, body) => {
    const init = body === undefined ? { method } : { method, body: JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    const { value } = await response.json();
    if (!response.ok) throw new Error(`WebKitWebDriver: ${value.error}: ${value.message}`);

    return value;
  };
  const end = async () => {
    killGroup(driver, hasDisplay ? 'SIGKILL' : 'SIGTERM'); // Xvfb deletes its files if it is asked to end.
    await gone;
  };

  try {
    const options = { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': { binary, args: ['--automation'] } };
    const session = await firstAnswer(() => call('POST', '/session', { capabilities: { alwaysMatch: options } }));

    return {
      version: session.capabilities.browserVersion,
      ask: (method, path, body) => call(method, `/session/${session.sessionId}${path}`, body),
      end,
    };
  } catch (error) {
    await end();
    throw error;
  }
}

/** Asks again while nobody listens yet. */
async function firstAnswer(ask) {
  const end = Date.now() + patience;
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error instanceof TypeError) || Date.now() > end) throw error;
      await sleep(100);
    }
  }
}
