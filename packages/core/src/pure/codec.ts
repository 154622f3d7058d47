import { partOf } from './parts.js';

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
 * Stores a payload as a JSON string: large objects are then read about two and a half times as fast as by structured
 * clone, and what JSON can't hold (`undefined` at the top, a function, a cycle, a big integer) is refused at `add`.
 */
export function json<Payload>(): Codec<Payload, string> {
  return {
    encode(payload) {
      const text: string | undefined = JSON.stringify(payload);
      if (text === undefined) throw new TypeError('JSON has no form for this value.');

      return text;
    },
    decode: (stored) => JSON.parse(stored) as Payload,
  };
}

/** Whether a value is a promise, or something that can be awaited like one. */
export function isPromiseLike(value: unknown): value is PromiseLike<unknown> {
  return typeof partOf(value, 'then') === 'function';
}
