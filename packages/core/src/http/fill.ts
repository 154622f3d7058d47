import { partOf } from '../pure/parts.js';
import { PermanentFailure } from '../pure/verdict.js';
import { checkPath } from './path.js';

/**
 * Which values of parents' answers a request gets before it is sent. The name of a placeholder of the `url`
 * (`noteId` for `{noteId}`), or the JSON Pointer of a place in `json` (`/note/id`); and where the value is: the parent's
 * place in `after`, from 0, and the names that lead to the value in the body of its answer.
 */
export interface Fill {
  readonly [name: string]: readonly [parent: number, ...names: (string | number)[]];
}

/** A name in braces. */
const placeholder = /\{([^{}]*)\}/g;

/**
 * Refuses a `fill` that names nothing in its request.
 *
 * @throws TypeError
 */
export function checkFill(fill: Fill, url: string, json: unknown): void {
  for (const [name, from] of Object.entries(fill)) {
    const isPath =
      Array.isArray(from) &&
      from.every((step) => typeof step === 'string' || (Number.isInteger(step) && step >= 0)) &&
      typeof from[0] === 'number';
    if (!isPath) {
      throw new TypeError(
        `fill["${name}"] must be a list such as [0, "id"]: the parent's place in after, and the names that lead to the value.`,
      );
    }
    const named = [...url.matchAll(placeholder)].some(([, one]) => one === name);
    if (name.startsWith('/') ? placeOf(json, name) !== undefined : named) continue;

    const where = name.startsWith('/') ? `place ${name} in json` : `placeholder {${name}} in the url "${url}"`;
    throw new TypeError(`fill names the ${where}, which is not there.`);
  }
}

/** Whether a path has a placeholder that is filled. */
export function isFilled(path: string, fill: Fill | undefined): boolean {
  return Object.keys(fill ?? {}).some((name) => path.includes(`{${name}}`));
}

/**
 * A request with the values of its parents' results. Only what `fill` names is filled: any other text in braces stays as
 * it is, also in a value.
 *
 * @throws PermanentFailure, if a value is missing, or could lead out of its part of the path.
 */
export function filled(
  { url, json, fill = {} }: { readonly url: string; readonly json?: unknown; readonly fill?: Fill | undefined },
  parents: readonly unknown[],
): { readonly url: string; readonly json: unknown } {
  const values = new Map(Object.entries(fill).map(([name, from]) => [name, valueAt(parents, name, from)]));
  if (values.size === 0) return { url, json };

  const path = url.replace(placeholder, (text, name: string) =>
    values.has(name) ? encoded(name, values.get(name)) : text,
  );
  try {
    checkPath(path);
  } catch (error) {
    throw new PermanentFailure(`The values of the parents give no path: "${path}". Cancel the task.`, { cause: error });
  }
  const copy: unknown = json === undefined ? undefined : JSON.parse(JSON.stringify(json));
  for (const [name, value] of values) {
    const place = name.startsWith('/') ? placeOf(copy, name) : undefined;
    if (place !== undefined) Reflect.set(place.within, place.name, value);
  }

  return { url: path, json: copy };
}

function valueAt(parents: readonly unknown[], name: string, [parent, ...names]: Fill[string]): unknown {
  let value = bodyOf(parents[parent]);
  for (const step of names) value = isOwn(value, step) ? partOf(value, step) : undefined;
  if (value !== undefined && value !== null) return value;

  const where = names.length === 0 ? 'no answer' : `no value at ${names.join('.')}`;
  throw new PermanentFailure(
    `The parent ${parent} has ${where}, which "${name}" needs. Cancel the task, and add it with the value in it.`,
  );
}

/** The body of an answer; any other result as it is. */
function bodyOf(result: unknown): unknown {
  const isAnswer = typeof partOf(result, 'status') === 'number' && typeof partOf(result, 'headers') === 'object';

  return isAnswer ? partOf(result, 'body') : result;
}

function encoded(name: string, value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value;
  if (typeof text === 'string' && text !== '') {
    try {
      return encodeURIComponent(text);
    } catch {
      // A half of a character.
    }
  }

  throw new PermanentFailure(`The value for {${name}} must be a text or a number, but it is ${JSON.stringify(value)}.`);
}

/** The object or the list that has the place of a JSON Pointer (RFC 6901), and its name there. */
function placeOf(json: unknown, pointer: string): { readonly within: object; readonly name: string } | undefined {
  const names = pointer
    .slice(1)
    .split('/')
    .map((name) => name.replace(/~1/g, '/').replace(/~0/g, '~'));
  let within = json;
  for (const name of names.slice(0, -1)) within = isOwn(within, name) ? partOf(within, name) : undefined;
  const name = names.at(-1) ?? '';
  if (typeof within !== 'object' || within === null || name === '__proto__') return undefined;
  if (Array.isArray(within) && !isOwn(within, name)) return undefined;

  return { within, name };
}

function isOwn(value: unknown, name: PropertyKey): boolean {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name);
}
