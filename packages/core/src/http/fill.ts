import { must } from '../pure/options.js';

/**
 * Which values of parents' answers a request gets before it is sent. The name of a placeholder of the `url`
 * (`noteId` for `{noteId}`), or the JSON Pointer of a place in `json` (`/note/id`); and where the value is: the parent's
 * place in `after`, from 0, and the names that lead to the value in the body of its answer. (If the parent has a
 * handler of your own, and what this returned has no `headers`, the names lead into what it returned.)
 */
export interface Fill {
  readonly [name: string]: readonly [parent: number, ...names: (string | number)[]];
}

/**
 * Refuses a `fill` that names nothing in its request.
 *
 * @throws TaskbasketError `option`.
 */
export function checkFill(fill: Fill, url: string, json: unknown): void {
  for (const [name, from] of Object.entries(fill)) {
    const isThere = name.startsWith('/') ? json !== undefined : isFilled(url, { [name]: from });
    must(isThere, 'A name in fill', 'a {placeholder} of the url, or a /place in json', name);
    must(Array.isArray(from), `fill["${name}"]`, 'a list such as [0, "id"]', from);
  }
}

/** Whether a path has a placeholder that is filled. */
export function isFilled(path: string, fill: Fill | undefined): boolean {
  return Object.keys(fill ?? {}).some((name) => path.includes(`{${name}}`));
}
