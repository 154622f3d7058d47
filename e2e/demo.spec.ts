import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import {
  discard,
  effectsOn,
  expect,
  pixel,
  reportItem,
  reportsOn,
  signIn,
  test,
  tryNow,
  unsentItem,
  write,
} from './demo-page.js';
import { focusOn, until, untilLedger } from './fixture.js';

test('a report is shown as unsent and then as sent, never the other way; its changes arrive in the order in which they were saved', async ({
  demo,
  server,
}) => {
  await expect(demo.getByTestId('offline-ready')).toBeVisible();
  await expect(demo.getByTestId('storage')).toBeHidden();
  server.setMood('slow', { delay: 500 });
  await demo.evaluate(() => {
    const seen: string[] = [];
    Object.assign(globalThis, { seen });
    new MutationObserver((changes) => {
      for (const { target } of changes) if (target instanceof HTMLElement) seen.push(target.dataset['state'] ?? '');
    }).observe(document.getElementById('reports') as Node, { subtree: true, attributeFilter: ['data-state'] });
    new MutationObserver((changes) => {
      for (const { addedNodes } of changes)
        for (const node of addedNodes) if (node instanceof HTMLElement) seen.push(node.dataset['state'] ?? '');
    }).observe(document.getElementById('reports') as Node, { childList: true });
  });
  await write(demo, { title: 'Bridge 7', text: 'first' });

  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 7.');
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
  await expect(demo.locator('[part~=item]')).toHaveCount(0);
  const seen = await demo.evaluate(() => (globalThis as unknown as { readonly seen: readonly string[] }).seen);
  expect([...new Set(seen)]).toEqual(['unsent', 'sent']);

  await test.step('with the first report the browser was asked to keep them, and its answer is shown', async () => {
    await expect(demo.getByTestId('storage')).toBeVisible();
    const kept = await demo.evaluate(() => navigator.storage.persisted());
    await expect(demo.getByTestId('storage')).toHaveText(
      kept
        ? 'This browser keeps your reports until you delete them.'
        : 'This browser may delete reports if the device runs out of space: send them soon.',
    );
  });

  server.setMood('503', { times: 1 });
  for (const text of ['second', 'third']) {
    await reportItem(demo, 'Bridge 7').getByTestId('report-edit').click();
    await write(demo, { title: 'Bridge 7', text });
    // A save that was not tried yet would be replaced by the next one.
    await untilLedger(server, (ledger) => ledger.some(({ body }) => body?.includes(text)), 'a request');
  }
  await until(server.effects, (effects) => effects.length === 3, 'three effects');
  const texts = server.effects().map(({ body }) => (JSON.parse(body ?? '{}') as { readonly text: string }).text);
  expect(texts).toEqual(['first', 'second', 'third']);
  expect(reportsOn(server)).toEqual([{ title: 'Bridge 7', text: 'third' }]);
});

test('while a report is changed its text is saved by itself; fifty such saves without a network are two requests at most, and the last one counts', async ({
  demo,
  server,
}) => {
  await write(demo, { title: 'Bridge 7', text: 'Rust.' });
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  server.down();

  await reportItem(demo, 'Bridge 7').getByTestId('report-edit').click();
  await expect(demo.getByTestId('form-note')).toHaveText('The text is saved by itself while you write.');
  await demo.getByTestId('text').fill('Line 0');
  await expect(demo.getByTestId('form-note')).toHaveText(/^Saved by itself at \d\d:\d\d:\d\d\.$/);
  // The page does it by itself, because each look from here would cost more than the save.
  await reportItem(demo, 'Bridge 7')
    .getByTestId('report-text')
    .evaluate(async (shown) => {
      const field = document.querySelector('#text') as HTMLTextAreaElement;
      for (let line = 1; line < 50; line += 1) {
        field.focus();
        field.value = `Line ${line}`;
        field.dispatchEvent(new InputEvent('input'));
        field.blur();
        while (shown.textContent !== field.value) await new Promise((resolve) => requestAnimationFrame(resolve));
      }
    });
  await expect(demo.getByTestId('unsent-count')).toHaveText(/^[12] not sent$/);

  server.up();
  await tryNow(unsentItem(demo, 'Bridge 7').first());
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(reportsOn(server)).toEqual([{ title: 'Bridge 7', text: 'Line 49' }]);
  expect(server.ledger().length).toBeLessThanOrEqual(3);

  // What was saved by itself is not saved once more.
  await demo.getByTestId('save').click();
  await expect(demo.getByTestId('title')).toHaveValue('');
  await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
  expect(server.effects().length).toBeLessThanOrEqual(3);
});

