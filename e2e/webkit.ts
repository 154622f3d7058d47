/**
 * Playwright's page and context, as far as WebDriver can do what they do, so that the same tests run in WebKitGTK.
 *
 * A test that uses anything else of a page is skipped there, with the number of the decision that says so.
 */
import { setTimeout as sleep } from 'node:timers/promises';

import type { BrowserContext, Page } from '@playwright/test';

import { cannot } from './engine.js';
import { startWebKit } from './webdriver.mjs';

type Ask = Awaited<ReturnType<typeof startWebKit>>['ask'];

/** How long a script may run before it is asked for once more, milliseconds. Meanwhile no other window can be reached. */
const slice = 50;

/** Starts a browser, and gives it to `use` as a context. */
export async function withWebKit(
  baseURL: string | undefined,
  use: (context: BrowserContext) => Promise<void>,
): Promise<void> {
  const binary = process.env['TASKBASKET_MINIBROWSER'];
  if (binary === undefined) throw new Error('Start these tests with npm run test:engines -- --only=webkit.');
  const { ask, end } = await startWebKit(binary);
  try {
    // The window that the browser starts with stays empty: the last one that is closed would end the session.
    await use(contextOf(ask, (await ask('GET', '/window')) as string, baseURL));
  } finally {
    await end();
  }
}

function contextOf(ask: Ask, home: string, baseURL: string | undefined): BrowserContext {
  const context: BrowserContext = limited<BrowserContext>('context', {
    newPage: async () => {
      const { handle } = (await inWindow(home)('POST', '/window/new', { type: 'window' })) as {
        readonly handle: string;
      };

      return pageOf(inWindow(handle), context, baseURL);
    },
  });

  // A session has one current window, so commands for different windows wait for each other.
  let last: Promise<unknown> = Promise.resolve();
  function inWindow(handle: string): Ask {
    return (method, path, body) => {
      const asked = last.then(async () => {
        await ask('POST', '/window', { handle });

        return ask(method, path, body) as unknown;
      });
      last = asked.catch(() => undefined);

      return asked;
    };
  }

  return context;
}

function pageOf(ask: Ask, context: BrowserContext, baseURL: string | undefined): Page {
  return limited<Page>('page', {
    context: () => context,
    goto: async (address) => {
      await ask('POST', '/url', { url: new URL(address, baseURL).href });
      await untilLoaded(ask);

      return null;
    },
    reload: async () => {
      await ask('POST', '/refresh', {});

      return null;
    },
    close: async () => void (await ask('DELETE', '/window')),
    keyboard: limited<Page['keyboard']>('keyboard', {
      press: async (key) => {
        if (key !== 'Escape') cannot(12, `WebDriver has no key ${key} here`);
        const actions = ['keyDown', 'keyUp'].map((type) => ({ type, value: '\uE00C' }));
        await ask('POST', '/actions', { actions: [{ type: 'key', id: 'keys', actions }] });
      },
    }),
    evaluate: ((script: unknown, argument?: unknown) => evaluate(ask, String(script), argument)) as Page['evaluate'],
  });
}

/** What WebDriver can do; anything else skips the test. A promise is asked for `then`, and must not be. */
function limited<Whole extends object>(what: string, has: Partial<Whole>): Whole {
  return new Proxy(has as Whole, {
    get: (target, name) =>
      name in target || name === 'then' || typeof name === 'symbol'
        ? Reflect.get(target, name)
        : cannot(12, `WebDriver has no ${what}.${name}`),
  });
}

/** Of a window that was just made, the driver sometimes says that it has loaded while it is still empty. */
async function untilLoaded(ask: Ask): Promise<void> {
  const script = "return location.href !== 'about:blank' && document.readyState === 'complete'";
  while (!(await ask('POST', '/execute/sync', { script, args: [] }))) await sleep(slice);
}

interface Ran {
  readonly ended?: boolean;
  readonly value?: string;
  readonly error?: string;
}

/** Runs a function in the page. It is begun once, and then asked for again and again until it has ended. */
async function evaluate(ask: Ask, script: string, argument: unknown): Promise<unknown> {
  // `undefined` has no JSON, and is not null.
  const given = JSON.stringify(argument, (_key, value: unknown) => (value === undefined ? { undefined: true } : value));
  const id = crypto.randomUUID();
  for (let begins = true; ; begins = false) {
    const step = begins ? beginning.replace('SCRIPT', () => script) + waiting : waiting;
    const body = { script: step, args: [id, given, slice] };
    const ran = (await ask('POST', '/execute/async', body)) as Ran | null;
    if (ran?.error !== undefined) throw new Error(ran.error);
    if (ran?.ended) return ran.value === undefined ? undefined : JSON.parse(ran.value);
    if (ran === null) throw new Error('The page was left while a script ran in it.');
  }
}

// The script is part of the text: the policy of the tests' server lets no page evaluate one.
const beginning = `
  const isUndefined = (value) => value !== null && typeof value === 'object' && value.undefined === true;
  const argument = JSON.parse(arguments[1], (_key, value) => (isUndefined(value) ? undefined : value));
  const running = (async () => (SCRIPT)(argument))();
  (window.ran ??= new Map()).set(arguments[0], running.then(
    (value) => ({ ended: true, value: JSON.stringify(value) }),
    (error) => ({ ended: true, error: String(error?.message ?? error) }),
  ));
`;

const waiting = `
  const [id, , slice, answer] = arguments;
  const ran = window.ran?.get(id) ?? null;
  if (ran === null) answer(null);
  else Promise.race([ran, new Promise((resolve) => setTimeout(resolve, slice, {}))]).then(answer);
`;
