/** Many adds, large ones, and a tab that closes meanwhile: judged by what reached the server, each once. */
import type { Page } from '@playwright/test';
import { sized } from './long.js';
import {
  type DemoServer,
  type LabPayload,
  expect,
  namesOf,
  openLab,
  rows,
  test,
  until,
  untilDrained,
} from './fixture.js';
import { engine, needBlobs } from './engine.js';

const many = sized(100, 2_000);
const bytes = sized(20_000_000, 200_000_000);

/** A tab that its opener may close, as a script opened it. */
async function openedByScript(page: Page, database: string): Promise<Page> {
  const opening = page.waitForEvent('popup');
  await page.evaluate(() => void window.open());
  const tab = await opening;
  await openLab(tab, { database, worker: 'none' });
  await tab.evaluate(async () => window.lab.basket.list());
  return tab;
}

/** So many different effects, each once, and nothing left in the basket; `names`, if it is known which. */
async function untilSentOnce(server: DemoServer, page: Page, count: number, names?: readonly string[]): Promise<void> {
  await until(
    () => server.effects().length,
    (sent) => sent >= count,
    `as many as ${count} effects`,
    200_000,
  );
  await untilEmpty(page);
  const sent = namesOf(server.effects());
  expect(new Set(sent).size).toBe(sent.length);
  expect(sent).toHaveLength(count);
  if (names !== undefined) expect(new Set(sent)).toEqual(new Set(names));
}

async function untilEmpty(page: Page): Promise<void> {
  await until(
    () => page.evaluate(async () => (await window.lab.basket.count()).count),
    (left) => left === 0,
    'an empty basket',
    200_000,
  );
}

test(
  'scenario 63: a large body and many small adds at once: the small ones do not wait',
  { tag: '@sized' },
  async ({ page, server, database }) => {
    needBlobs();
    test.setTimeout(300_000);
    await openLab(page, { database, concurrency: 64 });

    const order = await page.evaluate(
      async ([size, smalls]) => {
        const photo = new Blob([new Uint8Array(size)]);
        const committed: string[] = [];
        const add = async (payload: LabPayload): Promise<void> => {
          await window.lab.basket.add('send', payload);
          committed.push(payload.name);
        };
        const big: LabPayload & { photo: Blob } = { name: 'big', photo };
        await Promise.all([add(big), ...Array.from({ length: smalls }, (_, n) => add({ name: `small-${n}` }))]);
        return committed;
      },
      [bytes, many] as const,
    );

    expect(order).toHaveLength(many + 1);
    expect(order.at(-1)).toBe('big');
    await untilSentOnce(server, page, many + 1, order);
  },
);

test('a Blob of 20 MB is sent whole; a browser that stores no Blobs says so at the add, and keeps no task', async ({
  page,
  server,
  database,
}) => {
  await openLab(page, { database });
  const size = 20_000_000;
  const added = await page.evaluate(async (length) => {
    try {
      return await window.lab.addBlob('photo', length);
    } catch (error) {
      return (error as { readonly code: string }).code;
    }
  }, size);
  if (engine === 'webkit') {
    expect(added).toBe('not-stored');
    expect(await rows(page)).toEqual([]);
  }
  needBlobs();

  const [effect] = await untilDrained(server, page, 1);
  expect(effect?.key).toBe(added);
  expect(effect?.body).toHaveLength(size);
});

test(
  `${many} adds that have resolved, and the tab closed on the next line: all of them are sent, once each`,
  { tag: '@sized' },
  async ({ page, server, database }) => {
    test.setTimeout(300_000);
    await openLab(page, { database, concurrency: 64 });
    const tab = await openedByScript(page, database);

    const closed = tab.waitForEvent('close');
    await tab.evaluate((length) => {
      const adds = Array.from({ length }, (_, n) => window.lab.basket.add('send', { name: `note-${n}` }));
      void Promise.all(adds).then(() => window.close());
    }, many);
    await closed;

    await untilSentOnce(server, page, many);
  },
);

/** None of these adds has resolved, so the page may lose them when it is closed: the later ones first. */
test(
  `${many} adds, none awaited, and the tab closed on the next line: those that are there are the first ones, and are sent once each`,
  { tag: '@sized' },
  async ({ page, server, database }) => {
    test.setTimeout(300_000);
    await openLab(page, { database, worker: 'none' });
    const tab = await openedByScript(page, database);

    const closed = tab.waitForEvent('close');
    await tab
      .evaluate((count) => {
        for (let n = 0; n < count; n += 1)
          void window.lab.basket.add('send', { name: `note-${n}`, lane: `${n % 100}` });
        window.close();
      }, many)
      .catch(() => undefined); // The tab may be gone before it answers.
    await closed;

    const { length: there } = await rows(page);
    await openLab(page, { database, concurrency: 64 });
    if (there > 0) await untilSentOnce(server, page, there);
    // Each lane in the order of the calls.
    for (let lane = 0; lane < 100; lane += 1) {
      const numbers = namesOf(server.effects()).map((name) => Number(name.slice('note-'.length)));
      const ofLane = numbers.filter((n) => n % 100 === lane);
      expect(ofLane).toEqual([...ofLane].sort((one, other) => one - other));
    }
  },
);

test(
  `a worker is at work, and the tab that adds ${many} is closed on the next line: none that resolved is lost, none sent twice`,
  { tag: '@sized' },
  async ({ page, server, database }) => {
    test.setTimeout(300_000);
    await openLab(page, { database, concurrency: 64 });
    const tab = await openedByScript(page, database);
    await page.evaluate(() => {
      const told: string[] = [];
      new BroadcastChannel('told').addEventListener('message', ({ data }) => told.push(data as string));
      Object.assign(window, { told });
    });

    const closed = tab.waitForEvent('close');
    await tab
      .evaluate(async (count) => {
        const channel = new BroadcastChannel('told');
        const add = async (name: string): Promise<void> => {
          await window.lab.basket.add('send', { name });
          channel.postMessage(name);
        };
        await Promise.all(Array.from({ length: 10 }, (_, n) => add(`first-${n}`)));
        for (let n = 0; n < count; n += 1) void add(`note-${n}`);
        window.close();
      }, many)
      .catch(() => undefined); // The tab may be gone before it answers.
    await closed;
    await untilEmpty(page);

    const told = await page.evaluate(() => (window as unknown as { told: string[] }).told);
    const sent = namesOf(server.effects());
    expect(told.length).toBeGreaterThanOrEqual(10);
    expect(new Set(sent).size).toBe(sent.length);
    expect(sent).toEqual(expect.arrayContaining(told));
  },
);
