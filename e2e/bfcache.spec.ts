import { type Browser, type Page, chromium } from '@playwright/test';

import {
  type DemoServer,
  add,
  expect,
  killWorker,
  namesOf,
  openLab,
  test as plain,
  until,
  untilDrained,
  untilLed,
  views,
  workerTargets,
} from './fixture.js';
import { chromiumSession, needChromiumProtocol, wholeChromium } from './engine.js';

/** What Playwright switches off, and a person's browser has. */
const switchedOff = [
  '--disable-back-forward-cache',
  '--disable-background-timer-throttling',
  '--disable-backgrounding-occluded-windows',
  '--disable-renderer-backgrounding',
];

/** Tests in a browser that puts pages away and brings them back. */
const test = plain.extend<{ readonly own: Browser; readonly tab: () => Promise<Page> }>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs from the pattern.
  own: async ({}, use) => {
    needChromiumProtocol();
    const own = await chromium.launch({
      ...wholeChromium(),
      ignoreDefaultArgs: switchedOff,
      args: ['--no-sandbox', '--enable-features=BackForwardCache'],
    });
    await use(own);
    await own.close();
  },

  tab: async ({ own, server }, use) => {
    const context = await own.newContext({ baseURL: server.url });
    await use(() => context.newPage());
  },
});

// Once in some forty runs the browser evicts a page that is put away, and says `IgnoreEventAndEvict`. A script of Playwright
// may do that; a message of ours would do it in each run. So only a test that fails twice shows a fault.
test.describe.configure({ retries: 1 });

declare global {
  interface Window {
    /** What happened to this very page; a page that is loaded anew has none. */
    story: string[];
    /** The names of the tasks in each snapshot of its watch. */
    seen: string[][];
  }
}

/** Opens the lab in a page that notes what happens to it, and watches its tasks. */
async function openNoting(page: Page, database: string): Promise<void> {
  await openLab(page, { database });
  await page.evaluate(() => {
    window.story = [];
    window.seen = [];
    const note = (event: PageTransitionEvent): void => {
      window.story.push(`${event.type} ${event.persisted ? 'persisted' : 'not persisted'}`);
    };
    addEventListener('pagehide', note);
    addEventListener('pageshow', note);
    window.lab.basket.watch().subscribe(({ tasks }) => {
      window.seen.push(tasks.map(({ payload }) => payload?.name ?? ''));
    });
  });
}

async function goAway(page: Page): Promise<void> {
  await page.evaluate(() => {
    location.href = '/elsewhere.svg';
  });
  await page.waitForURL('**/elsewhere.svg');
}

/** Goes back; the page is the same one, which was put away, and not loaded again. */
async function comeBack(page: Page): Promise<void> {
  // By the browser's protocol: a script that Playwright has run could land in the page that is put away, and evict it.
  const session = await chromiumSession(page);
  const reasons: string[] = [];
  session.on('Page.backForwardCacheNotUsed', ({ notRestoredExplanations }) => {
    reasons.push(...notRestoredExplanations.map(({ type, reason, context = '' }) => `${type} ${reason} ${context}`));
  });
  await session.send('Page.enable');
  // What a page lets go of is collected sooner or later; here while it is put away, where no code of its may run.
  await session.send('HeapProfiler.collectGarbage');
  const { currentIndex, entries } = await session.send('Page.getNavigationHistory');
  const { id: entryId = 0 } = entries[currentIndex - 1] ?? {};
  await session.send('Page.navigateToHistoryEntry', { entryId });
  // No page is loaded, so Playwright's own waiting never ends.
  await until(
    () => page.url(),
    (url) => url.endsWith('/lab.html'),
    'the page before',
  );
  const story = await until(
    () => page.evaluate(storyOrReasons),
    (told) => typeof told === 'string' || told.length === 2,
    'a page that is back',
  );
  await session.detach();
  expect(story, reasons.join('; ')).toEqual(['pagehide persisted', 'pageshow persisted']);
}

/** The story; for a page that was loaded anew: why it was not kept, as far as the browser says. */
function storyOrReasons(): string[] | string {
  if ((window.story as string[] | undefined) !== undefined) return window.story;
  const [entry] = performance.getEntriesByType('navigation');
  return JSON.stringify((entry as { readonly notRestoredReasons?: unknown } | undefined)?.notRestoredReasons);
}