test('while the server is away, a save says why it waits and how long; it is discarded, or sent at once by "try now"', async ({
  demo,
  server,
}) => {
  server.setMood('503', { retryAfter: 600 });
  await write(demo, { title: 'Bridge 7' });

  const item = unsentItem(demo, 'Bridge 7');
  for (const look of ['before', 'after a reload'] as const) {
    if (look === 'after a reload') await demo.reload();
    await expect(item).toHaveAttribute('part', 'item item-away');
    await expect(item.locator('[part=why]')).toHaveText(/^The server is busy \(503\)\. Next try in \d+ minutes\.$/);
    await expect(item.locator('[part=facts]')).toHaveText(
      /^Saved at \d\d:\d\d:\d\d, tried once\. Last error at \d\d:\d\d:\d\d: The server answered 503\.$/,
    );
    await expect(demo.locator('[part=note]')).toHaveText('1 is not sent yet.');
    await expect(demo.getByTestId('unsent-count')).toHaveText('1 not sent');
    await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'unsent');
  }
  expect(server.ledger()).toHaveLength(1);

  await test.step('a discarded save is not sent; "try now" sends one, and the others that waited after it', async () => {
    for (const title of ['Bridge 8', 'Bridge 9']) {
      await write(demo, { title });
      await expect(unsentItem(demo, title)).toHaveAttribute('part', 'item item-away');
    }
    await discard(item);
    await expect(demo.getByTestId('announcement')).toContainText('Discarded: Bridge 7. It is not sent.');
    await expect(item).toHaveCount(0);
    await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'cancelled');

    server.setMood('up');
    await unsentItem(demo, 'Bridge 9').locator('[part~=retry]').click();
    await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
    for (const title of ['Bridge 8', 'Bridge 9']) {
      await expect(reportItem(demo, title)).toHaveAttribute('data-state', 'sent');
    }
    await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'cancelled');
    expect([...effectsOn(server)].sort()).toEqual(['Bridge 8', 'Bridge 9']);
    expect(server.ledger()).toHaveLength(3);
  });
});

test('with “send later” nothing of hers is sent, also after a reload, while Bob’s is; switched off, it is', async ({
  demo,
  server,
}) => {
  const later = demo.locator('[part~=pause]');
  await expect(demo.getByTestId('title')).toBeFocused(); // The sign-in moves the focus there.
  await focusOn(later);
  await demo.keyboard.press('Space');
  await expect(later).toHaveAttribute('aria-pressed', 'true');
  await write(demo, { title: 'Bridge 7' });
  const item = unsentItem(demo, 'Bridge 7');
  await expect(item.locator('[part=why]')).toHaveText('Waits until you switch “Send later” off.');
  await expect(item.locator('[part~=retry]')).toBeHidden();

  await demo.getByTestId('sign-out').click();
  await demo.getByTestId('leave-yes').click();
  await signIn(demo, 'bob');
  await write(demo, { title: 'Quay wall' });
  await expect(reportItem(demo, 'Quay wall')).toHaveAttribute('data-state', 'sent');
  await expect(later).toHaveAttribute('aria-pressed', 'false');
  await demo.getByTestId('sign-out').click();
  await signIn(demo, 'ann');

  await demo.reload();
  await expect(later).toHaveAttribute('aria-pressed', 'true');
  await expect(item).toHaveAttribute('part', 'item item-paused');
  await item.locator('[part~=pause-one]').click();
  await expect(item.locator('[part=why]')).toHaveText('Waits until you switch “Hold back” off.');
  await later.click();
  await expect(later).toHaveAttribute('aria-pressed', 'false');
  expect(effectsOn(server)).toEqual(['Quay wall']);
  await item.locator('[part~=pause-one]').click();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
});

