/**
 * The key that a request carries, or `undefined`.
 *
 * The draft (draft-ietf-httpapi-idempotency-key-header-07) makes it a string of structured headers: in quotes, with
 * `\"` and `\\` for a quote and a backslash. Many clients send it bare, so that is taken too.
 *
 * @param {string | readonly string[] | undefined} header
 * @returns {string | undefined}
 */
export function readKey(header) {
  const text = String(header ?? '').trim();
  const quoted = /^"((?:[^"\\]|\\["\\])*)"$/.exec(text);
  const key = quoted?.[1] === undefined ? text : quoted[1].replace(/\\(["\\])/g, '$1');

  return key === '' ? undefined : key;
}
