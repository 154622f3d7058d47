import { isDense, isPlain, partOf } from './parts.js';

/**
 * Turns payloads into what is stored, and back. The codec of a schema library fits as it is.
 *
 * `Stored` must be a value that the structured clone algorithm accepts. Both functions may be asynchronous. `addTx`
 * takes only a synchronous `encode`, because it cannot wait; call `prepare` first for an asynchronous one.
 * An asynchronous `encode` gets your object itself: let it read all of it before it awaits anything, because the app may
 * change the object on its next line.
 *
 * @example
 * const day: Codec<Date, string> = {
 *   encode: (date) => date.toISOString(),
 *   decode: (stored) => new Date(stored),
 * };
 *
 * @throws Whatever `encode` throws becomes the `cause` of a TaskbasketError `payload`. A payload that `decode` throws at
 * counts as unreadable, and its task is kept.
 */
export interface Codec<Payload, Stored = unknown> {
  encode(payload: Payload): Stored | PromiseLike<Stored>;
  decode(stored: Stored): Payload | PromiseLike<Payload>;
}

/** The codec of a type that names none: stores values as they are. */
export const asItIs: Codec<unknown> = {
  encode: (payload) => payload,
  decode: (stored) => stored,
};

/**
 * Returns a codec that stores a payload as a JSON text. Large objects are then read about two and a half times as fast
 * as by structured clone.
 *
 * The handler gets exactly what was added. So a payload may contain plain objects, lists, texts, finite numbers,
 * booleans and null, and a part of an object may be undefined. `add` refuses everything else, because JSON would drop
 * or change it: a File, a Map, a date, a function, NaN, an instance of a class, a hole in a list, an object that
 * contains itself. (Only -0 comes back as 0.)
 *
 * @example
 * const saveNote = task({ codec: json<Note>() });
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

/** A part of a value that JSON would drop or change. */
interface Misfit {
  /** The path from the value to the part: `.photos[0].file`. */
  readonly path: string;
  readonly is: string;
}

/** The first part of a value that JSON would drop or change. `containers` are the objects that contain the value. */
function misfitOf(value: unknown, containers: Set<object>): Misfit | undefined {
  if (typeof value === 'string' || typeof value === 'boolean' || value === null || Number.isFinite(value))
    return undefined;
  if (typeof value !== 'object')
    return { path: '', is: typeof value === 'number' ? `${value}` : `a value of type ${typeof value}` };
  if (containers.has(value)) return { path: '', is: 'an object that contains it' };

  const list = Array.isArray(value);
  const names = Object.keys(value);
  if (!(list || isPlain(value)) || typeof partOf(value, 'toJSON') === 'function') {
    return { path: '', is: `of the class ${String((value.constructor as { name?: unknown } | undefined)?.name)}` };
  }
  if (list && !isDense(value)) return { path: '', is: 'a list with holes or named parts' };

  containers.add(value);
  for (const name of names) {
    const part = (value as Record<string, unknown>)[name];
    const misfit = part === undefined && !list ? undefined : misfitOf(part, containers);
    if (misfit === undefined) continue;

    const step = list ? `[${name}]` : /^[\w$]+$/.test(name) ? `.${name}` : `[${JSON.stringify(name)}]`;

    return { ...misfit, path: step + misfit.path };
  }
  containers.delete(value);

  return undefined;
}

/**
 * Passes on what a function of the app has returned, where nothing can be awaited.
 *
 * @throws TypeError, if that is a promise.
 */
export function atOnce(value: unknown, what: string): unknown {
  if (!isPromiseLike(value)) return value;

  Promise.resolve(value).catch(() => undefined); // Nobody waits for it.
  throw new TypeError(`${what} returned a promise. Return the value itself.`);
}

/** Whether a value is a promise, or something that can be awaited like one. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof partOf(value, 'then') === 'function';
}
