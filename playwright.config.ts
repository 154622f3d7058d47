import { type PlaywrightTestConfig, defineConfig } from '@playwright/test';

import { engine } from './e2e/engine.js';
import { findBrowser } from './scripts/setup.mjs';

// `npm test` sets it. Started by hand, the browser is looked for in the same places.
const executablePath = process.env['TASKBASKET_CHROMIUM'] ?? (engine === 'chromium' ? await findBrowser() : '');
process.env['TASKBASKET_CHROMIUM'] = executablePath;
/** Most tests run in the headless shell, if `npm test` has found one. See `docs/decisions/0019-headless-shell.md`. */
const shell = process.env['TASKBASKET_SHELL'] || executablePath;

const results = `test-results/playwright${engine === 'chromium' ? '' : `-${engine}`}`;

type Use = NonNullable<PlaywrightTestConfig['use']>;

const chromium: Use = {
  browserName: 'chromium',
  headless: true,
  launchOptions: {
    executablePath: shell,
    args: [
      '--no-sandbox',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      // A tenth less to compute: nothing here needs a graphics process that imitates a graphics card.
      '--disable-gpu',
    ],
  },
};

/** The Firefox that people have, by its own protocol; not the one that Playwright builds. */
const firefox: Use = {
  browserName: 'firefox',
  channel: 'moz-firefox',
  headless: true,
  launchOptions: {
    executablePath: process.env['TASKBASKET_FIREFOX'] ?? '/usr/bin/firefox-esr',
    // It asks the person whether a site may keep its storage. Nobody sits here: it answers yes by itself.
    firefoxUserPrefs: { 'dom.storageManager.prompt.testing': true, 'dom.storageManager.prompt.testing.allow': true },
  },
};

/** `only`: the tests that take minutes, see `e2e/long.ts`. `all`: these too. */
const long = process.env['TASKBASKET_LONG'];

/** Tests start the demo's server themselves, one each, through a fixture. */
export default defineConfig({
  ...(long === 'only' ? { grep: /@long|@sized/ } : long === 'all' ? {} : { grepInvert: /@long/ }),
  testDir: 'e2e',
  outputDir: results,
  fullyParallel: true,
  // Most of a test is waiting, for a backoff or for a worker to be gone: two for each processor.
  workers: '200%',
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  // A machine that does other things is slow, not wrong: limits are for what never comes.
  timeout: 240_000,
  expect: { timeout: 60_000 },
  reporter: [['list'], ['json', { outputFile: `${results}.json` }]],
  // The pages of WebKit are a fixture's; see e2e/webkit.ts.
  use: { chromium, firefox, webkit: {} }[engine],
});
