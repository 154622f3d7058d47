/**
 * What every test here stands on: a server of its own, whose ledger is the judge; a database of its own; and hands that
 * reach what Playwright does not show, such as SharedWorkers and locks.
 *
 * Playwright's `route` and `setOffline` do not reach a SharedWorker: switch the server instead.
 */
import { cp, rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

import { type Browser, type Locator, type Page, expect, test as base } from '@playwright/test';

import { type DemoServer, startServer } from '../packages/demo/server/server.mjs';
import type { EffectRow, LedgerRow } from '../packages/demo/server/store.mjs';
import { chromiumSession, engine } from './engine.js';
import type { Note } from './lab/app.js';
import type { Lab, LabOptions } from './lab/lab.js';
import type { LabPayload } from './lab/tasks.js';
import { type OwnBrowser, startOwnBrowser } from './own-browser.js';
import { type Secrets, expectNoSecrets, learn } from './secrets.js';
import { withWebKit } from './webkit.js';

export { expect };
export type { DemoServer, EffectRow, LabPayload, LedgerRow };

export interface Fixtures {
  /** The folder that the server serves: the built lab. */
  readonly dist: string;
  /** A demo server for this test alone, and so an origin of its own: no worker or lock is shared with another test. */
  readonly server: DemoServer;
  /** The name of this test's database. */
  readonly database: string;
  /** The secrets of this test. When it ends, none of them may be stored at the origin of `baseURL`. */
  readonly secrets: Secrets;
  /**
   * Starts a browser with a profile, always the same one. At the end the last one is killed, and the profile is deleted.
   */
  readonly startBrowser: () => Promise<OwnBrowser>;
}

const plain = base.extend<Fixtures>({
  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs from the pattern.
  secrets: async ({}, use) => {
    await use({ known: new Set(), planted: new Set() });
  },

  // oxlint-disable-next-line no-empty-pattern -- Playwright reads the names of what a fixture needs from the pattern.
  dist: async ({}, use) => {
    await use(fileURLToPath(new URL('./lab/dist', import.meta.url)));
  },

  server: async ({ dist, secrets }, use) => {
    const server = await startServer({ dist, onToken: (authorization) => learn(secrets, authorization) });
    await use(server);
    await server.close();
  },

  // oxlint-disable-next-line no-empty-pattern -- See above.
  database: async ({}, use, { testId, repeatEachIndex, retry }) => {
    await use(`lab-${testId}-${repeatEachIndex}-${retry}`);
  },

  baseURL: async ({ server }, use) => {
    await use(server.url);
  },

  startBrowser: async ({ baseURL, secrets }, use, info) => {
    const profile = info.outputPath('profile');
    let last: OwnBrowser | undefined;
    await use(async () => (last = await startOwnBrowser(profile)));
    if (last !== undefined && info.status === info.expectedStatus) await expectNoSecrets(last.page, baseURL, secrets);
    last?.kill();
    await last?.ended;
    await rm(profile, { recursive: true, force: true });
  },
});

/** Pages are Playwright's, but for WebKit, which it cannot drive. */
const driven =
  engine === 'webkit'
    ? plain.extend({
        context: async ({ baseURL }, use) => withWebKit(baseURL, use),
        page: async ({ context }, use) => use(await context.newPage()),
      })
    : plain;

export const test = driven.extend({
  page: async ({ page, baseURL, secrets }, use, info) => {
    await use(page);
    if (info.status === info.expectedStatus) await expectNoSecrets(page, baseURL, secrets);
  },
});

/** With a copy of the built lab, whose files a test may change. */
export const testWithCopy = test.extend({
  dist: async ({ dist }, use, info) => {
    const copy = info.outputPath('dist');
    await cp(dist, copy, { recursive: true });
    await use(copy);
    await rm(copy, { recursive: true });
  },
});

type TypeName = Parameters<Lab['basket']['add']>[0];
type AddOptions = Parameters<Lab['basket']['add']>[2];
export type View = Awaited<ReturnType<Lab['basket']['list']>>[number];

/** A task as it is stored, as far as tests read it. */
export interface StoredTask {
  readonly seq: number;
  readonly id: string;
  readonly payload?: LabPayload;
  readonly attempts: number;
  readonly failures: number;
  readonly interruptions: number;
  readonly addedAt: number;
}

/**
 * Loads the lab and opens a basket in it.
 *
 * @param server Needed for a page of a browser that a test started itself, which knows no base URL.
 */
export async function openLab(page: Page, options: LabOptions, server?: DemoServer): Promise<void> {
  await page.goto(`${server?.url ?? ''}/lab.html`);
  await page.evaluate(async (given) => void (await window.lab.open(given)), options);
}

/** Adds a task; resolves with its id when it is committed. */
export function add(page: Page, type: TypeName, payload: LabPayload, options?: AddOptions): Promise<string> {
  return page.evaluate(async ([name, value, more]) => window.lab.basket.add(name, value, more), [
    type,
    payload,
    options,
  ] as const);
}

/** Adds tasks of the type `send`, all at once; resolves with their ids when all are committed. */
export function addAll(page: Page, payloads: readonly LabPayload[]): Promise<readonly string[]> {
  return page.evaluate(
    async (values) => Promise.all(values.map((value) => window.lab.basket.add('send', value))),
    payloads,
  );
}

/** What the basket shows. */
export function views(page: Page): Promise<readonly View[]> {
  return page.evaluate(async () => window.lab.basket.list({ limit: 1_000 }));
}

/** What is stored, read past the library in one transaction: the app's notes and the library's tasks. */
export async function dump(
  page: Page,
): Promise<{ readonly notes: readonly Note[]; readonly tasks: readonly StoredTask[] }> {
  const stores = await page.evaluate(async () => window.lab.dump());

  return { notes: (stores['notes'] ?? []) as Note[], tasks: stores['taskbasket.tasks'] as StoredTask[] };
}

/** The stored tasks. */
export async function rows(page: Page): Promise<readonly StoredTask[]> {
  return (await dump(page)).tasks;
}

/**
 * Asks again until the answer passes, and gives it back.
 *
 * @param what Said if it does not within the limit: "There was never …".
 * @param limit Milliseconds. It is for what never comes: a machine that does other things is slow, not wrong.
 */
export async function until<Value>(
  ask: () => Value | Promise<Value>,
  passes: (value: Value) => boolean,
  what: string,
  limit = 60_000,
): Promise<Value> {
  const end = Date.now() + limit;
  // Each question keeps the browser from its work: they are asked ever more rarely.
  for (let pause = 20; ; pause = Math.min(200, pause * 1.5)) {
    const value = await ask();
    if (passes(value)) return value;
    if (Date.now() > end) throw new Error(`There was never ${what}. The last answer was ${JSON.stringify(value)}`);
    await new Promise((resolve) => setTimeout(resolve, pause));
  }
}

/** Moves the focus, as a person does with the keyboard: only to what is shown. What is hidden takes no focus, and says nothing. */
export async function focusOn(locator: Locator): Promise<void> {
  await expect(locator).toBeVisible();
  await locator.focus();
  await expect(locator).toBeFocused();
}

/** The ledger, once it passes. */
export function untilLedger(
  server: DemoServer,
  passes: (ledger: readonly LedgerRow[]) => boolean,
  what: string,
): Promise<readonly LedgerRow[]> {
  return until(server.ledger, passes, what);
}

/** The effects, once there are so many, and nothing is left in the basket. */
export async function untilDrained(server: DemoServer, page: Page, count: number): Promise<readonly EffectRow[]> {
  await until(server.effects, (effects) => effects.length >= count, `as many as ${count} effects`);
  await until(
    () => views(page),
    (left) => left.length === 0,
    'an empty basket',
  );

  return server.effects();
}

/** The names under which things were posted to the server's echo. */
export function namesOf(list: readonly Pick<LedgerRow | EffectRow, 'path'>[]): readonly string[] {
  return list.map(({ path }) => decodeURIComponent(path.slice('/api/echo/'.length)));
}

/** The ids of the workers (or pages) that sent requests, each once. */
export function sendersOf(ledger: readonly LedgerRow[]): readonly (string | null)[] {
  return [...new Set(ledger.map(({ worker }) => worker))];
}

/** The SharedWorkers of the test's origin that are alive. Playwright does not show them; the browser's protocol does. */
export async function workerTargets(page: Page, server: DemoServer): Promise<readonly string[]> {
  const session = await chromiumSession(page.context().browser() as Browser);
  try {
    const { targetInfos } = await session.send('Target.getTargets');

    return targetInfos
      .filter(({ type, url }) => type === 'shared_worker' && url.startsWith(`${server.url}/`))
      .map(({ targetId }) => targetId);
  } finally {
    await session.detach();
  }
}

/**
 * Kills the SharedWorkers of the test's origin, as a browser short of memory does: nobody is told. Only Chromium can be
 * asked for that. In other engines the worker closes itself in the middle of what it does, which looks the same from outside.
 */
export async function killWorker(page: Page, server: DemoServer): Promise<void> {
  if (engine !== 'chromium') {
    const killed = (await untilLed(page)).split(',');
    await page.evaluate(() => new BroadcastChannel('lab: die').postMessage(''));
    await until(
      () => lockHolders(page),
      (holders) => holders.every(({ clientId }) => !killed.includes(clientId)),
      'an end of the worker',
    );

    return;
  }
  const targets = await until(
    () => workerTargets(page, server),
    (found) => found.length > 0,
    'a worker',
  );
  const session = await chromiumSession(page.context().browser() as Browser);
  for (const targetId of targets) await session.send('Target.closeTarget', { targetId });
  await session.detach();
}

/** Ends the renderer of a tab, and with it the worker that the tab started. */
export async function crash(page: Page): Promise<void> {
  const session = await chromiumSession(page);
  const crashed = page.waitForEvent('crash');
  session.send('Page.crash').catch(() => undefined); // There is nobody left to answer.
  await crashed;
}

/** Who holds the runner's lock, of how many databases whatsoever. */
export async function lockHolders(
  page: Page,
): Promise<readonly { readonly name: string; readonly clientId: string }[]> {
  const held = await page.evaluate(async () => {
    const { held: locks = [] } = await navigator.locks.query();

    return locks.map(({ name = '', clientId = '' }) => ({ name, clientId }));
  });

  return held.filter(({ name }) => name.endsWith(':runner'));
}

/** Resolves when no worker of the test's origin runs tasks any more. */
export async function untilNoRunner(page: Page): Promise<void> {
  await until(
    () => lockHolders(page),
    (found) => found.length === 0,
    'an end of the runner',
  );
}

/** The holder of the runner's lock, once there is one. With several databases there are several, with commas between. */
export async function untilLed(page: Page): Promise<string> {
  const holders = await until(
    () => lockHolders(page),
    (found) => found.length > 0,
    'a runner',
  );

  return holders.map(({ clientId }) => clientId).join();
}
