/** Browsers with a profile on disk, a page that holds the bundled library, and the little server that serves it. */
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:http';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { chromium } from '@playwright/test';
import { build } from 'esbuild';

const args = ['--no-sandbox', '--disable-background-networking', '--disable-component-update', '--disable-sync'];

/** Isolated pages have a clock of 5 µs; all others one of 100 µs. */
const headers = {
  'Cross-Origin-Opener-Policy': 'same-origin',
  'Cross-Origin-Embedder-Policy': 'require-corp',
};

/**
 * Starts the server; browsers are started one at a time, by their profile.
 *
 * @param {string} executablePath of the browser
 */
export async function createBrowsers(executablePath) {
  const script = await bundled();
  const server = createServer((request, response) => {
    if (request.url === '/bench.js') {
      response.writeHead(200, { ...headers, 'Content-Type': 'text/javascript' }).end(script);
    } else {
      const page = '<!doctype html><title>bench</title><script type="module" src="/bench.js"></script>';
      response.writeHead(200, { ...headers, 'Content-Type': 'text/html' }).end(page);
    }
  });
  await new Promise((resolve) => void server.listen(0, '127.0.0.1', () => resolve(undefined)));
  const address = server.address();
  const url = `http://127.0.0.1:${typeof address === 'object' ? address?.port : ''}/`;
  const folder = mkdtempSync(path.join(tmpdir(), 'taskbasket-bench-'));

  /** Starts a browser on the profile of that name, calls back with what calls its page and what sets its room, and ends it. */
  async function visit(profile, body) {
    const context = await chromium.launchPersistentContext(path.join(folder, profile), { executablePath, args });
    try {
      const page = await context.newPage();
      page.on('pageerror', (error) => console.error(error));
      await page.goto(url);
      await page.waitForFunction(() => 'bench' in globalThis);

      const devtools = await context.newCDPSession(page);

      return await body(
        (name, options) => page.evaluate(([called, given]) => globalThis.bench[called](given), [name, options]),
        (bytes) => devtools.send('Storage.overrideQuotaForOrigin', { origin: new URL(url).origin, quotaSize: bytes }),
      );
    } finally {
      await context.close();
    }
  }

  return {
    visit,

    /** Deletes a profile: its databases would slow down those of others that are on the same disk. */
    forget(profile) {
      rmSync(path.join(folder, profile), { recursive: true, force: true });
    },

    async version() {
      const browser = await chromium.launch({ executablePath, args });
      const version = browser.version();
      await browser.close();

      return `Chromium ${version}`;
    },

    async close() {
      server.closeAllConnections();
      await new Promise((resolve) => void server.close(resolve));
      rmSync(folder, { recursive: true, force: true, maxRetries: 5 });
    },
  };
}

async function bundled() {
  const { outputFiles } = await build({
    entryPoints: [path.join(import.meta.dirname, 'page/index.mjs')],
    bundle: true,
    write: false,
    format: 'esm',
    target: 'es2022',
    logLevel: 'warning',
  });

  return outputFiles[0].text;
}