function lastSeen(page: Page): Promise<readonly string[]> {
  return page.evaluate(() => window.seen.at(-1) ?? []);
}

function errorsOf(page: Page): Promise<readonly unknown[]> {
  return page.evaluate(() => window.lab.errors());
}

async function addAndDrain(page: Page, server: DemoServer, name: string, count: number): Promise<void> {
  await add(page, 'send', { name });
  await until(server.effects, (effects) => effects.length >= count, `as many as ${count} effects`);
  // On a busy machine the turn that deletes it is still to come, and a page that goes meanwhile may be evicted.
  await until(
    () => views(page),
    (left) => left.every(({ payload }) => payload?.name !== name),
    `an end of ${name}`,
  );
}

test('a page comes back from the back/forward cache: its watch shows what another tab did meanwhile, and what it adds is sent', async ({
  tab,
  server,
  database,
}) => {
  const [page, other] = [await tab(), await tab()];
  await openNoting(page, database);
  await openLab(other, { database });
  await addAndDrain(page, server, 'before', 1);
  await goAway(page);

  await addAndDrain(other, server, 'meanwhile', 2);
  await add(other, 'send', { name: 'tomorrow' }, { runAt: Date.now() + 24 * 3_600_000 });
  // Messages went to and fro, and the worker was asked: none of that took the page away.
  await until(
    () => views(other),
    (left) => left.length === 1,
    'one task that is left',
  );

  await comeBack(page);
  await until(
    () => lastSeen(page),
    (seen) => seen.join() === 'tomorrow',
    'what happened meanwhile in the watch',
  );
  await addAndDrain(page, server, 'back', 3);
  expect(namesOf(server.effects())).toEqual(['before', 'meanwhile', 'back']);
  expect(await errorsOf(page)).toEqual([]);
  expect(await workerTargets(page, server)).toHaveLength(1);

  // And again, as often as one likes.
  await page.evaluate(() => void window.story.splice(0));
  await goAway(page);
  await comeBack(page);
  await addAndDrain(page, server, 'again', 4);
});

test('the only page comes back: its worker stood still meanwhile, and goes on', async ({ tab, server, database }) => {
  const page = await tab();
  await openNoting(page, database);
  await addAndDrain(page, server, 'before', 1);
  await goAway(page);
  await comeBack(page);

  await add(page, 'send', { name: 'back' });
  await untilDrained(server, page, 2);
  expect(await errorsOf(page)).toEqual([]);
});

test('the worker is killed while the page is in the back/forward cache: the page stays there, and has a new one when it is back', async ({
  tab,
  server,
  database,
}) => {
  const [page, other] = [await tab(), await tab()];
  await openNoting(page, database);
  await openLab(other, { database });
  await addAndDrain(page, server, 'before', 1);
  await goAway(page);
  const [before] = await workerTargets(other, server);
  await killWorker(other, server);
  // The other tab has a new worker at once.
  await until(
    async () => (await workerTargets(other, server)).filter((target) => target !== before),
    (found) => found.length === 1,
    'a new worker',
  );
  await untilLed(other);

  await comeBack(page);
  await add(page, 'send', { name: 'back' });
  await untilDrained(server, page, 2);
  expect(await errorsOf(page)).toEqual([]);
  expect(await workerTargets(other, server)).toHaveLength(1);
});

test('a page goes away and comes back again and again, each time when it has heard its worker: it is never thrown out', async ({
  tab,
  server,
  database,
}) => {
  const page = await tab();
  await openNoting(page, database);
  for (let round = 1; round <= 5; round += 1) {
    // A transaction that has begun, or a worker that is being constructed, may evict the page as it is put away.
    await until(
      () => page.evaluate(async () => (await window.lab.basket.health()).worker.state),
      (state) => state === 'running',
      'a worker that has answered',
    );
    await goAway(page);
    await comeBack(page);
    await page.evaluate(() => void window.story.splice(0));
  }
  await add(page, 'send', { name: 'back' });
  await untilDrained(server, page, 1);
});
