import { isDense, isPlain, partOf } from './parts.js';

/**
 * Turns payloads into what is stored, and back. Methods or properties: a schema library's codec fits as it is.
 *
 * `Stored` must be a value that the structured clone algorithm accepts. Either way may be asynchronous; `addTx` takes
 * synchronous codecs only, since nothing may be awaited between its call and the app's `commit()`.
 */
export interface Codec<Payload, Stored = unknown> {
  encode(payload: Payload): Stored | PromiseLike<Stored>;
  decode(stored: Stored): Payload | PromiseLike<Payload>;
}

/** The codec of a type that names none: values that can be cloned are stored as they are. */
export const asItIs: Codec<unknown> = {
  encode: (payload) => payload,
  decode: (stored) => stored,
};

/**
 * Stores a payload as a JSON text: large objects are then read about two and a half times as fast as by structured clone.
 *
 * What is added is what the handler gets. So a payload may hold plain objects, lists, texts, finite numbers, booleans and
 * null; a part of an object may be undefined. Everything else is refused at `add`, because JSON drops it or makes
 * something else of it: a File, a Map, a date, a function, NaN, an instance of a class, a hole in a list, a circle. (-0
 * comes back as 0.)
 */
export function json<Payload>(): Codec<Payload, string> {
  return {
    encode(payload) {
      const misfit = misfitOf(payload, new Set());
      if (misfit === undefined) return JSON.stringify(payload);

      const where = misfit.path === '' ? 'this payload' : misfit.path.replace(/^\./, '');
      const remedy = 'Store it as text or numbers, or leave the codec out.';
      throw new TypeError(`JSON cannot hold ${where}, which is ${misfit.is}. ${remedy}`);
    },
    decode: (stored) => JSON.parse(stored) as Payload,
  };
}

/** A part of a value that JSON would not give back as it is. */
interface Misfit {
  /** From the value on: `.photos[0].file`. */
  readonly path: string;
  readonly is: string;
}

/** The first part of a value that JSON would not give back; `within`: the objects in which it lies. */
function misfitOf(value: unknown, within: Set<object>): Misfit | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value))
    return undefined;
  if (typeof value !== 'object')
    return { path: '', is: typeof value === 'number' ? `${value}` : `a value of type ${typeof value}` };
  if (within.has(value)) return { path: '', is: 'an object that contains it' };

  const list = Array.isArray(value);
  const names = Object.keys(value);
  if (!(list || isPlain(value)) || typeof partOf(value, 'toJSON') === 'function') {
    return { path: '', is: `of the class ${String((value.constructor as { name?: unknown } | undefined)?.name)}` };
  }
  if (list && !isDense(value)) return { path: '', is: 'a list with holes or named parts' };

  within.add(value);
  for (const name of names) {
    const part = (value as Record<string, unknown>)[name];
    const misfit = part === undefined && !list ? undefined : misfitOf(part, within);
    if (misfit === undefined) continue;

    const step = list ? `[${name}]` : /^[\w$]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;

    return { ...misfit, path: step + misfit.path };
  }
  within.delete(value);

  return undefined;
}

/** Whether a value is a promise, or something that can be awaited like one. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof partOf(value, 'then') === 'function';
}
