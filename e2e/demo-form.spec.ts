/**
 * What a person writes and chooses in the demo's forms while something slow is under way, or fails.
 */
import type { Page } from '@playwright/test';

import { expect, pixel, reportItem, test, unsentItem, write } from './demo-page.js';
import { until } from './fixture.js';

/** Lets no transaction write reports, until the function that it returns is called. */
async function holdReports(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(async () => {
    const opening = indexedDB.open('field-notes');
    await new Promise((resolve) => opening.addEventListener('success', resolve));
    const reports = opening.result.transaction('reports', 'readwrite').objectStore('reports');
    let holds = true;
    const hold = (): void => {
      if (holds) reports.count().addEventListener('success', hold);
      else opening.result.close();
    };
    hold();
    Object.assign(globalThis, { letGo: () => (holds = false) });
  });

  return () => page.evaluate(() => (globalThis as unknown as { readonly letGo: () => void }).letGo());
}

/** From now on, no report can be written, because there is no room; until the function that it returns is called. */
async function fillStorage(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    // oxlint-disable-next-line typescript/unbound-method -- It is called with the store as `this`.
    const { put } = IDBObjectStore.prototype;
    IDBObjectStore.prototype.put = function (this: IDBObjectStore, ...given) {
      if (this.name === 'reports') throw new DOMException('There is no room.', 'QuotaExceededError');
      return put.apply(this, given);
    };
    Object.assign(globalThis, { makeRoom: () => (IDBObjectStore.prototype.put = put) });
  });

  return () => page.evaluate(() => (globalThis as unknown as { readonly makeRoom: () => void }).makeRoom());
}

/** Lets the browser read no picture, until the function that it returns is called. */
async function holdPictures(page: Page): Promise<() => Promise<void>> {
  await page.evaluate(() => {
    const { createImageBitmap } = globalThis;
    const held = new Promise<void>((letGo) => void Object.assign(globalThis, { letRead: letGo }));
    const reads = async (...given: unknown[]): Promise<ImageBitmap> => {
      await held;
      return Reflect.apply(createImageBitmap, globalThis, given) as Promise<ImageBitmap>;
    };
    Object.assign(globalThis, { createImageBitmap: reads });
  });

  return () => page.evaluate(() => (globalThis as unknown as { readonly letRead: () => void }).letRead());
}

test('a photo that the browser still reads when its report is saved is saved with it', async ({ demo, server }) => {
  const letRead = await holdPictures(demo);
  await demo.getByTestId('title').fill('Bridge 7');
  await demo.getByTestId('photo').setInputFiles(pixel);
  await demo.getByTestId('save').click();
  await letRead();

  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(server.photos()).toHaveLength(1);
});

test('a report is not saved without its photo if the browser finds out meanwhile that the file is no picture', async ({
  demo,
}) => {
  const letRead = await holdPictures(demo);
  await demo.getByTestId('title').fill('Bridge 7');
  await demo.getByTestId('photo').setInputFiles({ name: 'a.png', mimeType: 'image/png', buffer: Buffer.from('no') });
  await demo.getByTestId('save').click();
  await letRead();

  await expect(demo.getByTestId('photo')).toHaveAccessibleDescription(/^This file is no picture/);
  await expect(demo.getByTestId('title')).toHaveValue('Bridge 7');
  await demo.getByTestId('save').click();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
});

test('what is written while a report is being saved stays in the form, and is a change of the report', async ({
  demo,
  server,
}) => {
  const letGo = await holdReports(demo);
  await demo.getByTestId('title').fill('Bridge 7');
  await demo.getByTestId('text').fill('Rust.');
  await demo.getByTestId('photo').setInputFiles(pixel);
  await expect(demo.getByTestId('photo-alt')).toBeVisible();
  await demo.getByTestId('save').click();
  await demo.getByTestId('title').fill('Bridge 7, north');
  await letGo();

  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 7.');
  await expect(demo.getByTestId('title')).toHaveValue('Bridge 7, north');
  await expect(demo.getByRole('heading', { name: 'Change the report' })).toBeVisible();
  await demo.getByTestId('save').click();
  await expect(demo.getByTestId('title')).toHaveValue('');
  await until(server.reports, (reports) => reports[0]?.title === 'Bridge 7, north', 'the change');
  await expect(reportItem(demo, 'Bridge 7, north')).toHaveAttribute('data-state', 'sent');
  expect(server.reports()).toHaveLength(1);
  expect(server.photos()).toHaveLength(1);
});

test('a report that is opened while another one is being saved stays in the form', async ({ demo }) => {
  await write(demo, { title: 'Bridge 7', text: 'Rust.' });
  await expect(reportItem(demo, 'Bridge 7')).toBeVisible();
  const letGo = await holdReports(demo);
  await demo.getByTestId('title').fill('Bridge 8');
  await demo.getByTestId('save').click();
  await reportItem(demo, 'Bridge 7').getByTestId('report-edit').click();
  await demo.getByTestId('title').fill('Bridge 7, south');
  await letGo();

  await expect(reportItem(demo, 'Bridge 8')).toBeVisible();
  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 8.');
  await expect(demo.getByTestId('title')).toHaveValue('Bridge 7, south');
});

test('a report that is opened again while it is being saved stays in the form, as it is saved', async ({ demo }) => {
  await write(demo, { title: 'Bridge 7', text: 'Rust.' });
  const change = reportItem(demo, 'Bridge 7').getByTestId('report-edit');
  await expect(demo.getByTestId('title')).toHaveValue('');
  await change.click();
  const letGo = await holdReports(demo);
  await demo.getByTestId('title').fill('Bridge 7, north');
  await demo.getByTestId('save').click();
  await change.click();
  await letGo();

  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 7, north.');
  await expect(reportItem(demo, 'Bridge 7, north')).toBeVisible();
  await expect(demo.getByTestId('title')).toHaveValue('Bridge 7, north');
  await expect(demo.getByRole('heading', { name: 'Change the report' })).toBeVisible();
});

