/**
 * The hidden door for people and tests: reads the ledger, switches the mood. No mood ever touches it.
 */
import { readMood } from './moods.mjs';

/**
 * @param {import('fastify').FastifyInstance} app
 * @param {object} context
 * @param {import('./store.mjs').Store} context.store
 * @param {ReturnType<typeof import('./moods.mjs').createMoods>} context.moods
 * @param {() => void} context.reset
 */
export function addControl(app, { store, moods, reset }) {
  app.register(async (control) => {
    control.addHook('onRequest', async (_request, reply) => void reply.header('cache-control', 'no-store'));
    addRoutes(control);
  });

  /** @param {import('fastify').FastifyInstance} control */
  function addRoutes(control) {
    control.get('/control/ledger', (request) => {
      const { last } = /** @type {{ last?: string }} */ (request.query);

      return store.ledger(last === undefined ? undefined : Number.parseInt(last, 10));
    });
    control.get('/control/effects', () => store.effects());
    control.get('/control/mood', () => moods.current());

    control.post('/control/mood', (request, reply) => {
      try {
        const { mood, options } = readMood(request.body);
        moods.set(mood, options);
      } catch (error) {
        return reply.code(400).send({ status: 400, title: /** @type {Error} */ (error).message });
      }

      return moods.current();
    });

    control.post('/control/reset', () => {
      reset();

      return moods.current();
    });
  }
}