test('what is announced stands for two seconds before something else takes its place', async ({ demo, server }) => {
  await demo.evaluate(() => {
    const told: number[] = [];
    Object.assign(globalThis, { told });
    // Time stands still within a turn of the page: so a machine that is busy between two lines makes no pause shorter.
    const now = performance.now.bind(performance);
    let turn: number | undefined;
    performance.now = () => {
      if (turn === undefined) setTimeout(() => (turn = undefined));
      turn ??= now();
      return turn;
    };
    new MutationObserver(() => told.push(performance.now())).observe(document.getElementById('announcement') as Node, {
      childList: true,
    });
  });
  server.setMood('503', { retryAfter: 600 });
  await write(demo, { title: 'Bridge 7' });
  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 7.');
  await discard(unsentItem(demo, 'Bridge 7'));
  await expect(demo.getByTestId('announcement')).toContainText('Discarded: Bridge 7.');
  await write(demo, { title: 'Bridge 8' });
  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 8.');

  const told = await demo.evaluate(() => (globalThis as unknown as { readonly told: readonly number[] }).told);
  expect(told.length).toBeGreaterThan(2);
  for (const [place, at] of told.slice(1).entries()) expect(at - (told[place] ?? 0)).toBeGreaterThan(1_950);
});

test('a save that the server refuses is kept, and says why', async ({ demo, server }) => {
  server.setMood('4xx', { status: 413 });
  await write(demo, { title: 'Bridge 7' });

  const item = unsentItem(demo, 'Bridge 7');
  await expect(item).toHaveAttribute('part', 'item item-dead');
  await expect(item.locator('[part=why]')).toHaveText(
    'The server refused it (413): The server does not take this. Correct it.',
  );

  server.setMood('up');
  await item.locator('[part~=retry]').click();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(server.effects()).toHaveLength(1);
});

test('a report, its checklist and its photo are sent, the photo behind its report, and with its progress', async ({
  demo,
  server,
}) => {
  // It takes the photo in, and says nothing: the whole of it is under way.
  server.setMood('hang', { match: '/photos/' });
  await write(demo, {
    title: 'Bridge 7',
    text: 'The railing is loose.',
    checks: { access: 'ok', railings: 'defect', signs: 'na' },
    photo: pixel,
    alt: 'The loose post',
  });
  const item = unsentItem(demo, 'Photo of Bridge 7');
  await expect(item.locator('[part=why]')).toHaveText('Is being sent now, attempt 1: 100 %.');
  await expect(item.getByRole('progressbar', { name: 'Sent' })).toHaveJSProperty('value', 1);
  server.down();
  await expect(item.locator('[part=why]')).toHaveText(/^The server can’t be reached\./);
  await expect(item.getByRole('progressbar')).toBeHidden();
  server.setMood('up');
  server.up();
  await tryNow(item);

  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(effectsOn(server)).toEqual(['Bridge 7', 'photo']);
  const [report] = server.reports();
  expect(report).toMatchObject({ checks: { access: 'ok', railings: 'defect', signs: 'na' } });
  expect(report?.photo?.alt).toBe('The loose post');
  const photos = server.photos().map(({ id, type, bytes }) => ({ id, type, size: bytes.length }));
  expect(photos).toEqual([{ id: report?.photo?.id, type: 'image/png', size: pixel.buffer.length }]);
  expect(server.photos()[0]?.bytes.equals(pixel.buffer)).toBe(true);

  const image = reportItem(demo, 'Bridge 7').getByRole('img', { name: 'The loose post' });
  await expect(image).toBeVisible();
  await expect.poll(() => image.evaluate((shown: HTMLImageElement) => shown.naturalWidth)).toBe(1);
});

