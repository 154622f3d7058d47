import { must } from '../pure/options.js';

/** What no path may contain: what a browser removes, turns into "/" or cuts off, and halves of a character. */
// oxlint-disable-next-line no-control-regex -- Control characters are what it searches for.
const misread = /[\u0000-\u0020\u007f\\#]|\p{Surrogate}/u;

/** A step to another folder, also in the forms that only some servers read as one, such as behind an encoded slash. */
const dots = /(?:\/|%2f|%5c)(?:\.|%2e){1,2}(?:[/;]|%2f|%5c|$)/i;

/**
 * Refuses what is no path below a base: nothing that a browser or a server could read as another host, or as a step out
 * of the base.
 *
 * @throws TaskbasketError `option`.
 */
export function checkPath(path: string): void {
  const fits = /^\/(?!\/)/.test(path) && !misread.test(path) && !dots.test(path.split('?', 1)[0] ?? '');
  const rule = 'such as "/notes/1", each part encoded by encodeURIComponent';
  must(typeof path === 'string' && fits, 'The path of a request', rule, path);
}

/** The first two parts of a path, without its query and its hash: `/notes/1` of `/notes/1/photos?size=2`. */
export function recordOf(path: string): { readonly name: string; readonly parts: number } {
  const [whole = ''] = path.split(/[?#]/);
  const parts = whole.split('/').filter(Boolean).slice(0, 2);

  return { name: `/${parts.join('/')}`, parts: parts.length };
}
