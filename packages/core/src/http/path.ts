/** What no path may contain: what a browser removes, turns into "/" or cuts off, and halves of a character. */
// oxlint-disable-next-line no-control-regex -- Control characters are what it searches for.
const misread = /[\u0000-\u0020\u007f\\#]|\p{Surrogate}/u;

/** A step to another folder, also in the forms that only some servers read as one. */
const dots = /\/(?:\.|%2e){1,2}(?=[/;]|$)/i;

/**
 * Refuses what is no path below a base: nothing that a browser or a server could read as another host, or as a step out
 * of the base.
 *
 * @throws TypeError
 */
export function checkPath(url: unknown): asserts url is string {
  const path = typeof url === 'string' ? (url.split('?', 1)[0] ?? '') : '';
  if (typeof url === 'string' && /^\/(?!\/)/.test(url) && !misread.test(url) && !dots.test(path)) return;

  const shown = typeof url === 'string' ? JSON.stringify(url) : `of type ${typeof url}`;
  const rule = 'The url must be a path that begins with one "/", without "..", "#", "\\" and spaces';
  const remedy =
    'Encode each part of it with encodeURIComponent. For another server, pass new Request(…) as the payload.';
  throw new TypeError(`${rule}, but it is ${shown}. ${remedy}`);
}

/** The first two parts of a path, without its query: `/notes/1` of `/notes/1/photos?size=2`. */
export function recordOf(path: string): { readonly name: string; readonly parts: number } {
  const parts = (path.split('?', 1)[0] ?? '').split('/').filter((part) => part !== '');
  const first = parts.slice(0, 2);

  return { name: `/${first.join('/')}`, parts: first.length };
}
