/**
 * Opens a page in each engine that is on this machine, and asks it for a value.
 *
 * The browsers are those of `npm run test:engines`: TASKBASKET_CHROMIUM, TASKBASKET_FIREFOX and TASKBASKET_MINIBROWSER name others.
 */
import { chromium, firefox } from '@playwright/test';

import { startWebKit } from '../../e2e/webdriver.mjs';
import { findFirefox, findMiniBrowser } from '../../scripts/engines.mjs';
import { findBrowser } from '../../scripts/setup.mjs';

/**
 * Calls back with each engine's name, version and a function that opens an address, waits for the promise `window.answer`
 * there, and gives back what it resolves with.
 *
 * @param {string[]} names of `Chromium`, `Firefox` and `WebKit`
 */
export async function eachEngine(names, tell) {
  if (names.includes('Chromium')) {
    const executablePath = await findBrowser();
    await withPlaywright('Chromium', () => chromium.launch({ executablePath }), tell);
  }
  if (names.includes('Firefox')) {
    const executablePath = await findFirefox();
    if (executablePath === undefined) console.log('Firefox: none on this machine (apt-get install firefox-esr).');
    else await withPlaywright('Firefox', () => firefox.launch({ channel: 'moz-firefox', executablePath }), tell);
  }
  if (names.includes('WebKit')) {
    const binary = await findMiniBrowser();
    if (binary === undefined)
      console.log('WebKit: none on this machine (apt-get install webkit2gtk-driver xvfb xauth).');
    else await withWebKit(binary, tell);
  }
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

async function withWebKit(binary, tell) {
  const { version, ask, end } = await startWebKit(binary);
  try {
    await ask('POST', '/timeouts', { script: 300_000 });
    await tell('WebKitGTK', version, async (address) => {
      await ask('POST', '/url', { url: address });
      const script = 'const done = arguments[0]; window.answer.then(done, (error) => done(String(error)));';

      return ask('POST', '/execute/async', { script, args: [] });
    });
  } finally {
    await end();
  }
}