test('what is written and not saved is not lost without a question when another report is opened', async ({ demo }) => {
  await write(demo, { title: 'Bridge 7', text: 'Rust.' });
  const change = reportItem(demo, 'Bridge 7').getByTestId('report-edit');
  const asked: string[] = [];
  let answer = false;
  demo.on('dialog', (dialog) => {
    asked.push(dialog.message());
    void (answer ? dialog.accept() : dialog.dismiss());
  });
  await demo.getByTestId('photo').setInputFiles(pixel);
  await expect(demo.getByTestId('photo-alt')).toBeVisible();
  await change.click();
  await expect(demo.getByTestId('photo-alt')).toBeVisible();
  await demo.getByTestId('title').fill('Bridge 8');
  await change.click();
  await expect(demo.getByTestId('title')).toHaveValue('Bridge 8');
  expect(asked).toEqual(Array.from({ length: 2 }, () => 'What you are writing is not saved. Do you want to lose it?'));

  answer = true;
  await change.click();
  await expect(demo.getByTestId('title')).toHaveValue('Bridge 7');
  await demo.getByTestId('new-report').click();
  await expect(demo.getByTestId('title')).toHaveValue('');
  await change.click();
  await demo.getByTestId('title').fill('Bridge 7, south');
  // A text is saved by itself as soon as the field is left, with all that was changed.
  await demo.getByTestId('text').fill('Much rust.');
  await demo.getByTestId('new-report').click();
  await expect(demo.getByTestId('title')).toHaveValue('');
  await expect(reportItem(demo, 'Bridge 7, south')).toBeVisible();
  expect(asked).toHaveLength(3);
});

test('a photo that the browser still reads, while its report is being saved, is not lost without a question', async ({
  demo,
}) => {
  await write(demo, { title: 'Bridge 7', text: 'Rust.' });
  await write(demo, { title: 'Bridge 8', text: 'Moss.' });
  await reportItem(demo, 'Bridge 7').getByTestId('report-edit').click();
  const letRead = await holdPictures(demo);
  await demo.getByTestId('photo').setInputFiles(pixel);
  await demo.getByTestId('save').click();
  const asked = demo.waitForEvent('dialog');
  const opening = reportItem(demo, 'Bridge 8').getByTestId('report-edit').click();
  await (await asked).dismiss();
  await opening;
  await letRead();

  await expect(demo.getByTestId('announcement')).toContainText('Saved: Bridge 7.');
  await expect(reportItem(demo, 'Bridge 7').locator('img')).toBeVisible();
});

test('when there is room again, the form no longer says that there is none', async ({ demo }) => {
  await write(demo, { title: 'Bridge 7', text: 'Rust.' });
  await reportItem(demo, 'Bridge 7').getByTestId('report-edit').click();
  const makeRoom = await fillStorage(demo);
  await demo.getByTestId('text').fill('Much rust.');
  await expect(demo.getByTestId('form-error')).toContainText('Not saved: ');
  await makeRoom();
  await demo.getByTestId('text').fill('Much more rust.');
  await expect(demo.getByTestId('form-note')).toContainText('Saved by itself at ');
  await expect(demo.getByTestId('form-error')).toBeHidden();
});

test('a save that cannot be discarded says why, and stays', async ({ demo, server }) => {
  server.setMood('503', { retryAfter: 600 });
  await write(demo, { title: 'Bridge 7', text: 'Rust.' });
  await fillStorage(demo);
  const unsent = unsentItem(demo, 'Bridge 7');
  await unsent.locator('[part~=discard]').click();
  await unsent.locator('[part~=confirm]').click();
  await expect(demo.getByTestId('announcement')).toContainText('Not discarded: Bridge 7. There is no room.');
  await expect(unsent).toBeVisible();
});

test('a photo that takes the place of a refused one is the one that the list shows', async ({ demo, server }) => {
  server.setMood('4xx', { match: '/photos/' });
  await write(demo, { title: 'Bridge 7', text: 'Rust.', photo: pixel });
  const unsent = unsentItem(demo, 'Photo of Bridge 7');
  await expect(unsent).toHaveAttribute('part', 'item item-dead');
  const widthOf = () =>
    reportItem(demo, 'Bridge 7')
      .getByTestId('report-photo')
      .evaluate(async (image: HTMLImageElement) => {
        await image.decode();
        return image.naturalWidth;
      });
  await expect.poll(widthOf).toBe(1);
  const bytes = await demo.evaluate(async () => {
    const canvas = new OffscreenCanvas(3, 3);
    canvas.getContext('2d');
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  });

  server.setMood('up');
  await unsent.locator('[part~=correct]').click();
  const photo = { name: 'three.png', mimeType: 'image/png', buffer: Buffer.from(bytes) };
  await demo.getByTestId('correct-photo').setInputFiles(photo);
  await demo.getByTestId('correct-send').click();
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  await expect.poll(widthOf).toBe(3);
});

test('a photo that is answered by a redirect to a page is not sent, and is sent once the server takes it', async ({
  demo,
  server,
}) => {
  server.setMood('redirect', { match: '/photos/' });
  await write(demo, { title: 'Bridge 7', text: 'Rust.', photo: pixel });
  const unsent = unsentItem(demo, 'Photo of Bridge 7');
  await expect(unsent).toHaveAttribute('part', 'item item-away');
  expect(server.photos()).toEqual([]);

  server.setMood('up');
  await expect(reportItem(demo, 'Bridge 7')).toHaveAttribute('data-state', 'sent');
  expect(server.photos()).toHaveLength(1);
});