test('a photo is sent under the number that the server gave to its report, also if a later change took the report’s place; a discarded report takes its photo along', async ({
  demo,
  server,
}) => {
  await write(demo, { title: 'Bridge 6' });
  await expect(reportItem(demo, 'Bridge 6')).toHaveAttribute('data-state', 'sent');
  await demo.locator('[part~=pause]').click();
  for (const title of ['Bridge 7', 'Wrong place']) await write(demo, { title, text: 'Rust.', photo: pixel });
  await reportItem(demo, 'Bridge 7').getByTestId('report-edit').click();
  await write(demo, { title: 'Bridge 7', text: 'Rust, and a loose post.' });
  // The change has taken the place of the first save: while the page is loading, nothing would.
  const titles = ['Photo of Bridge 7', 'Wrong place', 'Photo of Wrong place', 'Bridge 7'];
  await expect(demo.locator('[part=title]')).toHaveText(titles);
  await demo.reload();
  await discard(unsentItem(demo, 'Wrong place'));
  await expect(demo.locator('[part~=item]')).toHaveCount(2);
  await demo.locator('[part~=pause]').click();

  await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
  expect(effectsOn(server)).toEqual(['Bridge 6', 'Bridge 7', 'photo']);
  expect(server.reports().map(({ title, number, text }) => [title, number, text])).toEqual([
    ['Bridge 7', 2, 'Rust, and a loose post.'],
    ['Bridge 6', 1, ''],
  ]);
  const [path] = server.effects().flatMap((effect) => (effect.path.includes('/photos/') ? [effect.path] : []));
  expect(path).toMatch(/^\/api\/reports\/2\/photos\//);
  expect(server.photos().map(({ report }) => report)).toEqual([server.reports()[0]?.id]);
});

test(
  'a discarded save takes its photo along, and no later save of the report says that the server has the photo',
  { tag: '@long' },
  async ({ demo, server }) => {
    server.setMood('4xx', { times: 1 });
    await write(demo, { title: 'Bridge 7', photo: pixel });
    await expect(unsentItem(demo, 'Bridge 7')).toHaveAttribute('part', 'item item-dead');
    const report = reportItem(demo, 'Bridge 7');
    await report.getByTestId('report-edit').click();
    await write(demo, { title: 'Bridge 7', text: 'Rust.' });
    await expect(demo.locator('[part~=item]')).toHaveCount(3);
    await discard(unsentItem(demo, 'Bridge 7').first());
    await expect(demo.locator('[part=note]')).toHaveText('Everything is sent.');
    await expect(report).toHaveAttribute('data-state', 'cancelled');

    await report.getByTestId('report-edit').click();
    await write(demo, { title: 'Bridge 7', text: 'Much rust.' });
    await until(server.effects, (effects) => effects.length === 2, 'two effects');
    await expect(report).toHaveAttribute('data-state', 'cancelled');
    expect(server.photos()).toEqual([]);
  },
);

test('a large photo is made smaller before it is kept', { tag: '@long' }, async ({ demo, server }) => {
  const png = await demo.evaluate(async () => {
    const canvas = new OffscreenCanvas(3_200, 1_000);
    canvas.getContext('2d')?.fillRect(0, 0, 1_600, 1_000);
    const blob = await canvas.convertToBlob({ type: 'image/png' });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
  const photo = { name: 'large.png', mimeType: 'image/png', buffer: Buffer.from(png) };
  await write(demo, { title: 'Bridge 7', photo });

  await until(server.photos, (photos) => photos.length === 1, 'a photo');
  expect(server.photos()[0]?.type).toBe('image/jpeg');
  const size = await reportItem(demo, 'Bridge 7')
    .getByRole('img', { name: 'Photo of Bridge 7' })
    .evaluate(async (image: HTMLImageElement) => {
      await image.decode();
      return [image.naturalWidth, image.naturalHeight];
    });
  expect(size).toEqual([1_600, 500]);
});

test('the form says at its field what is wrong: a file that is no picture, a title that is missing', async ({
  demo,
  server,
}) => {
  await demo.getByTestId('photo').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('no') });
  await expect(demo.getByTestId('photo')).toHaveAccessibleDescription(
    'This file is no picture that this browser can show. Choose another one.',
  );
  await expect(demo.getByTestId('photo-alt')).toBeHidden();

  await demo.getByTestId('text').fill('Nobody knows where.');
  await demo.getByTestId('save').click();
  await expect(demo.getByTestId('title')).toBeFocused();
  await expect(demo.getByTestId('title')).toHaveAttribute('aria-invalid', 'true');
  await expect(demo.getByTestId('title')).toHaveAccessibleDescription('Give the report a title.');
  await demo.keyboard.type('Bridge 7');
  await expect(demo.getByTestId('title')).not.toHaveAttribute('aria-invalid', 'true');
  await demo.keyboard.press('Enter');
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(effectsOn(server)).toEqual(['Bridge 7']);
});

test('without the server the page opens by its service worker, and a report saved then is sent when it is back', async ({
  demo,
  server,
}) => {
  await expect(demo.getByTestId('offline-ready')).toHaveText('This page opens offline.');
  server.down();

  await demo.reload();
  await expect(demo.getByRole('heading', { name: 'Field notes' })).toBeVisible();
  await write(demo, { title: 'Bridge 7', text: 'Written without a server.' });
  const item = unsentItem(demo, 'Bridge 7');
  await expect(item).toHaveAttribute('part', 'item item-away');
  await expect(item.locator('[part=facts]')).toHaveText(
    /: (?:Failed to fetch|NetworkError when attempting to fetch resource)/,
  );
  await demo.reload();
  await expect(item).toBeVisible();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'unsent');
  expect(server.ledger()).toEqual([]);

  server.up();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(reportsOn(server)).toEqual([{ title: 'Bridge 7', text: 'Written without a server.' }]);
  expect(server.effects()).toHaveLength(1);
});

