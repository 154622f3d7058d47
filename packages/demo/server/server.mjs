/**
 * The demo's server: the built page, an API with an idempotency ledger, and moods. It is the fixture of the end-to-end
 * tests too, so everything that it does can be seen and switched from outside.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';

import fastify from 'fastify';

import { addApi } from './api.mjs';
import { addControl } from './control.mjs';
import { createMoods } from './moods.mjs';
import { addPage } from './page.mjs';
import { addSignIn, createTokens } from './sign-in.mjs';
import { openStore } from './store.mjs';

const host = '127.0.0.1';

/**
 * @typedef {object} ServerOptions
 * @property {number} [port] Left out or 0: any free one.
 * @property {string} [data] The data file; left out: in memory.
 * @property {string} [dist] The folder with the built page; left out: this package's `dist`.
 * @property {(authorization: string) => void} [onToken] Is called with each token that is given, and with each
 *   `Authorization` that comes.
 *
 * @typedef {object} DemoServer
 * @property {string} url Without a slash at its end.
 * @property {number} port
 * @property {(mood: import('./moods.mjs').MoodName, options?: import('./moods.mjs').MoodOptions) => void} setMood
 * @property {() => import('./moods.mjs').Mood} mood
 * @property {() => import('./store.mjs').LedgerRow[]} ledger
 * @property {() => import('./store.mjs').EffectRow[]} effects
 * @property {() => import('./store.mjs').ReportRow[]} reports
 * @property {() => import('./store.mjs').PhotoRow[]} photos
 * @property {() => void} endTokens Every token that was given is too old from now on.
 * @property {() => void} reset Empties the data, ends what waits, and the mood is `up`.
 * @property {() => void} down Ends every connection, and each new one as soon as it comes, as if the machine had gone.
 *   The page cannot be loaded either. The port is kept: once it is free, another program may take it.
 * @property {() => void} up Takes connections again.
 * @property {() => Promise<void>} close
 */

/**
 * Starts the server; resolves when it listens.
 *
 * @param {ServerOptions} [options]
 * @returns {Promise<DemoServer>}
 */
export async function startServer(options = {}) {
  const store = openStore(options.data ?? ':memory:');
  const moods = createMoods();
  const tokens = createTokens(options.onToken);
  let stopping = new AbortController();

  // One request a connection. Chromium sends a request again by itself when a connection that served one before ends
  // without an answer; the ledger would then show two requests for one attempt.
  const app = fastify({ bodyLimit: 64 * 1024 * 1024, maxRequestsPerSocket: 1, forceCloseConnections: true });
  addApi(app, { store, moods, tokens, stopped: () => stopping.signal });
  addSignIn(app, tokens);
  addControl(app, { store, moods, reset });
  addPage(app, options.dist ?? fileURLToPath(new URL('../dist', import.meta.url)));
  await app.ready();

  let away = false;
  app.server.on('connection', (socket) => {
    if (away) socket.resetAndDestroy();
  });
  app.server.listen(options.port ?? 0, host);
  await once(app.server, 'listening');
  const { port } = /** @type {import('node:net').AddressInfo} */ (app.server.address());

  function reset() {
    stop();
    store.reset();
    moods.set('up');
  }

  /** What waits in a mood ends now, without an effect. */
  function stop() {
    stopping.abort();
    stopping = new AbortController();
  }

  function down() {
    away = true;
    stop();
    app.server.closeAllConnections();
  }

  async function close() {
    stop();
    await app.close();
    store.close();
  }

  return {
    url: `http://${host}:${port}`,
    port,
    setMood: moods.set,
    mood: moods.current,
    ledger: () => store.ledger(),
    effects: store.effects,
    reports: store.reports,
    photos: store.photos,
    endTokens: tokens.endAll,
    reset,
    down,
    up: () => void (away = false),
    close,
  };
}
