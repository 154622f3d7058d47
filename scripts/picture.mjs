/**
 * `npm run picture`: plays the demo in a browser and writes docs/demo.webp, the animation of the README. Each picture is taken
 * only once the page and the server's ledger show what its caption says. Needs `img2webp`, of the Debian package `webp`.
 */
import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { build } from './start.mjs';
import { readOptions } from './options.mjs';
import { setup } from './setup.mjs';
import { Failure, main, root, run } from './steps.mjs';

const size = { width: 960, height: 560 };
const target = path.join(root, 'docs/demo.webp');
const title = 'Bridge 7, cellar';

await main(async () => {
  readOptions({
    command: 'npm run picture --',
    does:
      'Plays the demo in a browser and writes docs/demo.webp, the animation of the README. Each picture is taken only once\n' +
      "the page and the server show what its caption says. Needs `img2webp`, of Debian's package `webp`.",
    example: 'npm run picture',
  });
  const executablePath = await setup();
  await build();
  const { startServer } = await import('../packages/demo/server/server.mjs');
  const { chromium } = await import('@playwright/test');
  const server = await startServer();
  const browser = await chromium.launch({ executablePath, args: ['--no-sandbox'] });
  try {
    await save(browser, await play(await browser.newContext({ viewport: size }), server));
  } finally {
    await browser.close();
    await server.close();
  }
});

/** Lets a report survive. Returns the pictures with their captions. */
async function play(context, server) {
  const scenes = [];
  const show = async (caption, up, tab) => {
    await tab?.waitForTimeout(500); // A change of the page fades in.
    scenes.push({ caption, up, picture: await tab?.screenshot() });
  };

  let page = await context.newPage();
  await page.goto(server.url);
  await page.getByTestId('sign-in-ann').click();
  await page.getByTestId('offline-ready').waitFor();
  await show('An inspector opens the app.', true, page);

  await server.down();
  await page.getByTestId('title').fill(title);
  await page.getByTestId('text').fill('The cellar is dry. One step is loose.');
  await show('The server is away. She writes a report.', false, page);

  await page.getByTestId('save').click();
  const unsent = () => page.locator('[part~=item]').filter({ hasText: 'Next try' });
  await unsent().waitFor();
  await show('She saves it. It is on disk, and says why it waits.', false, page);

  await page.close();
  await show('She closes the tab. The worker ends with it.', false);

  page = await context.newPage();
  await page.goto(server.url);
  await unsent().waitFor();
  await show('She opens the app again. The report is still there.', false, page);

  assert.deepEqual(server.effects(), []);
  await server.up();
  await page.getByTestId('report-item').and(page.locator('[data-state=sent]')).waitFor({ timeout: 120_000 });
  await page.locator('[part~=item]').waitFor({ state: 'detached' });
  assert.equal(server.effects().length, 1, 'the server has the report once');
  await show('The server is back. The report is sent, once.', true, page);

  return scenes;
}

/** Puts each picture into a frame with its caption, and joins them. */
async function save(browser, scenes) {
  const folder = mkdtempSync(path.join(tmpdir(), 'taskbasket-picture-'));
  try {
    const stage = await browser.newPage({ viewport: { width: size.width + 32, height: size.height + 132 } });
    const files = [];
    for (const [place, scene] of scenes.entries()) {
      await stage.setContent(frame(scene, place, scenes.length));
      const file = path.join(folder, `${place}.png`);
      writeFileSync(file, await stage.screenshot());
      files.push('-d', place === scenes.length - 1 ? '4500' : '3000', file);
    }
    const { code, output } = await run('img2webp', [
      '-loop',
      '0',
      '-lossy',
      '-q',
      '80',
      '-m',
      '6',
      ...files,
      '-o',
      target,
    ]);
    if (code !== 0) throw new Failure(`img2webp failed:\n${output.trim()}`);
    console.log(`${scenes.length} pictures: ${target}`);
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

function frame({ caption, up, picture }, place, count) {
  const inside = picture
    ? `<img alt="" src="data:image/png;base64,${picture.toString('base64')}" width="${size.width}">`
    : '<p class="empty">No tab is open</p>';
  const dots = Array.from({ length: count }, (_, dot) => `<i class="${dot <= place ? 'on' : ''}"></i>`).join('');

  return `<!doctype html><style>
    * { box-sizing: border-box; margin: 0 }
    body { padding: 16px; background: #e8eceb; font: 500 22px/1.2 system-ui, 'DejaVu Sans', sans-serif; color: #10201d }
    .window { border-radius: 10px; overflow: hidden; background: #fff; box-shadow: 0 2px 10px #0003 }
    .tabs { display: flex; justify-content: space-between; align-items: end; height: 42px; padding: 0 14px; background: #cfd8d6; font-size: 16px }
    .tab { padding: 9px 18px; border-radius: 8px 8px 0 0; background: #fff }
    .server { align-self: center; padding: 4px 12px; border-radius: 99px; color: #fff; background: ${up ? '#0f6b3f' : '#a1260d'} }
    .page { height: ${size.height}px; background: #f4f6f5 }
    .empty { padding-top: ${size.height / 2 - 20}px; text-align: center; color: #5b6b68 }
    .caption { display: flex; justify-content: space-between; align-items: center; padding: 16px 6px 0 }
    i { display: inline-block; width: 11px; height: 11px; margin-left: 7px; border-radius: 50%; background: #b4c0bd }
    i.on { background: #0f5f57 }
  </style>
  <div class="window">
    <div class="tabs"><span class="${picture ? 'tab' : ''}">${picture ? 'Field notes' : ''}</span><span class="server">server: ${up ? 'up' : 'away'}</span></div>
    <div class="page">${inside}</div>
  </div>
  <div class="caption"><span>${place + 1}. ${caption}</span><span>${dots}</span></div>`;
}
