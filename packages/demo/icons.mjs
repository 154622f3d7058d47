/**
 * Draws the app's icons from `public/favicon.svg`, by hand: `TASKBASKET_CHROMIUM=… node icons.mjs`
 *
 * A maskable icon is cut to any shape: the ground fills it, and the mark stays in the middle four fifths.
 */
import { readFileSync } from 'node:fs';

import { chromium } from '@playwright/test';

const folder = new URL('./public/', import.meta.url);
const svg = readFileSync(new URL('favicon.svg', folder), 'utf8');
const maskable = svg
  .replace('rx="14"', '')
  .replace('<g ', '<g transform="translate(32 32) scale(.78) translate(-32 -33)" ');

const browser = await chromium.launch({
  executablePath: process.env['TASKBASKET_CHROMIUM'] ?? '/usr/bin/chromium',
  args: ['--no-sandbox'],
});
const page = await browser.newPage();
for (const [name, source, size] of /** @type {const} */ ([
  ['icon-192', svg, 192],
  ['icon-512', svg, 512],
  ['icon-maskable-512', maskable, 512],
])) {
  await page.setViewportSize({ width: size, height: size });
  await page.setContent(`<style>body{margin:0}svg{display:block;width:100vw;height:100vh}</style>${source}`);
  await page.screenshot({ path: new URL(`${name}.png`, folder).pathname, omitBackground: true });
}
await browser.close();
