/**
 * What a person does with `examples/react-dexie-pwa`, in a browser: writes notes and photos while everything is away, opens the
 * page again from its shell, and corrects what the server refused. `npm run test:bundlers` calls it.
 */
import { readFileSync } from 'node:fs';
import path from 'node:path';

import { startProgram } from './bundlers-server.mjs';
import { workers } from './bundlers-visit.mjs';
import { Failure, freePort, patience } from './steps.mjs';

/** A picture of one pixel. */
const picture = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mP8z8BQDwAEhQGAhKmMIQAAAABJRU5ErkJggg==',
  'base64',
);

/**
 * Uses the built app in this folder.
 *
 * @param {import('@playwright/test').Browser} browser
 * @param {string} folder
 * @returns {Promise<string>} the URL of the SharedWorker, without the origin
 */
export async function useWholeApp(browser, folder) {
  const [port, api] = [await freePort(), await freePort()];
  const url = `http://127.0.0.1:${port}/`;
  const data = path.join(folder, 'data-of-this-run'); // `data` may hold what somebody has tried by hand
  const env = { API: `http://127.0.0.1:${api}`, PORT: String(api), DATA: data };
  const preview = ['node_modules/.bin/vite', 'preview', '--host', '127.0.0.1', '--strictPort', '--port'];
  const startPage = () => startProgram(folder, preview, { port, env });
  const startServer = () => startProgram(folder, [process.execPath, 'server.mjs'], { port: api, env });

  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  const programs = [await startPage()];
  try {
    const first = await context.newPage();
    await first.goto(url);
    await first.evaluate(() => navigator.serviceWorker.ready.then(() => true));
    await programs.pop()?.stop();
    await first.close();

    const page = await context.newPage();
    await page.goto(url); // Nothing answers any more: the page comes from its shell.
    await writeOffline(page);
    const [worker, ...others] = await workers(browser);
    expect('one SharedWorker runs', [worker !== undefined, others], [true, []]);

    programs.push(await startPage());
    programs.push(await startServer());
    await page.getByRole('button', { name: 'Try now' }).click();
    await says(page, '2 not sent yet, 1 of them refused.');
    expect('one note has arrived, and then its photo', journal(data).map(whatIsIn), ['Cellar', picture.length]);
    await correct(page);
    await judge(data, url);

    return (worker ?? '').replace(url, '/');
  } finally {
    await context.close();
    await Promise.all(programs.map((program) => program.stop()));
  }
}

/** Two notes with the same title, which the server does not allow, each with a photo; and a reload. */
async function writeOffline(page) {
  await write(page, 'Cellar', 'The north wall is dry.');
  await write(page, 'Cellar', 'The south wall is wet.');
  await says(page, '4 not sent yet.');
  await page.reload();
  await says(page, '4 not sent yet.');
  await picturesAreShown(page, 2);
  const answer = await page.evaluate(() => fetch('/api/notes/a').catch(() => 'no answer'));
  expect('the shell does not answer for the server', answer, 'no answer');
}

async function correct(page) {
  await page.getByText('Another note has this title.').waitFor();
  await page.getByRole('button', { name: 'Correct Cellar' }).click();
  const form = page.getByRole('form', { name: 'Correct Cellar' });
  await form.getByLabel('Title').fill('Cellar, south');
  await form.getByRole('button', { name: 'Send again' }).click();
  await says(page, 'All is sent.');
  await page.getByText('Sent', { exact: true }).nth(1).waitFor();
}

/** Looks at what the server has done. */
async function judge(data, url) {
  const done = journal(data);
  const [note, photo, corrected, itsPhoto] = done;
  const wanted = ['Cellar', picture.length, 'Cellar, south', picture.length];
  expect('each note and photo arrived once, each photo after its note', done.map(whatIsIn), wanted);
  expect('each photo belongs to its note', [photo.note, itsPhoto.note], [note.id, corrected.id]);
  expect('the photo is the one that was chosen', readFileSync(path.join(data, photo.photo)), picture);

  const [method, where] = note.request.split(' ');
  const headers = { 'Idempotency-Key': `"${note.key}"` };
  const again = await fetch(new URL(where, url), { method, headers, body: JSON.stringify(note) });
  expect('a request that comes twice is done once', [again.status, journal(data).length], [204, 4]);
}

async function write(page, title, text) {
  const form = page.getByRole('form', { name: 'New note' });
  await form.getByLabel('Title').fill(title);
  await form.getByLabel('Text').fill(text);
  await form.getByLabel('Photos').setInputFiles({ name: 'photo.png', mimeType: 'image/png', buffer: picture });
  await form.getByRole('button', { name: 'Save note' }).click();
  await page.getByText(text).and(page.locator('p')).waitFor();
}

/** Waits until the line at the top says this. */
async function says(page, text) {
  await page.getByRole('status').getByText(text, { exact: true }).waitFor();
}

async function picturesAreShown(page, count) {
  await page.waitForFunction(
    (wanted) => [...document.images].filter(({ naturalWidth }) => naturalWidth > 0).length === wanted,
    count,
  );
}

/** What the server has done, in order. */
function journal(data) {
  const lines = readFileSync(path.join(data, 'journal.jsonl'), 'utf8').trim().split('\n');

  return lines.map((line) => JSON.parse(line));
}

const whatIsIn = ({ title, size }) => title ?? size;

function expect(what, got, wanted) {
  if (JSON.stringify(got) === JSON.stringify(wanted)) return;
  throw new Failure(`Not true: ${what}. Expected ${JSON.stringify(wanted)}, got ${JSON.stringify(got)}.`);
}
