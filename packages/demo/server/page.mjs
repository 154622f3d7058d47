/**
 * The built page. Files with a hash in their name never change; all else is asked for again each time, so that a
 * deploy is seen at once.
 */
import { existsSync } from 'node:fs';
import { sep } from 'node:path';

import fastifyStatic from '@fastify/static';

const policy = [
  "default-src 'self'",
  // A photo is shown from the device's own store.
  "img-src 'self' blob:",
  "object-src 'none'",
  "base-uri 'none'",
  "form-action 'self'",
  "frame-ancestors 'self'",
].join('; ');

/**
 * @param {import('fastify').FastifyInstance} app
 * @param {string} dist The folder that `vite build` wrote.
 */
export function addPage(app, dist) {
  if (!existsSync(dist)) {
    app.get('/', (_request, reply) => reply.code(404).send({ status: 404, title: 'The page is not built yet.' }));

    return;
  }
  app.register(fastifyStatic, {
    root: dist,
    cacheControl: false,
    setHeaders(reply, path) {
      const hashed = path.includes(`${sep}assets${sep}`);
      reply.header('Cache-Control', hashed ? 'public, max-age=31536000, immutable' : 'no-cache');
      reply.header('X-Content-Type-Options', 'nosniff');
      reply.header('Referrer-Policy', 'same-origin');
      reply.header('Content-Security-Policy', policy);
    },
  });
}
