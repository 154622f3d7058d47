/**
 * Who sends a request? An inspector signs in for a token, which says so, and which ends by itself. There are no
 * passwords: this is a demo.
 */
import { randomUUID } from 'node:crypto';

const inspectors = ['ann', 'bob'];

/** How long a token holds, in milliseconds. */
const life = 15 * 60_000;

/**
 * Tokens are kept in memory: a server that is started again knows none, and the page asks for another one.
 *
 * @param {(authorization: string) => void} [told] Is called with each token that is given, and with what comes as one.
 */
export function createTokens(told) {
  /** @type {Map<string, { readonly inspector: string, endsAt: number }>} */
  const given = new Map();

  /** @param {string} inspector */
  function give(inspector) {
    const token = randomUUID();
    given.set(token, { inspector, endsAt: Date.now() + life });
    told?.(token);

    return token;
  }

  /**
   * Whose token the request carries, also if it is too old, and whether it still holds.
   *
   * @param {import('fastify').FastifyRequest} request
   */
  function read({ headers: { authorization = '' } }) {
    told?.(authorization);
    const { inspector = null, endsAt = 0 } = given.get(authorization.replace(/^Bearer /, '')) ?? {};

    return { inspector, holds: endsAt > Date.now() };
  }

  /** Every token that was given is too old from now on. */
  function endAll() {
    for (const token of given.values()) token.endsAt = 0;
  }

  return { give, read, endAll };
}

/**
 * Gives tokens. It stands for a sign-in of another house: no mood touches it, and the ledger does not show it.
 *
 * @param {import('fastify').FastifyInstance} app
 * @param {ReturnType<typeof createTokens>} tokens
 */
export function addSignIn(app, tokens) {
  app.post('/sign-in/:inspector', (request, reply) => {
    const { inspector = '' } = /** @type {Record<string, string>} */ (request.params);
    reply.header('cache-control', 'no-store');
    if (inspectors.includes(inspector)) return { token: tokens.give(inspector) };

    return reply.code(404).send({ status: 404, title: `There is no inspector ${inspector}.` });
  });
}
