/**
 * `npm start -- --check --text T`: shows, in a real browser, that what a page stored while the server was away reaches it.
 * Exit code 0: the server's own data file holds T exactly once, and the bucket is empty.
 */
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

import { Failure, root, run, until } from './steps.mjs';

const databaseName = 'field-notes';
const storeName = 'taskbasket.tasks';

/**
 * @param {string} executablePath of the browser
 * @param {string} [text] that is stored
 * @returns {Promise<number>} the exit code
 */
export async function check(executablePath, text = `Seen at ${new Date().toISOString()}`) {
  const folder = mkdtempSync(path.join(tmpdir(), 'taskbasket-check-'));
  const data = path.join(folder, 'server.sqlite');
  const { startServer } = await import('../packages/demo/server/server.mjs');
  const { chromium } = await import('@playwright/test');
  const server = await startServer({ data });
  const browser = await chromium.launch({ executablePath, args: browserArgs });
  try {
    console.log(`\nServer: ${server.url}, its data in ${data}`);
    const left = await send(browser, server, text);
    const held = await readInAnotherProcess(data, text);

    return judge(left, held, text);
  } finally {
    await browser.close();
    await server.close();
    rmSync(folder, { recursive: true, force: true });
  }
}

const browserArgs = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Returns the rows that are left in the bucket. */
async function send(browser, server, text) {
  const page = await browser.newPage();
  await page.goto(server.url);
  await page.getByTestId('sign-in-ann').click();
  await until('the page shows its bucket', async () => (await rows(page)) !== undefined);
  tell('Rows in the bucket before', await rows(page));

  server.setMood('refuse');
  console.log('\nThe server now resets every connection.');
  await page.getByTestId('title').fill('Checked');
  await page.getByTestId('text').fill(text);
  await page.getByTestId('save').click();
  await until('a request was refused', () => server.ledger().some((request) => request.mood === 'refuse'));
  await until('no attempt is under way', () => server.ledger().every((request) => request.status !== null));
  tell('Rows in the bucket during', await rows(page));

  server.setMood('up');
  console.log('\nThe server is up again.');
  await until('the bucket is empty', async () => (await rows(page))?.length === 0);
  tell('Rows in the bucket after', await rows(page));

  const cdp = await browser.newBrowserCDPSession();
  const { targetInfos } = await cdp.send('Target.getTargets');
  const workers = targetInfos.filter((target) => target.type === 'shared_worker');
  for (const { title, url } of workers) console.log(`\nSharedWorker that sent it: ${title} ${url}`);
  if (workers.length === 0) console.log('\nThere is no SharedWorker.');

  return rows(page);
}

/** What lies in the bucket, read past the library. `undefined`: the page has not made it yet. */
function rows(page) {
  return page.evaluate(
    async ([name, store]) => {
      const known = await indexedDB.databases();
      if (!known.some((database) => database.name === name)) return undefined;
      const db = await settled(indexedDB.open(name));
      try {
        if (!db.objectStoreNames.contains(store)) return undefined;

        return await settled(db.transaction(store).objectStore(store).getAll());
      } finally {
        db.close();
      }

      function settled(request) {
        return new Promise((resolve, reject) => {
          request.onsuccess = () => resolve(request.result);
          request.onerror = () => reject(request.error);
        });
      }
    },
    [databaseName, storeName],
  );
}

/** A process of its own opens the server's file: what it holds does not depend on what the server says. */
async function readInAnotherProcess(data, text) {
  const reader = path.join(root, 'packages/demo/server/read.mjs');
  const { code, output } = await run(process.execPath, [reader, '--data', data, '--text', text]);
  if (code !== 0) throw new Failure(`The server's data could not be read:\n${output.trim()}`);
  const held = JSON.parse(output);
  console.log(`\nWhat another process reads in the server's data for ${JSON.stringify(text)}:`);
  for (const request of held.ledger) {
    const { n, method, path: where, key, mood, status, worker } = request;
    console.log(`  request ${n}: ${method} ${where}, key ${key}, server ${mood}, answered ${status}, from ${worker}`);
  }
  for (const { n, method, path: where, key, body } of held.effects) {
    console.log(`  effect ${n}: ${method} ${where}, idempotency key ${key}, body ${body}`);
  }
  for (const report of held.reports) console.log(`  report: ${JSON.stringify(report)}`);

  return held;
}

function judge(left, { effects, reports }, text) {
  const once = effects.length === 1 && reports.length === 1 && reports[0].text === text;
  const empty = left?.length === 0;
  console.log(
    `\nThe text is there exactly once: ${once ? 'yes' : 'NO'}. The bucket is empty: ${empty ? 'yes' : 'NO'}.`,
  );

  return once && empty ? 0 : 1;
}

function tell(title, found) {
  console.log(`\n${title}: ${found.length}`);
  for (const row of found) console.log(`  ${JSON.stringify(row)}`);
}
