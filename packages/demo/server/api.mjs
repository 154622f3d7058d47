/**
 * The API that the page writes to. Every request goes the same way:
 *
 *     arrival (ledger) → mood → token → key → effect and answer, in one transaction → mood → answer (ledger)
 *
 * A mood can end it before or after the effect. A key whose effect was stored gives the stored answer again, and no
 * second effect; a key that is still on its way gives 409.
 */
import { setTimeout as delay } from 'node:timers/promises';

import { readBody } from './body.mjs';
import { readKey } from './key.mjs';
import { photoIn, reportIn } from './rules.mjs';

/**
 * @typedef {import('fastify').FastifyInstance} FastifyInstance
 * @typedef {import('fastify').FastifyReply} Reply
 * @typedef {import('fastify').FastifyRequest} Request
 * @typedef {import('./body.mjs').Body} Body
 * @typedef {import('./moods.mjs').Mood} Mood
 * @typedef {import('./store.mjs').PhotoRow} PhotoRow
 * @typedef {import('./store.mjs').ReportRow} ReportRow
 * @typedef {import('./store.mjs').Store} Store
 *
 * @typedef {{ status: number, body: unknown, headers?: Record<string, string>, replayed?: boolean }} Answer
 * @typedef {{ readonly answer: Answer, readonly report?: ReportRow, readonly photo?: PhotoRow }} Effect
 * @typedef {(body: Body, params: Record<string, string>) => Effect | Answer} Endpoint
 *
 * @typedef {object} ApiContext
 * @property {Store} store
 * @property {ReturnType<typeof import('./moods.mjs').createMoods>} moods
 * @property {ReturnType<typeof import('./sign-in.mjs').createTokens>} tokens
 * @property {() => AbortSignal} stopped Aborted when the server goes down: what waits then has no effect any more.
 */

/**
 * @param {FastifyInstance} app
 * @param {ApiContext} context
 */
export function addApi(app, { store, moods, tokens, stopped }) {
  /** Keys whose request is on its way. @type {Set<string>} */
  const busy = new Set();

  app.register(async (api) => {
    // The ledger wants the body as it came, also if it is not JSON.
    api.removeAllContentTypeParsers();
    api.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
    api.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));

    api.put('/api/reports/:id', (request, reply) => serve(request, reply, putReport));
    api.put('/api/reports/:number/photos/:id', (request, reply) => serve(request, reply, putPhoto));
    api.get('/api/reports', (request, reply) => serve(request, reply, () => ({ status: 200, body: store.reports() })));
    api.post('/api/echo/:name', (request, reply) => serve(request, reply, echo));
    api.all('/api/*', (request, reply) =>
      serve(request, reply, () => problem(404, `There is nothing at ${request.url}.`)),
    );
  });

  /**
   * @param {Request} request
   * @param {Reply} reply
   * @param {Endpoint} endpoint
   */
  async function serve(request, reply, endpoint) {
    const body = readBody(request);
    const mood = moods.next({ path: request.url, body: body.text, attempt: attemptOf(request) });
    const n = arrive(request, body.text, mood);
    const stop = stopped();
    reply.raw.once('close', () => {
      if (!reply.raw.writableFinished) store.end(n, stop.aborted ? 'dropped' : 'aborted');
    });

    const answer = await treat(request, reply, body, mood, stop, endpoint);
    if (answer === 'drop') return drop(reply, n, mood);
    if (reply.raw.destroyed) return reply.hijack();

    store.end(n, answer.status, answer.replayed ?? false);

    return reply
      .code(answer.status)
      .headers(answer.headers ?? {})
      .send(answer.body);
  }

  /**
   * @param {Request} request
   * @param {Reply} reply
   * @param {Body} body
   * @param {Mood} mood
   * @param {AbortSignal} stop
   * @param {Endpoint} endpoint
   * @returns {Promise<Answer | 'drop'>}
   */
  async function treat(request, reply, body, mood, stop, endpoint) {
    const said = moodAnswer(mood);
    if (said) return said;
    // Reports and photos have a sender. The echo is for tests, which sign nobody in.
    if (request.method === 'PUT' && !tokens.read(request).holds)
      return problem(401, 'Nobody is signed in, or the token is too old.', { 'www-authenticate': 'Bearer' });

    const key = readKey(request.headers['idempotency-key']);
    if (key !== undefined) {
      if (busy.has(key)) return problem(409, 'A request with this Idempotency-Key is on its way.');
      busy.add(key);
    }
    try {
      if (mood.mood === 'hang') await gone(reply, stop);
      if (mood.mood === 'slow') await pause(mood.options.delay ?? 2_000, stop);
      // Only a server that is down does nothing. A client that gave up does not stop a slow one.
      if (stop.aborted || mood.mood === 'hang') return 'drop';

      const answer = once(request, body, key, endpoint);

      return mood.mood === 'drop-after' ? 'drop' : answer;
    } finally {
      if (key !== undefined) busy.delete(key);
    }
  }

  /**
   * The stored answer of this key, or the endpoint's, stored with its effect.
   *
   * @param {Request} request
   * @param {Body} body
   * @param {string | undefined} key
   * @param {Endpoint} endpoint
   * @returns {Answer}
   */
  function once(request, body, key, endpoint) {
    const { method, url: path } = request;
    const earlier = key === undefined ? undefined : store.effectOf(key);
    if (earlier) {
      const same = earlier.method === method && earlier.path === path && (earlier.body ?? '') === body.text;
      if (!same) return problem(422, 'This Idempotency-Key was used for another request.');

      return { status: earlier.status, body: JSON.parse(earlier.answer), replayed: true };
    }

    if (body.json instanceof Error) return problem(400, `The body is not JSON: ${body.json.message}`);
    const result = endpoint(body, /** @type {Record<string, string>} */ (request.params));
    if (!('answer' in result)) return result;

    const { answer, report, photo } = result;
    const effect = { at: Date.now(), key: key ?? null, method, path, body: body.text || null, status: answer.status };
    store.apply({ ...effect, answer: JSON.stringify(answer.body) }, { report, photo });

    return answer;
  }

  /**
   * @param {Request} request
   * @param {string} body
   * @param {Mood} mood
   */
  function arrive(request, body, mood) {
    const { 'x-worker': worker, 'x-recovered': recovered } = request.headers;

    return store.arrive({
      at: Date.now(),
      method: request.method,
      path: request.url,
      key: readKey(request.headers['idempotency-key']) ?? null,
      body: body || null,
      worker: worker === undefined ? null : String(worker),
      attempt: attemptOf(request),
      recovered: recovered === undefined ? null : recovered === 'true',
      inspector: tokens.read(request).inspector,
      mood: mood.mood,
    });
  }

  /**
   * @param {Reply} reply
   * @param {number} n
   * @param {Mood} mood
   */
  function drop(reply, n, mood) {
    store.end(n, 'dropped');
    reply.hijack();
    if (mood.mood === 'refuse') reply.raw.socket?.resetAndDestroy();
    else reply.raw.socket?.destroy();
  }

  /** @type {Endpoint} */
  function putReport({ json }, { id = '' }) {
    const said = reportIn(json);
    if (typeof said === 'string') return problem(422, said);
    const known = store.reports();
    const number = known.find((row) => row.id === id)?.number ?? Math.max(0, ...known.map((row) => row.number)) + 1;
    const report = { id, number, ...said, updatedAt: Date.now() };

    return { answer: { status: 200, body: report }, report };
  }

  /** @type {Endpoint} */
  function putPhoto(body, { number = '', id = '' }) {
    const report = store.reports().find((known) => String(known.number) === number)?.id;
    if (report === undefined) return problem(404, 'There is no such report for the photo.');
    const said = photoIn(body);
    if ('title' in said) return problem(said.status, said.title);
    const photo = { id, report, ...said, updatedAt: Date.now() };
    const { bytes: _, ...shown } = photo;

    return { answer: { status: 200, body: { ...shown, size: said.bytes.length } }, photo };
  }
}

