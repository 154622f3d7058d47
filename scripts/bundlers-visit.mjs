/**
 * What a user does with an example, in a browser: saves a note while the server is away, closes the tab, and opens it again.
 */
import { Failure, patience, until } from './steps.mjs';

/**
 * Saves one note; resolves when the app's server has it, once, from the SharedWorker.
 *
 * @param {import('@playwright/test').Browser} browser
 * @param {import('./bundlers-server.mjs').ExampleServer} server
 * @returns {Promise<{ worker: string, kind: string }>} the worker's URL without the origin; `module` or `classic`
 */
export async function sendOneNote(browser, server) {
  server.setAway(true);
  const context = await contextOf(browser);
  try {
    const first = await opened(context, server);
    await says(first, 'All is sent');
    await first.getByRole('button', { name: 'Save a note' }).click();
    await says(first, '1 unsent');
    await until('the worker tried to send the note', () => server.ledger.length > 0);
    await first.close();
    await until('the worker ended with its last page', async () => (await workers(browser)).length === 0);

    const second = await opened(context, server);
    await says(second, '1 unsent');
    server.setAway(false);
    await says(second, 'All is sent');

    const [worker, ...others] = await workers(browser);
    judge(server, worker, others);
    const kind = await second.evaluate('workerType');

    return { worker: worker.replace(server.url, '/'), kind: String(kind) };
  } catch (cause) {
    if (server.violations.length === 0) throw cause;
    throw new Failure(`The content security policy forbids what the page or the worker does: ${server.violations[0]}`, {
      cause,
    });
  } finally {
    await context.close();
  }
}

/** The URL of the SharedWorker that the page constructs, without the origin. */
export async function urlOfWorker(browser, server) {
  const context = await contextOf(browser);
  try {
    await opened(context, server);
    await until('the page has a SharedWorker', async () => (await workers(browser)).length > 0);

    return (await workers(browser))[0].replace(server.url, '/');
  } finally {
    await context.close();
  }
}

/** A browser's profile of its own, whose pages remember as what they constructed their worker. */
async function contextOf(browser) {
  const context = await browser.newContext();
  context.setDefaultTimeout(patience);
  await context.addInitScript(() => {
    const Real = SharedWorker;
    globalThis.SharedWorker = class extends Real {
      constructor(url, options) {
        super(url, options);
        Object.assign(globalThis, { workerType: (typeof options === 'object' && options.type) || 'classic' });
      }
    };
  });

  return context;
}

async function opened(context, server) {
  const page = await context.newPage();
  await page.goto(server.url);

  return page;
}

/** Waits until the page's line about what is unsent says this. */
async function says(page, text) {
  await page.getByRole('status').getByText(text, { exact: true }).waitFor();
}

/** The URLs of all SharedWorkers that run. */
export async function workers(browser) {
  const cdp = await browser.newBrowserCDPSession();
  const { targetInfos } = await cdp.send('Target.getTargets');
  await cdp.detach();

  return targetInfos.filter(({ type }) => type === 'shared_worker').map(({ url }) => url);
}

function judge({ ledger, violations }, worker, others) {
  const arrived = ledger.filter(({ answered }) => answered);
  const keys = new Set(ledger.map(({ key }) => key));
  const strangers = ledger.filter(({ from }) => from !== worker?.replace(/#.*/, '')); // A referrer has no fragment.
  const problems = [
    worker === undefined && 'There is no SharedWorker.',
    others.length > 0 && `There are other SharedWorkers: ${others.join(', ')}.`,
    arrived.length !== 1 && `The note arrived ${arrived.length} times.`,
    keys.size !== 1 && `The attempts had ${keys.size} idempotency keys.`,
    strangers.length > 0 && `A request came not from ${worker}, but from ${strangers[0]?.from}.`,
    violations.length > 0 && 'The content security policy forbids something.',
  ].filter(Boolean);
  if (problems.length > 0) throw new Failure(`${problems.join('\n')}\n${JSON.stringify(ledger, null, 2)}`);
}
