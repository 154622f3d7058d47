/** Which request do the arguments of `send` ask for? */
import { checkParts, must } from '../pure/options.js';
import { partOf } from '../pure/parts.js';
import type { SendAttempt } from './options.js';
import { checkedBase, originHere } from './options.js';
import { checkPath } from './path.js';

/** What `send` sends. */
export interface SendInit {
  /** As in `fetch`, in small or capital letters. Default: `GET`. */
  readonly method?: string | undefined;
  /** A value that is sent as JSON, with its `Content-Type`. What JSON would drop or empty, such as a File, is refused. */
  readonly json?: unknown;
  /** Anything else that `fetch` sends: a Blob, a FormData, a text. */
  readonly body?: BodyInit | null | undefined;
  /**
   * Further headers. For those that say who is signed in, `authorize` is the better place, because it is called anew for
   * each request. A script cannot set `Cookie`. The header of the idempotency key can be given too, for a task with two
   * requests.
   *
   * @example
   * const headers = { 'Idempotency-Key': `"${attempt.idempotencyKey}-confirm"` };
   * await send('/orders/17/confirm', { method: 'POST', headers }, attempt);
   */
  readonly headers?: HeadersInit | undefined;
  /**
   * The content that the answer may have: `json`, `html`, or a media type. An answer that names no content, or has none,
   * is accepted. Default: everything but HTML, because sign-in pages and offline pages are HTML. What begins as HTML is
   * HTML, whatever its type says, unless this names its type.
   *
   * @example
   * const { body } = await send('/notes', { expect: 'json' }, attempt);
   */
  readonly expect?: 'json' | 'html' | `${string}/${string}` | undefined;
}

/** A request, with what it was made from. */
export interface Made {
  readonly request: Request;
  readonly body: BodyInit | null | undefined;
  /** In small letters. */
  readonly expect: string | undefined;
}

/** Reads the arguments of `send`, all at once. */
export function requestOf(
  url: string,
  given: SendInit,
  attempt: SendAttempt,
  keyHeader: string,
  credentials: RequestCredentials = 'same-origin',
): Made {
  const init = checkParts(given, 'What send sends', ['method', 'json', 'body', 'headers', 'expect']);
  const { json, expect } = init;
  const [key, signal] = [partOf(attempt, 'idempotencyKey'), partOf(attempt, 'signal')];
  const isAttempt = typeof key === 'string' && signal !== undefined && Number.isInteger(partOf(attempt, 'number'));
  must(isAttempt, 'The third argument of send', 'the second argument of the handler', attempt);
  must(json === undefined || init.body == null, 'What send sends', 'either `json` or `body`', 'both');
  checkExpect(expect);

  const headers = new Headers(init.headers);
  if (json !== undefined && !headers.has('Content-Type')) headers.set('Content-Type', 'application/json');
  if (!headers.has(keyHeader)) headers.set(keyHeader, `"${attempt.idempotencyKey}"`);
  const body = jsonText(json) ?? init.body;
  const method = (init.method ?? 'GET').toUpperCase(); // `fetch` sends "patch" as it is, and servers do not know it.
  const more = { method, headers, signal: attempt.signal, credentials, redirect: 'manual' } as const;

  return { request: new Request(url, body == null ? more : { ...more, body }), body, expect: expect?.toLowerCase() };
}

/** A value as JSON; `undefined` has none. */
export function jsonText(json: unknown): string | undefined {
  return JSON.stringify(json, onlyData);
}

/**
 * Refuses what JSON would drop or empty without a word, such as a File, or a date that is none. A date is sent as its
 * text.
 *
 * @param this What holds the value: there it is as it was before `toJSON`.
 */
function onlyData(this: Readonly<Record<string, unknown>>, name: string, value: unknown): unknown {
  const kind = Object.prototype.toString.call(value ?? this[name]).slice(8, -1);
  const isKept = /^(?:Object|Array|String|Boolean|Null|Undefined)$/.test(kind) || Number.isFinite(value);
  const fits = isKept && (value ?? this[name]) === value;
  must(fits, `json, at "${name}",`, 'what JSON can hold', kind);

  return value;
}

/** Refuses what is no content that an answer may have. */
export function checkExpect(expect: SendInit['expect']): void {
  const isType = expect === undefined || expect === 'json' || expect === 'html' || /^[^\s;]+\/[^\s;]+$/.test(expect);
  must(isType, 'expect', '"json", "html" or a media type such as "text/csv"', expect);
}

/** The URL of a path, behind the base. */
export function urlOf(base: string | undefined, path: string): string {
  checkPath(path);

  return (base ?? checkedBase(originHere())) + path;
}