/** What is no text is told by its description. @type {Endpoint} */
function echo({ json, text, bytes }, { name = '' }) {
  return { answer: { status: 200, body: { name, body: bytes === undefined ? json : text } } };
}

/**
 * The number of its task's attempt that a request belongs to, if it says so.
 *
 * @param {Request} request
 */
function attemptOf({ headers: { 'x-attempt': attempt } }) {
  return attempt === undefined ? null : Number(attempt);
}

/**
 * What the mood says before anything is done, or nothing.
 *
 * @param {Mood} mood
 * @returns {Answer | 'drop' | undefined}
 */
function moodAnswer({ mood, options }) {
  switch (mood) {
    case '503':
      return problem(503, 'The server is busy.', retryAfter(options.retryAfter));
    case '429':
      return problem(429, 'That was too much at once.', retryAfter(options.retryAfter ?? 2));
    case '401':
      return problem(401, 'Nobody is signed in.', { 'www-authenticate': 'Bearer' });
    case 'redirect':
      return { ...problem(302, 'Sign in first.'), headers: { location: '/' } };
    case '4xx':
      return problem(options.status ?? 422, 'The server does not take this.');
    case '500':
      return problem(500, 'The server made a mistake.');
    case 'drop-before':
    case 'refuse':
      return 'drop';
    case 'up':
    case 'slow':
    case 'hang':
    case 'drop-after':
      return undefined;
  }
}

/** @param {number | undefined} seconds */
function retryAfter(seconds) {
  return seconds === undefined ? {} : { 'retry-after': String(seconds) };
}

/**
 * @param {number} status
 * @param {string} title
 * @param {Record<string, string>} [headers]
 * @returns {Answer}
 */
function problem(status, title, headers) {
  return { status, body: { status, title }, headers: { 'content-type': 'application/problem+json', ...headers } };
}

/**
 * @param {number} milliseconds
 * @param {AbortSignal} stop
 */
async function pause(milliseconds, stop) {
  await delay(milliseconds, undefined, { signal: stop }).catch(() => undefined);
}

/**
 * Resolves when the other side has gone away, or the server.
 *
 * @param {Reply} reply
 * @param {AbortSignal} stop
 * @returns {Promise<void>}
 */
function gone(reply, stop) {
  return new Promise((resolve) => {
    if (reply.raw.destroyed || stop.aborted) return resolve();
    reply.raw.once('close', resolve);
    stop.addEventListener('abort', () => resolve(), { once: true });
  });
}
