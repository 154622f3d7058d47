import { messageOf } from '../pure/errors.js';
import { must } from '../pure/options.js';
import { partOf } from '../pure/parts.js';
import { PermanentFailure } from '../pure/verdict.js';
import type { Fill } from './fill.js';
import { jsonText } from './init.js';
import { checkPath } from './path.js';

/**
 * A request with the values of its parents' results. Only what `fill` names is filled: any other text in braces stays as
 * it is, also in a value.
 *
 * @throws PermanentFailure, if a value is missing, has no place, or could lead out of its part of the path.
 */
export function filled(
  { url, json, fill = {} }: { readonly url: string; readonly json?: unknown; readonly fill?: Fill | undefined },
  parents: readonly unknown[],
): { readonly url: string; readonly json: unknown } {
  if (Object.keys(fill).length === 0) return { url, json };

  try {
    const values = new Map(Object.entries(fill).map(([name, from]) => [name, valueAt(parents, name, from)]));
    const path = url.replace(/\{([^{}]*)\}/g, (text, name: string) =>
      values.has(name) ? encoded(name, values.get(name)) : text,
    );
    checkPath(path);
    const copy = structuredClone(json);
    for (const [name, value] of values) if (name.startsWith('/')) put(copy, name, value);
    jsonText(copy); // It refuses a value that JSON cannot hold.

    return { url: path, json: copy };
  } catch (error) {
    throw new PermanentFailure(`${messageOf(error)} Cancel the task, and add it anew.`, { cause: error });
  }
}

function valueAt(parents: readonly unknown[], name: string, [parent, ...names]: Fill[string]): unknown {
  const result = parents[parent];
  // An answer has a body. Any other handler returns what it likes.
  const whole = partOf(result, 'headers') === undefined ? result : partOf(result, 'body');
  const value = names.reduce<unknown>(ownPart, whole);
  must(value !== undefined && value !== null, name, `at "${names.join('.')}" in the answer of parent ${parent}`, value);
  const rule = 'a text, because JSON rounds such a number';
  must(Number.isInteger(value) === Number.isSafeInteger(value), name, rule, value);

  return value;
}

function encoded(name: string, value: unknown): string {
  must(/string|number/.test(typeof value) && value !== '', name, 'a text or a number', value);

  return encodeURIComponent(value as string);
}

/** Puts a value at the place of a JSON Pointer (RFC 6901). */
function put(json: unknown, pointer: string, value: unknown): void {
  const names = pointer.split('/').map((name) => name.replace(/~1/g, '/').replace(/~0/g, '~'));
  const name = names.pop() ?? '';
  const container = names.slice(1).reduce(ownPart, json);
  const fits = Array.isArray(container) ? Object.hasOwn(container, name) : container !== null && name !== '__proto__';
  must(fits && typeof container === 'object', pointer, 'a place in json', container);
  Reflect.set(container as object, name, value);
}

/** A part of a value. What the value inherits is none. */
function ownPart(value: unknown, name: PropertyKey): unknown {
  return typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? partOf(value, name) : undefined;
}
