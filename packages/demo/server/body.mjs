/**
 * What came with a request: JSON, or bytes such as a photo.
 */
import { createHash } from 'node:crypto';

/**
 * @typedef {object} Body
 * @property {string} text As it stands in ledger and effects: as it came, or, of bytes, their type, number and hash.
 * @property {unknown} json What the text says; an error if it is not JSON; `undefined` for bytes, and without a body.
 * @property {Buffer} [bytes] There if what came is said to be no text.
 * @property {string} type The content type.
 */

/**
 * @param {import('fastify').FastifyRequest} request
 * @returns {Body}
 */
export function readBody(request) {
  const type = request.headers['content-type'] ?? '';
  if (!Buffer.isBuffer(request.body) || request.body.length === 0) return { text: '', json: undefined, type };

  const bytes = request.body;
  if (isText(type)) return { text: bytes.toString(), json: parse(bytes.toString()), type };

  const hash = createHash('sha256').update(bytes).digest('hex');

  return { text: `${type}, ${bytes.length} bytes, sha256 ${hash}`, json: undefined, bytes, type };
}

/** Without a type it is taken for text. @param {string} type */
function isText(type) {
  return type === '' || /^text\/|\bjson\b/.test(type);
}

/** @param {string} text */
function parse(text) {
  try {
    return JSON.parse(text);
  } catch (error) {
    return /** @type {Error} */ (error);
  }
}
