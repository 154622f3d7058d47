/**
 * Opens a page in each engine that is on this machine, and asks it for a value.
 *
 * Chromium is found as for the tests. Firefox: `firefox-esr`, or TASKBASKET_FIREFOX. WebKit: `WebKitWebDriver` beside the
 * MiniBrowser of WebKitGTK, or TASKBASKET_MINIBROWSER; without a display it runs under `xvfb-run`.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { chromium, firefox } from '@playwright/test';

/**
 * Calls back with each engine's name, version and a function that opens an address, waits for the promise `window.answer`
 * there, and gives back what it resolves with.
 */
export async function eachEngine(chromiumAt, tell, names = 'Chromium Firefox WebKit') {
  if (names.includes('Chromium')) {
    await withPlaywright('Chromium', () => chromium.launch({ executablePath: chromiumAt }), tell);
  }
  const firefoxAt = process.env['TASKBASKET_FIREFOX'] ?? '/usr/bin/firefox-esr';
  if (names.includes('Firefox') && existsSync(firefoxAt)) {
    await withPlaywright('Firefox', () => firefox.launch({ channel: 'moz-firefox', executablePath: firefoxAt }), tell);
  } else if (names.includes('Firefox')) {
    console.log('Firefox: none on this machine (apt-get install firefox-esr).');
  }
  if (!names.includes('WebKit')) return;
  const miniBrowser = [
    process.env['TASKBASKET_MINIBROWSER'] ?? '',
    ...['x86_64', 'aarch64'].map((machine) => `/usr/lib/${machine}-linux-gnu/webkit2gtk-4.1/MiniBrowser`),
  ].find((path) => existsSync(path));
  if (miniBrowser === undefined) console.log('WebKit: none on this machine (apt-get install webkit2gtk-driver xvfb).');
  else await withWebKit(miniBrowser, tell);
}

async function withPlaywright(name, launch, tell) {
  const browser = await launch();
  try {
    const page = await browser.newPage();
    await tell(name, browser.version(), async (address) => {
      await page.goto(address);

      return page.evaluate('window.answer');
    });
  } finally {
    await browser.close();
  }
}

/** WebDriver by hand: Playwright drives no WebKit that a distribution ships. */
async function withWebKit(binary, tell) {
  const port = 4455;
  const driver = spawn('xvfb-run', ['-a', 'WebKitWebDriver', `--port=${port}`], { stdio: 'ignore', detached: true });
  const ask = async (method, path, body) => {
    const init = { method, body: body === undefined ? undefined : JSON.stringify(body) };
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    const { value } = await response.json();
    if (!response.ok) throw new Error(`WebKitWebDriver: ${value.error}: ${value.message}`);

    return value;
  };
  let session;
  try {
    const options = { browserName: 'MiniBrowser', 'webkitgtk:browserOptions': { binary, args: ['--automation'] } };
    for (let tries = 0; session === undefined; tries += 1) {
      await sleep(500);
      session = await ask('POST', '/session', { capabilities: { alwaysMatch: options } }).catch((error) => {
        if (tries > 20) throw error;
      });
    }
    const { sessionId, capabilities } = session;
    await ask('POST', `/session/${sessionId}/timeouts`, { script: 300_000 });
    await tell('WebKitGTK', capabilities.browserVersion, async (address) => {
      await ask('POST', `/session/${sessionId}/url`, { url: address });
      const script = 'const done = arguments[0]; window.answer.then(done, (error) => done(String(error)));';

      return ask('POST', `/session/${sessionId}/execute/async`, { script, args: [] });
    });
    await ask('DELETE', `/session/${sessionId}`);
  } finally {
    if (driver.pid !== undefined) process.kill(-driver.pid);
  }
}
