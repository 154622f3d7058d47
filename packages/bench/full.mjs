/**
 * Which transactions Chromium commits when the quota of a site is used up, and whether freed room can be used at once.
 * Decision 0015 has the figures.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from '@playwright/test';

import { readOptions, wholeNumber } from '../../scripts/options.mjs';
import { findBrowser } from '../../scripts/setup.mjs';
import { isMain, main } from '../../scripts/steps.mjs';

/** What the page has. */
function library() {
  const kept = {};

  self.opened = async () => {
    const open = indexedDB.open('full', 1);
    open.onupgradeneeded = () => {
      for (const name of ['rows', 'state', 'filler']) open.result.createObjectStore(name, { autoIncrement: true });
    };
    kept.db = await new Promise((resolve) => (open.onsuccess = () => resolve(open.result)));
  };

  const random = (size) => {
    const bytes = new Uint8Array(size);
    for (let at = 0; at < size; at += 65_536) crypto.getRandomValues(bytes.subarray(at, at + 65_536));

    return bytes;
  };

  /** Whether a transaction commits. Each step deletes (`size` is absent) or puts so many bytes. */
  self.commits = (...steps) =>
    new Promise((resolve) => {
      const tx = kept.db.transaction(['rows', 'state', 'filler'], 'readwrite', { durability: 'strict' });
      tx.oncomplete = () => resolve(true);
      tx.onabort = () => resolve(false);
      for (const { store, key, size } of steps) {
        if (size === undefined) tx.objectStore(store).delete(key);
        else tx.objectStore(store).put(random(size), key);
      }
    });

  self.fill = async () => {
    for (const size of [65_536, 10_000, 1_000, 100, 1]) while (await self.commits({ store: 'filler', size }));
  };

  /** How many puts of so many bytes commit, one transaction after the other. */
  self.puts = async (size, most) => {
    let count = 0;
    while (count < most && (await self.commits({ store: 'state', key: 'runner', size }))) count += 1;

    return count;
  };
}

const row = { store: 'rows', key: 1 };
const rowSize = 2_000;

async function measure({ reserve, most }) {
  const folder = mkdtempSync(path.join(tmpdir(), 'taskbasket-full-'));
  const server = createServer((_, response) => response.writeHead(200, { 'Content-Type': 'text/html' }).end('<title>'));
  await new Promise((resolve) => void server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const url = `http://127.0.0.1:${server.address().port}`;
  // On disk, because a private window stores in another way.
  const browser = await chromium.launchPersistentContext(folder, {
    executablePath: await findBrowser(),
    args: ['--no-sandbox'],
  });
  try {
    const page = await browser.newPage();
    await page.goto(url);
    await page.evaluate(library);
    const devtools = await browser.newCDPSession(page);
    // Before anything is written, because the browser remembers for a while how much room there was.
    await devtools.send('Storage.overrideQuotaForOrigin', { origin: url, quotaSize: reserve + 4_000_000 });
    await page.evaluate(() => self.opened());
    const commits = (...steps) => page.evaluate((all) => self.commits(...all), steps);
    await commits(
      { ...row, size: rowSize },
      { ...row, key: 2, size: rowSize },
      { store: 'state', key: 'runner', size: 300 },
    );
    await commits({ store: 'state', key: 'reserve', size: reserve });
    await page.evaluate(() => self.fill());

    const found = [
      [
        'a put that replaces a record by one of the same size',
        await commits({ store: 'state', key: 'runner', size: 300 }),
      ],
      ['a put that replaces a row by a smaller one', await commits({ ...row, size: 1 })],
      ['a deletion of a row', await commits(row)],
      [
        'a deletion of a row and a put of one byte',
        await commits({ ...row, key: 2 }, { store: 'state', key: 'x', size: 1 }),
      ],
      ['the deletion of the reserve', await commits({ store: 'state', key: 'reserve' })],
    ];
    const puts = await page.evaluate(([size, limit]) => self.puts(size, limit), [300, most]);
    console.log(`Chromium ${browser.browser()?.version() ?? ''}, at a quota that is used up:`);
    for (const [what, does] of found) console.log(`  ${does ? 'commits ' : 'is refused'}  ${what}`);
    console.log(
      `  At once after that, ${puts}${puts === most ? ' or more' : ''} transactions commit that each put 300 bytes.`,
    );
  } finally {
    await browser.close();
    await new Promise((resolve) => void server.close(resolve));
    rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
  }
}

if (isMain(import.meta.url)) {
  await main(async () => {
    const { values } = readOptions({
      command: 'node packages/bench/full.mjs',
      does: 'Uses up the quota of a site, and prints which transactions Chromium still commits.',
      options: {
        reserve: { value: 'BYTES', default: '1048576', does: 'The size of the reserve.' },
        most: { value: 'N', default: '2000', does: 'After how many small transactions to stop.' },
      },
      example: 'node packages/bench/full.mjs --reserve 262144',
    });
    await measure({ reserve: wholeNumber('reserve', values.reserve), most: wholeNumber('most', values.most) });

    return 0;
  });
}