test('the service worker never answers for the API', async ({ demo, mayFail, server }) => {
  await expect(demo.getByTestId('offline-ready')).toHaveText('This page opens offline.');
  await demo.reload();
  expect(await demo.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
  // If it looked at all, it would find this.
  await demo.evaluate(async () => {
    for (const name of await caches.keys()) {
      const cache = await caches.open(name);
      await cache.put('/api/reports', new Response('"from the service worker"'));
    }
  });

  const answered = demo.waitForResponse('/api/reports');
  expect(await demo.evaluate(async () => (await fetch('/api/reports')).json() as Promise<unknown>)).toEqual([]);
  expect((await answered).fromServiceWorker()).toBe(false);
  await untilLedger(server, (ledger) => ledger.length === 1, 'a request to the API');

  server.down();
  mayFail.push('/api/reports');
  const outcome = await demo.evaluate(() =>
    fetch('/api/reports').then(
      () => 'answered',
      () => 'failed',
    ),
  );
  expect(outcome).toBe('failed');
});

/**
 * Tells the server when the patience of the service worker with a navigation is over. It must stand before the code of the
 * service worker, whose `respondWith` keeps the event from all later listeners.
 */
const telling = `
addEventListener('fetch', (event) => {
  if (event.request.mode !== 'navigate') return;
  event.waitUntil(new Promise((resolve) => setTimeout(resolve, patience + 100)).then(() => fetch('/patience-is-over')));
});
`;

test('the demo shows its whole page, although the content comes later than the service worker waits for its head', async ({
  page,
  dist,
}) => {
  const built = readFileSync(`${dist}/sw.js`, 'utf8');
  const code = built
    .replace(/const files = .*/, "const files = ['/'];")
    .replace('patience = 3_000;', 'patience = 500;');
  expect(code).toContain('patience = 500;');
  const halves = ['<!doctype html><h1>The beginning</h1>', '<h2>The end</h2>'] as const;
  const halfSent: ServerResponse[] = [];
  let isSlow = false;
  const server = createServer(({ url: asked }, response) => {
    const isScript = asked === '/sw.js';
    response.setHeader('Content-Type', isScript ? 'text/javascript' : 'text/html');
    if (isScript) return void response.end(telling + code);
    if (asked === '/patience-is-over') for (const half of halfSent) half.end(halves[1]);
    if (asked !== '/' || !isSlow) return void response.end(halves.join(''));
    response.write(halves[0]);
    halfSent.push(response);
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;

  await page.goto(url);
  await page.evaluate(async () => {
    await navigator.serviceWorker.register('/sw.js');
    await navigator.serviceWorker.ready;
  });
  isSlow = true;
  await page.goto(url, { waitUntil: 'commit' });
  expect(await page.evaluate(() => navigator.serviceWorker.controller !== null)).toBe(true);
  await expect(page.getByRole('heading')).toHaveText(['The beginning', 'The end']);

  server.close();
  server.closeAllConnections();
});
