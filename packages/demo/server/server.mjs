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
import { openStore } from './store.mjs';

const host = '127.0.0.1';

/**
 * @typedef {object} ServerOptions
 * @property {number} [port] Left out or 0: any free one.
 * @property {string} [data] The data file; left out: in memory.
 * @property {string} [dist] The folder with the built page; left out: this package's `dist`.
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
 * @property {() => void} reset Empties the data, ends what waits, and the mood is `up`.
 * @property {() => Promise<void>} down Stops listening and ends every connection, as if the machine had gone. The page
 *   cannot be loaded either.
 * @property {() => Promise<void>} up Listens again, on the same port.
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
  let stopping = new AbortController();

  // One request a connection. Chromium sends a request again by itself when a connection that served one before ends
  // without an answer; the ledger would then show two requests for one attempt.
  const app = fastify({ bodyLimit: 64 * 1024 * 1024, maxRequestsPerSocket: 1, forceCloseConnections: true });
  addApi(app, { store, moods, stopped: () => stopping.signal });
  addControl(app, { store, moods, reset });
  addPage(app, options.dist ?? fileURLToPath(new URL('../dist', import.meta.url)));
  await app.ready();

  await listen(options.port ?? 0);
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

  /** @param {number} at */
  async function listen(at) {
    app.server.listen(at, host);
    await once(app.server, 'listening');
  }

  async function down() {
    if (!app.server.listening) return;
    const closed = once(app.server, 'close');
    app.server.close();
    stop();
    app.server.closeAllConnections();
    await closed;
  }

  async function up() {
    if (!app.server.listening) await listen(port);
  }

  async function close() {
    await down();
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
    reset,
    down,
    up,
    close,
  };
}
