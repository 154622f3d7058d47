import { defineConfig } from '@playwright/test';

import { findBrowser } from './scripts/setup.mjs';

// `npm test` sets it. Started by hand, the browser is looked for in the same places.
const executablePath = process.env['TASKBASKET_CHROMIUM'] ?? (await findBrowser());
process.env['TASKBASKET_CHROMIUM'] = executablePath;

/** Tests start the demo's server themselves, one each, through a fixture. */
export default defineConfig({
  testDir: 'e2e',
  outputDir: 'test-results/playwright',
  fullyParallel: true,
  workers: 2,
  retries: 0,
  forbidOnly: process.env['CI'] !== undefined,
  timeout: 60_000,
  // A machine that does other things is slow, not wrong.
  expect: { timeout: 15_000 },
  reporter: [['list'], ['json', { outputFile: 'test-results/playwright.json' }]],
  use: {
    browserName: 'chromium',
    headless: true,
    launchOptions: {
      executablePath,
      args: ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'],
    },
  },
});
