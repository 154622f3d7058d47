/** Which options has createSend? */
import { checkFunction, checkParts, must } from '../pure/options.js';
import { partOf } from '../pure/parts.js';
import type { Session } from '../pure/session.js';

/** The part of a handler's second argument that `send` reads. Pass the whole of it. */
export interface SendAttempt<Values = unknown> {
  readonly signal: AbortSignal;
  readonly idempotencyKey: string;
  readonly number: number;
  readonly session?: Session<Values> | undefined;
}

/** The options of `createSend`. */
export interface SendOptions<Values = unknown> {
  /**
   * The absolute URL that stands before each path, such as `https://api.example/v1`. Default: the origin of the worker.
   *
   * @example
   * const send = createSend({ base: 'https://api.example/v1' });
   */
  readonly base?: string | URL | undefined;
  /**
   * Is called before each request: sets headers that say who is signed in, or returns another `Request`, which gets the
   * idempotency key too. It may be asynchronous. Nothing of it is stored. `session` is that of the attempt; `undefined`
   * if the task has no owner.
   *
   * @example
   * const send = createSend<{ token: string }>({
   *   authorize: (request, session) => request.headers.set('Authorization', `Bearer ${session?.token}`),
   * });
   */
  readonly authorize?:
    | ((request: Request, session: Session<Values> | undefined) => void | Request | Promise<void | Request>)
    | undefined;
  /**
   * Decides about an answer before the rules do. It throws the error that the task gets, or returns `done`, or returns
   * nothing to leave the answer to the rules. It may be asynchronous, and may read the content of the answer.
   *
   * @example
   * const send = createSend({ judge: ({ status }) => (status === 404 ? 'done' : undefined) });
   */
  readonly judge?:
    | ((response: Response, attempt: SendAttempt<Values>) => 'done' | undefined | Promise<'done' | undefined>)
    | undefined;
  /**
   * The header that carries the idempotency key, in quotes. Default: `Idempotency-Key`.
   *
   * @example
   * const send = createSend({ keyHeader: 'X-Request-Id' });
   */
  readonly keyHeader?: string | undefined;
}

/** Reads the options that createSend has. */
export function checkedOptions<Options extends SendOptions<never>>(
  given: Options,
  what: string,
): Omit<Options, 'base'> & { readonly base: string | undefined } {
  const options = checkParts(given, what, ['base', 'authorize', 'judge', 'keyHeader']);
  const { base, authorize, judge, keyHeader = 'Idempotency-Key' } = options;
  checkFunction(authorize, 'authorize');
  checkFunction(judge, 'judge');
  must(/^[\w!#$%&'*+.^`|~-]+$/.test(keyHeader), 'keyHeader', 'the name of a header', keyHeader);

  return { ...options, base: base === undefined ? undefined : checkedBase(base) };
}

/** A base without the slash at its end. */
export function checkedBase(base: unknown): string {
  let href = '';
  try {
    ({ href } = new URL(String(base)));
  } catch {
    // It is refused below.
  }
  const rule = 'an absolute http(s) URL without a user, a query or a hash, such as "https://api.example/v1"';
  must(/^https?:\/\/[^/?#@]+\/[^?#]*$/.test(href), 'The base', rule, base);

  return href.replace(/\/+$/, '');
}

/** The origin of this page or worker. `undefined`: there is none, as in Node, or nothing can be sent to it. */
export function originHere(): string | undefined {
  const origin = String(partOf(partOf(globalThis, 'location'), 'origin'));

  return /^https?:/.test(origin) ? origin : undefined;
}
