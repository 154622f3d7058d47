/**
 * Serves the built page of an example, with a strict content security policy, and stands in for the app's server: it keeps a
 * ledger of what arrived, and can be away.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { preview } from 'vite';

import { Failure, endOf, freePort, killGroup, until } from './steps.mjs';

/**
 * A request that is not for a file.
 *
 * @typedef {{ line: string, key: string, from: string, answered: boolean }} Request
 *
 * @typedef {object} ExampleServer
 * @property {string} url
 * @property {Request[]} ledger
 * @property {string[]} violations What broke the content security policy, of the page or of the worker.
 * @property {(value: boolean) => void} setAway Whether requests that are not for files are reset.
 * @property {() => Promise<void>} close
 */

/**
 * @param {string} folder with the built example
 * @param {import('./bundlers.mjs').Example} example
 * @returns {Promise<ExampleServer>}
 */
export async function serveExample(folder, { output = '.', start, scripts = "'self'" }) {
  const policy = `default-src 'self'; worker-src 'self'; script-src ${scripts}; connect-src 'self'; report-uri /violation`;
  const ledger = [];
  const violations = [];
  let away = false;

  /** @type {import('vite').Connect.NextHandleFunction} */
  function take(request, response, next) {
    response.setHeader('Content-Security-Policy', policy);
    if (request.method === 'GET' || request.method === 'HEAD') return next();
    let body = '';
    request.on('data', (chunk) => (body += chunk));
    request.on('end', () => answer(request, response, body));
  }

  /** @type {(request: import('vite').Connect.IncomingMessage, response: import('node:http').ServerResponse, body: string) => void} */
  function answer({ method, url, headers, socket }, response, body) {
    if (url === '/violation') {
      violations.push(body);
    } else {
      const [key, from] = [String(headers['idempotency-key']), headers.referer ?? 'nowhere'];
      ledger.push({ line: `${method} ${url} ${body}`, key, from, answered: !away });
      if (away) return void socket.destroy();
    }
    response.writeHead(200).end();
  }

  const behind = start && (await startProgram(folder, start));
  const server = await preview({
    root: folder,
    configFile: false,
    logLevel: 'error',
    appType: 'mpa',
    build: { outDir: output },
    preview: { host: '127.0.0.1', port: await freePort(), strictPort: true, proxy: behind ? { '/': behind.url } : {} },
    plugins: [{ name: 'ledger', configurePreviewServer: ({ middlewares }) => void middlewares.use(take) }],
  });
  delete process.env['NODE_ENV']; // Vite sets it to production, and npm would then install no development dependencies.
  // Chromium sends a request again by itself if a connection that served one before ends without an answer. The ledger would
  // then show two requests for one attempt.
  Object.assign(server.httpServer, { maxRequestsPerSocket: 1 });

  return {
    url: server.resolvedUrls?.local[0] ?? '',
    ledger,
    violations,
    setAway: (value) => (away = value),
    async close() {
      await server.close();
      await behind?.stop();
    },
  };
}

/**
 * Starts a program, and waits until it answers. If it does not, the program is killed.
 *
 * @param {string} folder
 * @param {string[]} program Its path in the folder, and arguments; the number of the port follows.
 * @param {{ port?: number, env?: Record<string, string> }} [options]
 */
export async function startProgram(folder, [name = '', ...args], { port, env } = {}) {
  const chosen = port ?? (await freePort());
  const child = spawn(path.resolve(folder, name), [...args, String(chosen)], {
    cwd: folder,
    env: { ...process.env, ...env },
    stdio: 'ignore',
    detached: true,
  });
  let isOver = false;
  const ended = endOf(child);
  void ended.then(() => (isOver = true));
  const stop = async () => {
    killGroup(child);
    await ended;
  };

  const url = `http://127.0.0.1:${chosen}`;
  const called = [name, ...args].join(' ');
  try {
    await until(`${called} answered`, () => {
      if (isOver) throw new Failure(`${called} could not be started, or ended before it answered.`);

      return answers(url);
    });
  } catch (error) {
    await stop();
    throw error;
  }

  return { url, stop };
}

function answers(url) {
  return fetch(url).then(
    () => true,
    () => false,
  );
}
