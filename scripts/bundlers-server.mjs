/**
 * Serves the built page of an example, with a strict content security policy, and stands in for the app's server: it keeps a
 * ledger of what arrived, and can be away.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import path from 'node:path';
import { preview } from 'vite';

import { Failure } from './steps.mjs';

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
 * Starts a program, and waits until it answers.
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
  const ended = once(child, 'close');
  const url = `http://127.0.0.1:${chosen}`;
  for (let tries = 0; !(await answers(url)); tries += 1) {
    if (tries > 300 || child.exitCode !== null) throw new Failure(`${name} ${args.join(' ')} does not answer.`);
    await new Promise((resolve) => void setTimeout(resolve, 100));
  }

  return {
    url,
    async stop() {
      if (child.exitCode === null && child.signalCode === null) process.kill(-(child.pid ?? 0));
      await ended;
    },
  };
}

function answers(url) {
  return fetch(url).then(
    () => true,
    () => false,
  );
}

/** A port that nothing listens on. */
export async function freePort() {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (server.address());
  server.close();
  await once(server, 'close');

  return port;
}
